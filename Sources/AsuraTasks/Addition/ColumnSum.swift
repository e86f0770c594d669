/// What happens in each column of a sum; `n + 1` columns, the last for the final carry.
struct ColumnSum {
  /// What a column does to a carry that comes in.
  enum Kind: Int32, CaseIterable {
    /// a + b < 9: no carry leaves.
    case kill
    /// a + b = 9: a carry leaves when one comes in.
    case propagate
    /// a + b > 9: a carry leaves.
    case generate
  }

  /// The operands' digits; 0 in the last column.
  private(set) var a: [Int32] = []
  private(set) var b: [Int32] = []
  private(set) var kind: [Int32] = []
  /// 1 where a carry comes in.
  private(set) var carry: [Int32] = []
  /// Columns the incoming carry has travelled since the one that generated it; 0 without a carry.
  private(set) var chain: [Int32] = []
  private(set) var sum: [Int32] = []

  init(_ operands: Operands) {
    let columns = operands.a.count + 1
    var chainIn: Int32 = 0
    for column in 0..<columns {
      let isLast = column == columns - 1
      let x = isLast ? 0 : Int32(operands.a[column])
      let y = isLast ? 0 : Int32(operands.b[column])
      let kind: Kind = x + y > 9 ? .generate : x + y == 9 ? .propagate : .kill
      let carryIn: Int32 = chainIn > 0 ? 1 : 0
      a.append(x)
      b.append(y)
      self.kind.append(kind.rawValue)
      carry.append(carryIn)
      chain.append(chainIn)
      sum.append((x + y + carryIn) % 10)
      switch kind {
      case .generate: chainIn = 1
      case .propagate: chainIn = chainIn > 0 ? chainIn + 1 : 0
      case .kill: chainIn = 0
      }
    }
  }

  /// The facts of a batch, each column's at the position where its sum is read.
  static func facts(of sums: [ColumnSum], layout: Layout) -> [Fact] {
    func values(_ path: KeyPath<ColumnSum, [Int32]>) -> [Int32] {
      var values = [Int32](repeating: -1, count: sums.count * layout.positions)
      for (example, sum) in sums.enumerated() {
        for (position, value) in zip(layout.answer, sum[keyPath: path]) {
          values[example * layout.positions + position] = value
        }
      }
      return values
    }
    let digits = (0...9).map(String.init)
    return [
      Fact(
        name: "carry", description: "whether a carry comes into the column",
        classes: ["no carry", "carry"], values: values(\.carry)),
      Fact(
        name: "column", description: "what the column does to a carry that comes in",
        classes: Kind.allCases.map { "\($0)" }, values: values(\.kind)),
      Fact(
        name: "digitA", description: "the first operand's digit in the column",
        classes: digits, values: values(\.a)),
      Fact(
        name: "digitB", description: "the second operand's digit in the column",
        classes: digits, values: values(\.b)),
      Fact(
        name: "sum", description: "the sum's digit in the column",
        classes: digits, values: values(\.sum)),
      Fact(
        name: "chain", description: "columns the incoming carry has travelled, 0 without a carry",
        values: values(\.chain)),
    ]
  }
}
