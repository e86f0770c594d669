public import Foundation

/// Cells of a sweep on the disk as they are made, so that an interrupted one can go on.
///
/// A line of text says of which sweep they are; then come records of 52 bytes, little-endian: patch and pair (32 bits
/// each), the four metrics (64-bit floats), the iteration in which the run rejoined (−1 for never), iterations made and a
/// check of the rest (32 bits each). A record cut short by a kill is left out.
public struct PatchJournal {
  private static let recordSize = 52
  private let handle: FileHandle

  /// Goes on with what is at `url`, or begins.
  /// - Parameters:
  ///   - identity: what makes the sweep this one: model, pairs, options.
  ///   - resuming: whether a journal that is there is gone on with; it is begun anew otherwise.
  /// - Returns: with the journal the cells that it holds.
  /// - Throws: `ProbeError` when it is of another sweep.
  public static func open(
    _ url: URL, identity: String, patches: Int, pairs: Int, resuming: Bool
  ) throws -> (journal: PatchJournal, cells: [PatchCell]) {
    let header = Data("asura patch journal 1 \(identity)\n".utf8)
    var cells: [PatchCell] = []
    var kept = header
    if resuming, let data = try? Data(contentsOf: url) {
      guard data.starts(with: header) else {
        throw ProbeError(
          .badPatch, "\(url.path) is of another sweep",
          remedy:
            "Repeat the very command that was interrupted, or leave --resume out to begin anew.")
      }
      var place = data.startIndex + header.count
      while place + recordSize <= data.endIndex,
        let cell = Self.cell(data[place..<place + recordSize]), cell.patch < patches,
        cell.pair < pairs
      {
        cells.append(cell)
        place += recordSize
      }
      kept = Data(data[..<place])
    }
    do {
      try kept.write(to: url, options: .atomic)
      let handle = try FileHandle(forWritingTo: url)
      try handle.seekToEnd()
      return (PatchJournal(handle: handle), cells)
    } catch {
      throw ProbeError(
        .notFound, "cannot write \(url.path): \(error.localizedDescription)",
        remedy: "Check the folder, its permissions and its free space.")
    }
  }

  /// Adds cells.
  public func append(_ cells: [PatchCell]) throws {
    do { try handle.write(contentsOf: Data(cells.flatMap(Self.record))) } catch {
      throw ProbeError(
        .notFound, "cannot write the sweep's journal: \(error.localizedDescription)",
        remedy: "Free some space; the same command with --resume goes on.")
    }
  }

  private static func record(_ cell: PatchCell) -> [UInt8] {
    var bytes: [UInt8] = []
    func add<T: FixedWidthInteger>(_ number: T) {
      withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }
    add(UInt32(cell.patch))
    add(UInt32(cell.pair))
    for metric in PatchMetric.allCases { add(cell.values[metric].bitPattern) }
    add(Int32(cell.rejoined ?? -1))
    add(Int32(cell.iterations))
    add(checksum(bytes[...]))
    return bytes
  }

  private static func cell(_ data: Data) -> PatchCell? {
    let bytes = Array(data)
    func number<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
      (0..<T.bitWidth / 8).reduce(T.zero) {
        $0 | T(truncatingIfNeeded: bytes[offset + $1]) << (8 * T($1))
      }
    }
    guard number(48, UInt32.self) == checksum(bytes[..<48]) else { return nil }
    let values = (0..<4).map { Double(bitPattern: number(8 + 8 * $0, UInt64.self)) }
    let rejoined = Int(number(40, Int32.self))
    return PatchCell(
      patch: Int(number(0, UInt32.self)), pair: Int(number(4, UInt32.self)),
      values: PatchValues(
        logitDifference: values[0], logProbability: values[1], divergence: values[2],
        exactMatch: values[3]), rejoined: rejoined < 0 ? nil : rejoined,
      iterations: Int(number(44, Int32.self)))
  }

  /// 32-bit FNV-1a.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }
}
