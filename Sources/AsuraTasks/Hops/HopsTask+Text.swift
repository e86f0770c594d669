import AsuraConfiguration

extension HopsTask {
  /// The symbols, run together where each is a letter, then the marks.
  public func question(_ batch: Batch, example: Int) -> String {
    let names = batch.tokens(ofExample: example).map { vocabulary[Int($0)] }
    let parts = [names.prefix(options.symbols), names.dropFirst(options.symbols)]
    let gap = options.alphabet <= 26 ? "" : " "
    return parts.map { $0.joined(separator: gap) }.filter { !$0.isEmpty }.joined(separator: " ")
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    outputs[Int(Array(classes)[batch.positions - 1])]
  }

  /// The sequence, and under it the last digit of the number of the hop that lands at each place: hops land from right
  /// to left.
  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    var rows = TextRows()
    rows.add(
      "symbol", batch.tokens(ofExample: example).prefix(options.symbols).map { outputs[Int($0)] })
    if let hop = batch.fact("hop")?.values {
      let first = example * batch.positions
      rows.add("hop", hop[first..<first + options.symbols].map { $0 < 0 ? " " : "\($0 % 10)" })
    }
    return """
      \(name), \(batch.length) hop\(batch.length == 1 ? "" : "s") in \(options.symbols) symbols, \(verdict(prediction, on: batch, example: example))
      \(rows.text())
      """
  }

  /// Reads sequences such as `abcadb >>`, with a mark for each hop; without marks, `length` says how many.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let mark = Character(Self.mark)
    let fallback = length ?? (options.marks ? nil : lengths.lowerBound)
    let parts = try texts.enumerated().map { number, text in
      let start = text.firstIndex(of: mark) ?? text.endIndex
      let marks = text[start...].filter { !$0.isWhitespace }
      guard marks.allSatisfy({ $0 == mark }), let hops = marks.isEmpty ? fallback : marks.count
      else {
        throw TaskError.text(
          number, found: text, expected: "symbols, then marks \(mark)",
          remedy: "write a mark for each hop, after the last symbol")
      }
      return (symbols: String(text[..<start]), hops: hops)
    }
    let hops = try commonLength(
      parts.map(\.hops), of: texts, asked: length, unit: "hops, number")
    let layout = try checkedLayout(length: hops, examples: texts.count, kind: .training)
    let names = SymbolSequences(alphabet: options.alphabet, mode: .parallel)
    let symbols = try names.symbols(in: parts.map(\.symbols), length: options.symbols)
    let sequences = try symbols.enumerated().map { number, symbols in
      guard let sequence = HopSequence(symbols, hops: hops) else {
        throw TaskError.text(
          number, found: texts[number], expected: "a sequence with \(hops) hops",
          remedy: "each hop needs an earlier occurrence of the symbol it starts on")
      }
      return sequence
    }
    return batch(sequences, length: hops, layout)
  }
}
