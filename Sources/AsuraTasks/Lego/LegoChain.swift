import AsuraTensor

/// A chain of assignments, `a = +1; b = -a; c = +b`, as it is written and as it hangs together.
struct LegoChain: Equatable {
  /// The variable of each clause, from the constant's on.
  var variables: [Int]
  /// Whether that clause turns the sign.
  var isNegated: [Bool]
  /// The clause that stands at each place of the text, counted along the chain from 0.
  var order: [Int]

  var count: Int { order.count }

  /// Whether each clause's value is −1, along the chain.
  var isNegative: [Bool] {
    var sign = false
    return isNegated.map {
      if $0 { sign.toggle() }
      return sign
    }
  }

  /// The place in the text of each clause of the chain.
  var places: [Int] {
    var places = order
    for (place, index) in order.enumerated() { places[index] = place }
    return places
  }

  /// Draws variables without repetition, each sign as likely.
  static func drawn(
    length: Int, alphabet: Int, order: LegoOptions.Order, random: inout Random
  ) -> LegoChain {
    let variables = Array(random.permutation(alphabet).prefix(length))
    let isNegated = (0..<length).map { _ in random.uniform() < 0.5 }
    let places =
      switch order {
      case .shuffled: random.permutation(length)
      case .ordered: Array(0..<length)
      case .reversed: Array((0..<length).reversed())
      }
    return LegoChain(variables: variables, isNegated: isNegated, order: places)
  }

  /// The variable a clause of the chain refers to; nil for the constant.
  func source(_ index: Int) -> Int? { index == 0 ? nil : variables[index - 1] }
}
