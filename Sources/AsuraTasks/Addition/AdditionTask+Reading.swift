import AsuraConfiguration

extension AdditionTask {
  /// Reads questions such as `12 + 345 =`, the `=` optional; shorter numbers get zeros in front, up to the digits of the
  /// longest unless `length` says how many.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let numbers = try texts.enumerated().map { try operands(in: $1, number: $0) }
    let longest = numbers.map { $0.map(\.count).max() ?? 1 }
    let length = length ?? longest.max() ?? 1
    let layout = try checkedLayout(length: length, examples: texts.count, kind: .training)
    if let index = longest.firstIndex(where: { $0 > length }) {
      throw TaskError.text(
        index, found: texts[index], expected: "numbers of at most \(length) digits",
        remedy: "ask for a greater length, or for none")
    }
    func padded(_ digits: [UInt8]) -> [UInt8] {
      digits + [UInt8](repeating: 0, count: length - digits.count)
    }
    return batch(
      numbers.map { ColumnSum(Operands(digits: $0.map(padded))) }, length: length, layout)
  }

  /// The numbers of a question, least significant digit first.
  private func operands(in text: String, number: Int) throws -> [[UInt8]] {
    var question = text[...].trimmed
    if question.last == "=" { question = question.dropLast().trimmed }
    let parts = question.split(separator: "+", omittingEmptySubsequences: false).map(\.trimmed)
    guard parts.count == options.operands,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) })
    else {
      let count = options.operands == 2 ? "two" : "\(options.operands)"
      throw TaskError.text(
        number, found: text, expected: "\(count) whole numbers, as in 12 + 345 =",
        remedy: "write the digits as a person does, the most significant first")
    }
    return parts.map { part in part.utf8.reversed().map { $0 - UInt8(ascii: "0") } }
  }
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
