/// What happens in each column of a sum; `n + 1` columns, the last for the final carry.
struct ColumnSum {
  /// What a column does to a carry that comes in.
  enum Kind: Int32, CaseIterable {
    /// No carry leaves, whatever comes in: of two operands, a + b < 9.
    case kill
    /// What leaves depends on what comes in: of two, a + b = 9, and a carry leaves when one comes in.
    case propagate
    /// A carry leaves, and the same whatever comes in: of two, a + b > 9.
    case generate
  }

  /// The operands' digits, `[operand][column]`; 0 in the last column.
  private(set) var digits: [[Int32]] = []
  private(set) var kind: [Int32] = []
  /// The carry that comes in, less than the number of operands.
  private(set) var carry: [Int32] = []
  /// Columns the incoming carry has travelled since the one that generated it; 0 without a carry.
  private(set) var chain: [Int32] = []
  private(set) var sum: [Int32] = []

  init(_ operands: Operands) {
    digits = operands.digits.map { $0.map(Int32.init) + [0] }
    // The largest carry there can be.
    let most = Int32(digits.count - 1)
    var (carryIn, chainIn): (Int32, Int32) = (0, 0)
    for column in digits[0].indices {
      let total = digits.reduce(0) { $0 + $1[column] }
      // What leaves without a carry coming in, with what does come in, and with the largest that could.
      let (least, out, largest) = (total / 10, (total + carryIn) / 10, (total + most) / 10)
      let kind: Kind = largest == 0 ? .kill : least == largest ? .generate : .propagate
      self.kind.append(kind.rawValue)
      carry.append(carryIn)
      chain.append(chainIn)
      sum.append((total + carryIn) % 10)
      chainIn = out == 0 ? 0 : out == least ? 1 : chainIn + 1
      carryIn = out
    }
  }

  /// The facts of a batch, each column's at the position where its sum is read.
  ///
  /// - Parameter places: those positions, the lowest column's first.
  static func facts(of sums: [ColumnSum], operands: Int, layout: Layout, places: [Int]) -> [Fact] {
    func values(_ column: (ColumnSum) -> [Int32]) -> [Int32] {
      var values = [Int32](repeating: -1, count: sums.count * layout.positions)
      for (example, sum) in sums.enumerated() {
        for (position, value) in zip(places, column(sum)) {
          values[example * layout.positions + position] = value
        }
      }
      return values
    }
    let digits = (0...9).map(String.init)
    let ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
    let operandFacts = (0..<operands).map { operand in
      Fact(
        name: "digit\(letter(operand).uppercased())",
        description: "the \(ordinals[operand]) operand's digit in the column",
        classes: digits, values: values { $0.digits[operand] })
    }
    return [
      Fact(
        name: "carry",
        description: operands == 2
          ? "whether a carry comes into the column" : "the carry that comes into the column",
        classes: operands == 2
          ? ["no carry", "carry"] : (0..<operands).map { $0 == 0 ? "no carry" : "carry \($0)" },
        values: values(\.carry)),
      Fact(
        name: "column", description: "what the column does to a carry that comes in",
        classes: Kind.allCases.map { "\($0)" }, values: values(\.kind)),
    ] + operandFacts + [
      Fact(
        name: "sum", description: "the sum's digit in the column",
        classes: digits, values: values(\.sum)),
      Fact(
        name: "chain", description: "columns the incoming carry has travelled, 0 without a carry",
        values: values(\.chain)),
    ]
  }

  /// What operand `index` is called.
  static func letter(_ index: Int) -> String { ["a", "b", "c", "d", "e", "f", "g", "h"][index] }
}
