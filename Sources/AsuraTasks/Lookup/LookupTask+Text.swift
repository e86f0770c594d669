import AsuraConfiguration

extension LookupTask {
  public func question(_ batch: Batch, example: Int) -> String {
    batch.tokens(ofExample: example).map { vocabulary[Int($0)] }.joined(separator: " ")
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    outputs[Int(Array(classes)[batch.positions - 1])]
  }

  /// The functions as they stand, and under each what it makes of its argument.
  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let results = lookup(batch, example: example).results(tables).map { outputs[Int($0)] }
    var rows = TextRows()
    rows.add("input", batch.tokens(ofExample: example).map { vocabulary[Int($0)] })
    rows.add("result", options.order == .forward ? results : results.reversed())
    return """
      \(name) \(options.order.rawValue), \(batch.length) function\(batch.length == 1 ? "" : "s"), \(verdict(prediction, on: batch, example: example))
      \(rows.text())
      """
  }

  /// Reads chains such as `101 f g`, or `g f 101` with `order: backward`.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let tokens = Dictionary(
      uniqueKeysWithValues: vocabulary.enumerated().map { ($1, $0) })
    let lookups = try texts.enumerated().map { number, text in
      let words = text.split(whereSeparator: \.isWhitespace)
      let applied = options.order == .forward ? words : words.reversed()
      let found = applied.compactMap { tokens[String($0)] }
      guard found.count == words.count, found.count > 1, found[0] < arguments,
        found.dropFirst().allSatisfy({ $0 >= arguments })
      else {
        let example = [outputs[arguments - 1]] + functionNames.prefix(2)
        throw TaskError.text(
          number, found: text,
          expected: "an argument and functions with spaces between, as in "
            + (options.order == .forward ? example : example.reversed()).joined(separator: " "),
          remedy: "arguments have \(options.bits) bits, and functions are \(functionNames[0]) to "
            + functionNames[options.tables - 1])
      }
      return Lookup(argument: Int32(found[0]), functions: found.dropFirst().map { $0 - arguments })
    }
    let length = try commonLength(
      lookups.map(\.functions.count), of: texts, asked: length, unit: "functions, number")
    return batch(lookups, try checkedLayout(length: length, examples: texts.count, kind: .training))
  }
}
