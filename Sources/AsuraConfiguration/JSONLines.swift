import Foundation

/// Reads a file or a pipe that holds one JSON object a line, piece by piece, and no more of it than is allowed.
package struct JSONLines: Sendable {
  /// The longest line taken in.
  package let bytesPerLine: Int
  /// How many lines that hold something are taken in.
  package let lines: Int

  package init(bytesPerLine: Int = 16 << 20, lines: Int = 1 << 20) {
    self.bytesPerLine = bytesPerLine
    self.lines = lines
  }

  /// What is wrong with a line.
  package struct Mistake: Error {
    package enum Reason {
      case tooLong, tooMany, notJSON
      /// An object, but not what was expected.
      case invalid(ConfigurationError)
    }
    /// Counted from 1.
    package let line: Int
    package let reason: Reason
  }

  /// Reads all lines of `handle` that hold something, and hands each on with its number.
  ///
  /// - Throws: `Mistake`, what `take` throws, and what the file system has to say.
  package func forEach<Line: Decodable>(
    _: Line.Type, in handle: FileHandle, _ take: (_ number: Int, Line) throws -> Void
  ) throws {
    var rest = Data()
    // Where to look for the end of a line: what was looked at before holds none.
    var unread = 0
    var (number, count) = (0, 0)
    func read(_ data: Data) throws {
      number += 1
      guard data.count <= bytesPerLine else { throw Mistake(line: number, reason: .tooLong) }
      if data.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
      guard count < lines else { throw Mistake(line: number, reason: .tooMany) }
      count += 1
      let line: Line
      do { line = try JSONDecoder().decode(Line.self, from: data) } catch let error
        as ConfigurationError
      {
        throw Mistake(line: number, reason: .invalid(error))
      } catch { throw Mistake(line: number, reason: .notJSON) }
      try take(number, line)
    }
    while true {
      let piece = try handle.read(upToCount: 1 << 16) ?? Data()
      rest.append(piece)
      var start = 0
      while let end = rest[max(start, unread)...].firstIndex(of: UInt8(ascii: "\n")) {
        try read(rest[start..<end])
        start = end + 1
      }
      rest = Data(rest[start...])
      unread = rest.count
      guard unread <= bytesPerLine else { throw Mistake(line: number + 1, reason: .tooLong) }
      if piece.isEmpty { break }
    }
    if !rest.isEmpty { try read(rest) }
  }
}
