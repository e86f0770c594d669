import AsuraConfiguration

extension ExpressionTask {
  public func question(_ batch: Batch, example: Int) -> String {
    grammar.text(batch.tokens(ofExample: example))
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    outputs[Int(Array(classes)[batch.positions - 1])]
  }

  /// The tokens, under each bracket the value of its operation, and how deep everything stands.
  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    var rows = TextRows()
    rows.add("token", batch.tokens(ofExample: example).map { vocabulary[Int($0)] })
    for name in ["value", "depth"] {
      guard let values = batch.fact(name)?.values else { continue }
      let first = example * batch.positions
      rows.add(name, values[first..<first + batch.positions].map { $0 < 0 ? "" : "\($0)" })
    }
    return """
      \(name), depth \(batch.length), \(verdict(prediction, on: batch, example: example))
      \(rows.text())
      """
  }

  // MARK: - Reading

  /// Reads expressions as `question` writes them, with spaces or without; they may be larger or smaller than those the
  /// task makes, but all must be of one depth and have as many tokens.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let expressions = try texts.enumerated().map { number, text in
      guard let expression = grammar.expression(in: text) else {
        throw TaskError.text(
          number, found: text,
          expected: grammar.form == .list
            ? "an expression such as [MAX 3 [SM 1 2 ] ]" : "an expression such as (3+(1*2))",
          remedy: "numbers are 0 to \(grammar.modulus - 1), operations "
            + grammar.operations.map(\.rawValue).joined(separator: ", ")
            + "; every operation has its brackets")
      }
      return expression
    }
    let depth = try commonLength(
      expressions.map(\.depth), of: texts, asked: length, unit: "an expression of depth")
    _ = try checkedLayout(length: depth, examples: texts.count, kind: .training)
    let written = expressions.map { WrittenExpression($0, grammar) }
    let tokens = try commonLength(
      written.map(\.tokens.count), of: texts, asked: nil, unit: "tokens, number")
    return batch(written, depth: depth, layout(tokens: tokens))
  }
}

extension ExpressionGrammar {
  /// The expression a text writes; nil when it writes none.
  func expression(in text: String) -> Expression? {
    var open: [(operation: Operation?, arguments: [Expression])] = []
    var done: Expression?
    for word in Self.words(text) {
      // Nothing comes after the root, nor may nesting go deeper than memory for its reading.
      guard done == nil, open.count <= TreeShape.deepest else { return nil }
      if let number = Int(word), number >= 0, number < modulus, !open.isEmpty {
        open[open.count - 1].arguments.append(.number(number))
      } else if form == .infix ? word == "(" : word.first == "[" {
        let operation = operations.first { "[" + $0.rawValue == word }
        guard form == .infix || operation != nil else { return nil }
        open.append((operation, []))
      } else if word == (form == .infix ? ")" : "]"), let last = open.popLast(),
        let operation = last.operation, form == .list || last.arguments.count == 2,
        !last.arguments.isEmpty
      {
        let expression = Expression.operation(operation, last.arguments)
        if open.isEmpty {
          done = expression
        } else {
          open[open.count - 1].arguments.append(expression)
        }
      } else if form == .infix, let operation = operations.first(where: { $0.rawValue == word }),
        let last = open.last, last.operation == nil, last.arguments.count == 1
      {
        open[open.count - 1].operation = operation
      } else {
        return nil
      }
    }
    return done
  }

  /// Brackets that close, signs and round brackets are words of their own; a square one begins a word.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var isInside = false
    for character in text {
      if character.isWhitespace {
        isInside = false
      } else if "]()+*".contains(character) {
        words.append(String(character))
        isInside = false
      } else if character == "[" || !isInside {
        words.append(String(character))
        isInside = true
      } else {
        words[words.count - 1].append(character)
      }
    }
    return words
  }
}
