import AsuraConfiguration
import AsuraTensor

extension ExampleKind {
  static let numberPairs = ExampleKind(
    name: "number", description: "one number differs, and with it the value of the whole")
  static let operationPairs = ExampleKind(
    name: "operation", description: "one operation differs, and with it the value of the whole")
}

extension ExpressionTask {
  public var pairKinds: [ExampleKind] { [.numberPairs, .operationPairs] }

  /// Pairs of expressions that differ in one token, any whose change can change the value of the whole as likely.
  ///
  /// A fact `differs` says at brackets whether the values of their operation differ: the way the change takes.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = try random.each(count) { try pair(depth: length, kind: kind, random: &$0) }
    let clean = batch(pairs.map(\.clean), depth: length, layout)
    let corrupted = batch(pairs.map(\.corrupted), depth: length, layout)
    let values = [clean, corrupted].map { $0.fact("value")?.values ?? [] }
    return ExamplePairs(
      clean: clean, corrupted: corrupted,
      facts: [
        Fact(
          name: "differs",
          description: "whether the values of the operation whose bracket this is differ",
          classes: ["same", "differs"],
          values: zip(values[0], values[1]).map { $0 < 0 ? -1 : $0 == $1 ? 0 : 1 })
      ])
  }

  private func pair(
    depth: Int, kind: ExampleKind, random: inout Random
  ) throws -> (clean: WrittenExpression, corrupted: WrittenExpression) {
    // Where the largest number stands twice no single one may matter: draw again, within reason.
    for _ in 0..<100 {
      let clean = draw(depth: depth, kind: .training, random: &random)
      let value = clean.value(modulus: grammar.modulus)
      let isNumber = kind == .numberPairs
      let places = isNumber ? shape.numbers(depth: depth) : shape.operations(depth: depth)
      for place in random.permutation(places) {
        var left = place
        let corrupted =
          isNumber
          ? clean.changingNumber(&left) {
            random.index(below: grammar.modulus, except: $0)
          }
          : clean.changingOperation(&left) { operation in
            let others = grammar.operations.filter { $0 != operation }
            return others[random.index(below: others.count)]
          }
        if corrupted.value(modulus: grammar.modulus) != value {
          return (WrittenExpression(clean, grammar), WrittenExpression(corrupted, grammar))
        }
      }
    }
    throw TaskError(
      field: "length", found: "\(depth)",
      expected: "a depth at which one token can change the value",
      remedy: "ask for a lower depth")
  }
}

extension Expression {
  /// With another number at the place of that many numbers, from the left and from 0; what is `left` of the count goes
  /// below 0 once it is reached.
  func changingNumber(_ left: inout Int, _ change: (Int) -> Int) -> Expression {
    switch self {
    case .number(let number):
      defer { left -= 1 }
      return left == 0 ? .number(change(number)) : self
    case .operation(let operation, let arguments):
      return .operation(operation, arguments.map { $0.changingNumber(&left, change) })
    }
  }

  /// The same for operations, a root before what is below it.
  func changingOperation(_ left: inout Int, _ change: (Operation) -> Operation) -> Expression {
    guard case .operation(let operation, let arguments) = self else { return self }
    let here = left == 0 ? change(operation) : operation
    left -= 1
    return .operation(here, arguments.map { $0.changingOperation(&left, change) })
  }
}
