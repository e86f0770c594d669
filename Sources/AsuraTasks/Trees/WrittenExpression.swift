/// An expression's tokens, and what is true at each of them.
struct WrittenExpression {
  private(set) var tokens: [Int32] = []
  /// The value of the subtree whose bracket this is; −1 where no bracket is.
  private(set) var value: [Int32] = []
  /// How many operations are nested in it, its own counted; −1 where no bracket is.
  private(set) var height: [Int32] = []
  /// How many operations stand around this token, that of a bracket or an operation counted.
  private(set) var depth: [Int32] = []

  init(_ expression: Expression, _ grammar: ExpressionGrammar) {
    _ = write(expression, inside: 0, grammar)
  }

  /// Writes an expression and returns its value and height.
  private mutating func write(
    _ expression: Expression, inside depth: Int32, _ grammar: ExpressionGrammar
  ) -> (value: Int, height: Int32) {
    let operation: Operation
    let arguments: [Expression]
    switch expression {
    case .number(let number):
      append(Int32(number), depth)
      return (number, 0)
    case .operation(let here, let below): (operation, arguments) = (here, below)
    }
    let brackets = grammar.brackets(of: operation)
    let start = tokens.count
    append(brackets.open, depth + 1)
    var values: [Int] = []
    var height: Int32 = 1
    for argument in arguments {
      if grammar.form == .infix && !values.isEmpty {
        append(grammar.token(of: operation), depth + 1)
      }
      let result = write(argument, inside: depth + 1, grammar)
      values.append(result.value)
      height = max(height, result.height + 1)
    }
    let value = operation(values, modulus: grammar.modulus)
    append(brackets.close, depth + 1)
    for place in [start, tokens.count - 1] {
      self.value[place] = Int32(value)
      self.height[place] = height
    }
    return (value, height)
  }

  private mutating func append(_ token: Int32, _ depth: Int32) {
    tokens.append(token)
    value.append(-1)
    height.append(-1)
    self.depth.append(depth)
  }
}
