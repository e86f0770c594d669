import AsuraCommandLine

/// Which examples of a trace an option asks for: `0`, `0,3`, `0...7`, or `all`.
struct ExampleSelection {
  private let range: IterationRange?

  static let first = ExampleSelection(range: IterationRange(0...0))
  static let all = ExampleSelection(range: nil)

  private init(range: IterationRange?) { self.range = range }

  init(parsing text: String) throws(CommandError) {
    if text == "all" {
      range = nil
      return
    }
    do throws(CommandError) {
      range = try IterationRange(parsing: text)
    } catch {
      throw CommandError(
        "'\(text)' names no examples", status: .usage,
        remedy: "expected numbers such as 0, 0,3 or 0...7, or all")
    }
  }

  /// The examples asked for, out of `count`.
  func resolve(count: Int) throws(CommandError) -> [Int] {
    guard let range else { return Array(0..<count) }
    let highest = range.highest ?? count - 1
    guard highest < count else {
      throw CommandError(
        "--example \(range): the trace has \(count == 1 ? "only example 0" : "examples 0...\(count - 1)")",
        status: .nothingMatched)
    }
    return try range.resolve(available: 0..<count, option: "--example")
  }
}
