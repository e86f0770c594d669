import Foundation

/// A file of bytes being written, that gets its name when it is whole.
final class ByteFile {
  private let output: OutputFile
  private let stream: UnsafeMutablePointer<FILE>
  private var isOpen = true
  /// How many bytes were written: where the next goes.
  private(set) var position = 0

  init(_ url: URL, overwriting: Bool) throws {
    output = OutputFile(url: url, overwrites: overwriting)
    try output.checkFree()
    guard let stream = fopen(output.partial.path, "wb") else {
      throw Self.failure("create", output.partial)
    }
    self.stream = stream
  }

  deinit { if isOpen { discard() } }

  private static func failure(_ doing: String, _ url: URL) -> TraceError {
    TraceError(
      .inaccessible, "could not \(doing) the file: \(String(cString: strerror(errno)))",
      advice: "Check the folder, its permissions and its free space", file: url)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard fwrite(bytes.baseAddress, 1, bytes.count, stream) == bytes.count else {
      throw Self.failure("write to", output.url)
    }
    position += bytes.count
  }

  func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Replaces bytes that were written before.
  func patch(_ bytes: [UInt8], at place: Int) throws {
    let end = position
    guard fseek(stream, place, SEEK_SET) == 0 else { throw Self.failure("write to", output.url) }
    try write(bytes)
    position = end
    guard fseek(stream, end, SEEK_SET) == 0 else { throw Self.failure("write to", output.url) }
  }

  /// Gives the file its name.
  func finish() throws {
    isOpen = false
    guard fclose(stream) == 0 else {
      let failure = Self.failure("write to", output.url)
      output.discard()
      throw failure
    }
    try output.publish()
  }

  /// Leaves nothing behind.
  func discard() {
    guard isOpen else { return }
    isOpen = false
    fclose(stream)
    output.discard()
  }
}

/// The bytes of a number in little-endian order.
func littleEndian<I: FixedWidthInteger>(_ number: I) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}
