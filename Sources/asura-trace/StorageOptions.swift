import ArgumentParser
import Asura
import AsuraCommandLine

/// How a trace stores its values.
struct StorageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compress values: 1 is fast, 9 small. (default: 0, not at all)", valueName: "level"))
  var deflate = 0

  @Option(
    help: ArgumentHelp(
      "Bits of the mantissa to keep, of 23. With 10, values are good to 0.05% and compress far better.",
      valueName: "n"))
  var keepBits: Int?

  @Flag(
    name: .customLong("no-swmr"),
    help: "Let no one read along while the file is written, as on network file systems.")
  var isClosed = false

  func validate() throws {
    guard (0...9).contains(deflate) else {
      throw ValidationError("--deflate \(deflate): expected 0 to 9")
    }
    if let keepBits, !(1...23).contains(keepBits) {
      throw ValidationError("--keep-bits \(keepBits): expected 1 to 23, such as 10")
    }
  }

  var storage: TraceStorage {
    TraceStorage(deflate: deflate, keptBits: keepBits, canBeFollowed: !isClosed)
  }
}
