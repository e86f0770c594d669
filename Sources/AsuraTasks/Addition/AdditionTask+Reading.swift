import AsuraConfiguration

extension AdditionTask {
  /// Reads questions such as `12 + 345 =`, the `=` optional; shorter numbers get zeros in front, up to the digits of the
  /// longest unless `length` says how many.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let numbers = try texts.enumerated().map { try Self.operands(in: $1, number: $0) }
    let longest = numbers.map { max($0.a.count, $0.b.count) }.max() ?? 1
    let length = length ?? longest
    let layout = try checkedLayout(length: length, examples: texts.count, kind: .training)
    if let index = numbers.firstIndex(where: { max($0.a.count, $0.b.count) > length }) {
      throw TaskError.text(
        index, found: texts[index], expected: "numbers of at most \(length) digits",
        remedy: "ask for a greater length, or for none")
    }
    func padded(_ digits: [UInt8]) -> [UInt8] {
      digits + [UInt8](repeating: 0, count: length - digits.count)
    }
    return batch(
      numbers.map { ColumnSum(Operands(a: padded($0.a), b: padded($0.b))) }, length: length,
      layout)
  }

  /// The two numbers of a question, least significant digit first.
  private static func operands(in text: String, number: Int) throws -> Operands {
    var question = text[...].trimmed
    if question.last == "=" { question = question.dropLast().trimmed }
    let parts = question.split(separator: "+", omittingEmptySubsequences: false).map(\.trimmed)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }) else {
      throw TaskError.text(
        number, found: text, expected: "two whole numbers, as in 12 + 345 =",
        remedy: "write the digits as a person does, the most significant first")
    }
    func digits(_ part: Substring) -> [UInt8] {
      part.utf8.reversed().map { $0 - UInt8(ascii: "0") }
    }
    return Operands(a: digits(parts[0]), b: digits(parts[1]))
  }
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
