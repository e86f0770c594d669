/// How expressions are written as tokens.
struct ExpressionGrammar: Sendable {
  /// How brackets and operations stand.
  enum Form: Sendable {
    /// `[MAX 3 [MIN 1 2 ] ]`: a bracket that opens says the operation.
    case list
    /// `( 3 + ( 1 * 2 ) )`: between two arguments.
    case infix
  }

  let form: Form
  /// Numbers from 0 to one less than this.
  let modulus: Int
  let operations: [Operation]

  static let listOps = ExpressionGrammar(
    form: .list, modulus: 10, operations: [.minimum, .maximum, .median, .sum])

  static func arithmetic(modulus: Int) -> ExpressionGrammar {
    ExpressionGrammar(form: .infix, modulus: modulus, operations: [.plus, .times])
  }

  /// The numbers, the operations, then the brackets.
  var vocabulary: [String] {
    let numbers = (0..<modulus).map(String.init)
    switch form {
    case .list: return numbers + operations.map { "[" + $0.rawValue } + ["]"]
    case .infix: return numbers + operations.map(\.rawValue) + ["(", ")"]
    }
  }

  /// The token of an operation.
  func token(of operation: Operation) -> Int32 {
    Int32(modulus + (operations.firstIndex(of: operation) ?? 0))
  }

  /// The tokens an operation begins and ends with.
  func brackets(of operation: Operation) -> (open: Int32, close: Int32) {
    let first = Int32(modulus + operations.count)
    return form == .list ? (token(of: operation), first) : (first, first + 1)
  }

  /// How many tokens that many operations and numbers take.
  func tokens(operations: Int, numbers: Int) -> Int {
    switch form {
    case .list: 2 * operations + numbers
    case .infix: 3 * operations + numbers
    }
  }

  /// How texts are shown: with a space between list tokens, and without in infix form.
  func text(_ tokens: some Sequence<Int32>) -> String {
    let vocabulary = vocabulary
    return tokens.map { vocabulary[Int($0)] }.joined(separator: form == .list ? " " : "")
  }
}
