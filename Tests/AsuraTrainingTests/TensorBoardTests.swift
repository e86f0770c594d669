import AsuraTraining
import Foundation
import Testing

@Suite struct TensorBoardTests {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue for "123456789".
  static let checksums: [([UInt8], UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    (Array(0...31), 0x46DD_794E),
    ((0...31).reversed(), 0x113F_DB5C),
    (Array("123456789".utf8), 0xE306_9283),
    ([], 0),
  ]

  @Test(arguments: checksums)
  func checksum(bytes: [UInt8], expected: UInt32) {
    #expect(crc32c(bytes) == expected)
  }

  /// "abc" as one record; the two checksums are those of `masked_crc32c` in Python's tensorboard
  /// 2.21.
  @Test func framing() {
    var file: [UInt8] = []
    TFRecord.append(Array("abc".utf8), to: &file)
    #expect(
      file == [3, 0, 0, 0, 0, 0, 0, 0, 0xB0, 0x99, 0x49, 0x0E]
        + [0x61, 0x62, 0x63, 0x6E, 0x57, 0xF1, 0x21])
  }

  @Test func aFileForEachWriterInOrder() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let time = Date(timeIntervalSince1970: 1_700_000_000)
    let first = try TensorBoardWriter(directory: directory, clock: { time })
    let second = try TensorBoardWriter(directory: directory, clock: { time })
    #expect(first.url.lastPathComponent.hasPrefix("events.out.tfevents.1700000000."))
    #expect(second.url.lastPathComponent.hasPrefix("events.out.tfevents.1700000001."))
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() {
    let error = #expect(throws: TensorBoardError.self) {
      try TensorBoardWriter(directory: URL(filePath: "/dev/null/run"))
    }
    #expect(error?.description.contains("/dev/null/run") == true)
  }

  @Test(.enabled(if: hasTensorBoard, "ASURA_PYTHON names no Python with tensorboard"))
  func tensorBoardReadsWhatWasWritten() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    do {
      let board = try TensorBoardWriter(directory: directory)
      for step in 1...5 {
        try board.add(["loss": 1 / Double(step), "accuracy/länge 10": 0.25], step: step)
      }
    }
    // The run was killed in the middle of a record, and resumes after step 3.
    let killed = try FileManager.default.contentsOfDirectory(atPath: directory.path)[0]
    let handle = try FileHandle(forWritingTo: directory.appending(path: killed))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data([30, 0, 0, 0, 0]))
    try handle.close()
    let board = try TensorBoardWriter(directory: directory, resumingAfter: 3)
    try board.add("loss", 10, step: 4)
    try board.add("loss", .nan, step: 5)
    try board.add("loss", -3e38, step: 1 << 40)
    try board.close()

    let script = """
      import json, sys
      from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
      events = EventAccumulator(sys.argv[1]).Reload()
      print(json.dumps({tag: [(e.step, e.value) for e in events.Scalars(tag)]
                        for tag in sorted(events.Tags()["scalars"])}))
      """
    let process = Process()
    process.executableURL = python
    process.arguments = ["-c", script, directory.path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let third = Float(1.0 / 3)
    #expect(process.terminationStatus == 0)
    #expect(
      text == """
        {"accuracy/l\\u00e4nge 10": [[1, 0.25], [2, 0.25], [3, 0.25]], \
        "loss": [[1, 1.0], [2, 0.5], [3, \(Double(third))], [4, 10.0], [5, NaN], \
        [1099511627776, \(Double(Float(-3e38)))]]}\n
        """)
  }
}

private func temporaryDirectory() throws -> URL {
  let url = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}

/// A Python with the packages that the tests read our files with.
private let python = ProcessInfo.processInfo.environment["ASURA_PYTHON"]
  .map { URL(filePath: $0) }

/// Whether that Python has TensorBoard.
private let hasTensorBoard: Bool = {
  guard let python else { return false }
  let process = Process()
  process.executableURL = python
  process.arguments = ["-c", "import tensorboard"]
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}()
