import AsuraConfiguration

extension LegoTask {
  public func question(_ batch: Batch, example: Int) -> String {
    clauses(batch, example: example).joined(separator: "; ")
  }

  /// The values in the order of the clauses; `.` where none is asked for.
  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return batch.layout.answer.map { cell(classes[$0]) }.joined(separator: " ")
  }

  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let places = batch.layout.answer
    let targets = Array(batch.targets(ofExample: example))
    var rows = TextRows()
    rows.add("clause", clauses(batch, example: example))
    if let index = batch.fact("index")?.values {
      rows.add("index", places.map { "\(index[example * batch.positions + $0])" })
    }
    rows.add("value", places.map { cell(targets[$0]) })
    if let prediction {
      rows.add("model", places.map { cell(prediction[$0]) })
      rows.add(
        "wrong",
        places.map { targets[$0] < 0 || prediction[$0] == targets[$0] ? " " : "^" })
    }
    return """
      \(name) \(options.tokens.rawValue), \(batch.length) clause\(batch.length == 1 ? "" : "s")
      tokens: \(inputText(batch, example: example))
      \(rows.text())
      """
  }

  private func cell(_ value: Int32) -> String { value < 0 ? "." : outputs[Int(value)] }

  /// The clauses as a person writes them, in their order.
  private func clauses(_ batch: Batch, example: Int) -> [String] {
    let names = SymbolSequences.names(options.alphabet)
    let tokens = Array(batch.tokens(ofExample: example))
    let size = tokens.count / batch.length
    return (0..<batch.length).map { place in
      let clause = tokens[place * size..<(place + 1) * size].map(Int.init)
      // The tokens of `symbols` have `=` between the variable and the sign.
      let (sign, source) = size == 3 ? (clause[1], clause[2]) : (clause[2], clause[3])
      let variable = (clause[0] - Int(Self.firstVariable)) % options.alphabet
      return "\(names[variable])=\(vocabulary[sign])\(vocabulary[source])"
    }
  }

  // MARK: - Reading

  /// Reads chains such as `c=+b; a=+1; b=-a`, the signs before variables optional; every value is asked for.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let chains = try texts.enumerated().map { try chain(in: $1, number: $0) }
    let length = try commonLength(
      chains.map(\.count), of: texts, asked: length, unit: "clauses, number")
    let layout = try checkedLayout(length: length, examples: texts.count, kind: .training)
    return batch(chains, layout, asking: length)
  }

  private struct Clause {
    let variable: Int
    let isNegated: Bool
    /// Nil for the constant.
    let source: Int?
  }

  private func chain(in text: String, number: Int) throws -> LegoChain {
    let variables = SymbolSequences.names(options.alphabet)
    let numbers = Dictionary(uniqueKeysWithValues: variables.enumerated().map { ($1, $0) })
    var parts = text.split(separator: ";", omittingEmptySubsequences: false).map(\.trimmed)
    if parts.last?.isEmpty == true { parts.removeLast() }
    let clauses = try parts.map { part in
      guard let clause = clause(in: part, numbers) else {
        throw TaskError.text(
          number, found: String(part),
          expected: "a clause such as b=-a or a=+1, variables \(variables[0]) to "
            + variables[options.alphabet - 1], remedy: "part clauses by semicolons")
      }
      return clause
    }
    // From the constant on, each clause that refers to the one before.
    var next: [Int?: Int] = [:]
    for (place, clause) in clauses.enumerated() { next[clause.source] = place }
    var order: [Int] = []
    var reached: Int?
    while order.count < clauses.count, let place = next[reached] {
      order.append(place)
      reached = clauses[place].variable
    }
    guard order.count == clauses.count, Set(order).count == order.count,
      Set(clauses.map(\.variable)).count == clauses.count
    else {
      throw TaskError.text(
        number, found: text, expected: "one chain from a constant, as a=+1; b=-a; c=+b",
        remedy: "assign each variable once, and refer to each at most once")
    }
    var chain = LegoChain(
      variables: order.map { clauses[$0].variable },
      isNegated: order.map { clauses[$0].isNegated }, order: order)
    // Which clause of the chain stands at each place: the inverse of the place of each clause.
    chain.order = chain.places
    return chain
  }

  private func clause(in text: Substring, _ numbers: [String: Int]) -> Clause? {
    let sides = text.split(separator: "=", omittingEmptySubsequences: false).map(\.trimmed)
    guard sides.count == 2, let variable = numbers[String(sides[0])] else { return nil }
    let isSigned = sides[1].first == "+" || sides[1].first == "-"
    let value = String((isSigned ? sides[1].dropFirst() : sides[1]).trimmed)
    guard value == "1" || numbers[value] != nil else { return nil }
    return Clause(
      variable: variable, isNegated: sides[1].first == "-", source: numbers[value])
  }
}
