/// What an operation makes of the values of its arguments, which are numbers below `modulus`.
enum Operation: String, CaseIterable, Sendable {
  case minimum = "MIN"
  case maximum = "MAX"
  case median = "MED"
  case sum = "SM"
  case plus = "+"
  case times = "*"

  func callAsFunction(_ values: [Int], modulus: Int) -> Int {
    switch self {
    case .minimum: return values.min() ?? 0
    case .maximum: return values.max() ?? 0
    case .median:
      // Of an even number of values the mean of the two in the middle, rounded down.
      let sorted = values.sorted()
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    case .sum, .plus: return values.reduce(0, +) % modulus
    case .times: return values.reduce(1) { $0 * $1 % modulus }
    }
  }
}

/// A number, or an operation on expressions.
indirect enum Expression: Equatable {
  case number(Int)
  case operation(Operation, [Expression])

  /// How many operations are nested: 0 of a number.
  var depth: Int {
    switch self {
    case .number: 0
    case .operation(_, let arguments): 1 + (arguments.map(\.depth).max() ?? 0)
    }
  }

  func value(modulus: Int) -> Int {
    switch self {
    case .number(let number): number
    case .operation(let operation, let arguments):
      operation(arguments.map { $0.value(modulus: modulus) }, modulus: modulus)
    }
  }
}
