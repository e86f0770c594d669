import AsuraConfiguration

extension LearningTask {
  /// A task that reads no text.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    throw TaskError(
      field: "text", found: "text for the task \(name)", expected: "tokens",
      remedy: "this task reads no text: give token ids")
  }

  /// The one length of texts that were read; `asked` when that isn't nil.
  func commonLength(
    _ lengths: [Int], of texts: [String], asked: Int?, unit: String
  ) throws -> Int {
    let length = asked ?? lengths.first ?? 1
    if let number = lengths.firstIndex(where: { $0 != length }) {
      throw TaskError.text(
        number, found: texts[number], expected: "\(unit) \(length), as the others or as asked for",
        remedy: "all texts must have one length; this has \(lengths[number])")
    }
    return length
  }
}

extension TaskError {
  /// A text that a task cannot read; `number` counts from 0.
  static func text(_ number: Int, found: String, expected: String, remedy: String) -> TaskError {
    TaskError(
      field: "text \(number)", found: "\"\(shortened(found))\"", expected: expected, remedy: remedy)
  }
}

extension Substring {
  /// Without spaces at its ends.
  var trimmed: Substring {
    var text = drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
