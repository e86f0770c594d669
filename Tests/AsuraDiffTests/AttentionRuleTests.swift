import AsuraDiff
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// One attention to be checked.
private struct AttentionCase: CustomStringConvertible {
  var heads = 2
  var shared = 2
  var width = 4
  var batch = 2
  var positions = 5
  var table: NeighbourTable?
  var causal = false

  var layout: AttentionLayout {
    AttentionLayout(heads: heads, keyValueHeads: shared, headWidth: width, neighbours: table)
  }
  var qkv: Tensor<Double> { normal([batch, positions, layout.qkvWidth]) }
  var keys: Int { layout.keyCount(positions) }
  /// A bias that masks the future when causal.
  var bias: Tensor<Double> {
    var bias: Tensor<Double> = normal([heads, positions, keys], seed: 2)
    if causal {
      bias.update { b in
        for i in 0..<heads * positions {
          for j in 0..<keys where j > i % positions { b[i * keys + j] = -.infinity }
        }
      }
    }
    return bias
  }
  var description: String {
    "\(heads)/\(shared) heads of \(width), batch \(batch), \(positions) positions"
      + (table == nil ? "" : ", table") + (causal ? ", causal" : "")
  }

  /// Each position and those next to it, −1 beyond the ends.
  static func line(_ positions: Int, radius: Int) -> NeighbourTable {
    let keys = (0..<positions).flatMap { i in
      (-radius...radius).map { d in
        (0..<positions).contains(i + d) ? Int32(i + d) : -1
      }
    }
    return NeighbourTable(positions: positions, width: 2 * radius + 1, keys: keys)
  }

  /// Each position of a grid and the eight around it, −1 beyond the edges.
  static func grid(_ rows: Int, _ columns: Int) -> NeighbourTable {
    let keys = (0..<rows * columns).flatMap { i in
      (0..<9).map { j in
        let (row, column) = (i / columns + j / 3 - 1, i % columns + j % 3 - 1)
        let isInside = (0..<rows).contains(row) && (0..<columns).contains(column)
        return isInside ? Int32(row * columns + column) : -1
      }
    }
    return NeighbourTable(positions: rows * columns, width: 9, keys: keys)
  }

  static let all: [AttentionCase] = [
    AttentionCase(),
    AttentionCase(heads: 1, shared: 1, width: 1, batch: 1, positions: 1),
    AttentionCase(heads: 4, shared: 2, width: 3, batch: 1, positions: 7),
    AttentionCase(heads: 3, shared: 1, width: 5, batch: 3, positions: 2, causal: true),
    AttentionCase(heads: 1, shared: 1, width: 17, batch: 1, positions: 19, causal: true),
    AttentionCase(batch: 0),
    AttentionCase(positions: 6, table: line(6, radius: 1)),
    AttentionCase(
      heads: 4, shared: 2, width: 17, batch: 1, positions: 5, table: line(5, radius: 3)),
    AttentionCase(batch: 0, positions: 4, table: line(4, radius: 1)),
    // More queries than are computed at once; head widths of one, two and three registers, and keys beyond one.
    AttentionCase(heads: 4, shared: 4, width: 8, positions: 35, table: grid(5, 7)),
    AttentionCase(heads: 3, shared: 1, width: 16, batch: 1, positions: 18, table: grid(2, 9)),
    AttentionCase(
      heads: 2, shared: 1, width: 24, batch: 1, positions: 20, table: line(20, radius: 8)),
    AttentionCase(
      heads: 6, shared: 3, width: 8, batch: 1, positions: 16, table: line(16, radius: 7)),
    // A query whose only neighbour is another, and one with none.
    AttentionCase(
      positions: 3, table: NeighbourTable(positions: 3, width: 2, keys: [2, -1, -1, -1, 0, 2])),
  ]
}

@Suite struct AttentionRuleTests {
  @Test func fused() throws {
    try withEvery("case", in: AttentionCase.all) { c in
      try checkDerivatives(at: [c.qkv]) { i, v in i.attention(v[0], bias: nil, c.layout) }
      try checkDerivatives(at: [c.qkv, c.bias]) { i, v in
        i.attention(v[0], bias: v[1], c.layout)
      }
    }
  }

  @Test func stages() throws {
    try withEvery("case", in: AttentionCase.all) { c in
      try checkDerivatives(at: [c.qkv, c.bias]) { i, v in
        let pattern = i.softmax(i.attentionScores(v[0], bias: v[1], c.layout))
        return i.attentionMix(pattern, v[0], c.layout)
      }
      let pattern: Tensor<Double> = normal([c.batch, c.heads, c.positions, c.keys], seed: 3)
      try checkDerivatives(at: [pattern, c.qkv]) { i, v in
        i.attentionMix(v[0], v[1], c.layout)
      }
    }
  }

  @Test func scores() throws {
    try withEvery("case", in: AttentionCase.all.filter { !$0.causal && $0.table == nil }) { c in
      try checkDerivatives(at: [c.qkv, c.bias]) { i, v in
        i.attentionScores(v[0], bias: v[1], c.layout)
      }
      try checkDerivatives(at: [c.qkv]) { i, v in i.attentionScores(v[0], bias: nil, c.layout) }
    }
  }

  @Test func fusedAndStagesHaveTheSameBits() throws {
    func check<S: Scalar>(_: S.Type) throws {
      try withEvery("case", in: AttentionCase.all) { c in
        let qkv: Tensor<S> = c.qkv.converted()
        for bias in [nil, c.bias.converted(to: S.self)] {
          let (a, b) = (Tape<S>(), Tape<S>())
          let (x, y) = (Value.variable(qkv), Value.variable(qkv))
          let fused = Interpreter.recording(on: a).attention(
            x, bias: bias.map { Value($0) }, c.layout)
          let i = Interpreter.recording(on: b)
          let staged = i.attentionMix(
            i.softmax(i.attentionScores(y, bias: bias.map { Value($0) }, c.layout)), y, c.layout)
          #expect(fused.tensor.isIdentical(to: staged.tensor), "\(S.self) \(currentCase)")
          let seed: Tensor<S> = normal(fused.shape, seed: 9)
          try a.pullback([(fused, seed)])
          try b.pullback([(staged, seed)])
          let limit = S.self == Float.self ? 1e-5 : 1e-13
          #expect(
            relativeError(x.cotangent!, y.cotangent!) < limit, "\(S.self) gradient \(currentCase)")
        }
      }
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test func againstTheDefinition() throws {
    withEvery("case", in: AttentionCase.all.filter { $0.table == nil }) { c in
      let (qkv, bias, l) = (c.qkv, c.bias, c.layout)
      let z = Interpreter.plain.attention(Value(qkv), bias: Value(bias), l).tensor
      var expected = Tensor<Double>.zeros(z.shape)
      for b in 0..<c.batch {
        for h in 0..<c.heads {
          let (q, k) = (h * c.width, (c.heads + h * c.shared / c.heads) * c.width)
          let v = k + c.shared * c.width
          for i in 0..<c.positions {
            let scores = (0..<c.positions).map { j in
              (0..<c.width).reduce(bias[[h, i, j]]) {
                $0 + qkv[[b, i, q + $1]] * qkv[[b, j, k + $1]] / Double(c.width).squareRoot()
              }
            }
            let weights = scores.map { exp($0) }
            let total = weights.reduce(0, +)
            for d in 0..<c.width {
              let mixed = (0..<c.positions).reduce(0) { $0 + weights[$1] * qkv[[b, $1, v + d]] }
              expected.update {
                $0[(b * c.positions + i) * c.heads * c.width + h * c.width + d] = mixed / total
              }
            }
          }
        }
      }
      #expect(relativeError(z, expected) < 1e-14, "\(currentCase)")
    }
  }

  @Test func aTableIsADenseMask() throws {
    let c = AttentionCase(heads: 4, shared: 2, width: 3, positions: 9)
    let table = AttentionCase.line(9, radius: 2)
    let narrow = AttentionLayout(heads: 4, keyValueHeads: 2, headWidth: 3, neighbours: table)
    var mask = Tensor<Double>([4, 9, 9], repeating: -.infinity)
    mask.update { m in
      for h in 0..<4 {
        for i in 0..<9 { for j in 0..<9 where abs(i - j) <= 2 { m[(h * 9 + i) * 9 + j] = 0 } }
      }
    }
    let i = Interpreter<Double>.plain
    let dense = i.attention(Value(c.qkv), bias: Value(mask), c.layout).tensor
    let windowed = i.attention(Value(c.qkv), bias: nil, narrow).tensor
    #expect(relativeError(windowed, dense) < 1e-14)
  }

  /// Bits of a query do not depend on which others are computed, nor on the number of workers.
  @Test func queriesAreComputedAlone() throws {
    func check<S: Scalar>(_: S.Type) throws {
      try withEvery("case", in: AttentionCase.all.filter { $0.table != nil && $0.batch == 1 }) {
        c in
        let table = try #require(c.table)
        let (qkv, bias): (Tensor<S>, Tensor<S>) = (c.qkv.converted(), c.bias.converted())
        let all = Interpreter.plain.attention(Value(qkv), bias: Value(bias), c.layout).tensor
        for start in [0, 1, 3] {
          let some = stride(from: start, to: c.positions, by: 2).map { Int32(c.positions - 1 - $0) }
          let found = some.withUnsafeBufferPointer {
            neighbourAttention(c.layout, table, $0, in: RowBuffer(qkv), bias: bias)
          }
          for (place, position) in some.enumerated() {
            #expect(found[0][place].isIdentical(to: all[0][Int(position)]), "\(currentCase)")
          }
        }
      }
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test func largeInputsAreShared() throws {
    let table = AttentionCase.grid(41, 37)
    let c = AttentionCase(heads: 2, shared: 2, width: 8, batch: 1, positions: 41 * 37, table: table)
    let qkv: Tensor<Float> = c.qkv.converted()
    func attend(_ workers: Int) -> Tensor<Float> {
      Workers.$current.withValue(Workers(count: workers)) {
        Interpreter.plain.attention(Value(qkv), bias: nil, c.layout).tensor
      }
    }
    let z = attend(1)
    #expect(attend(3).isIdentical(to: z))
    // As in stages, which are not shared.
    let i = Interpreter<Float>.plain
    let staged = i.attentionMix(
      i.softmax(i.attentionScores(Value(qkv), bias: nil, c.layout)), Value(qkv), c.layout)
    #expect(staged.tensor.isIdentical(to: z))
  }

  @Test func transposedTables() {
    let table = NeighbourTable(positions: 3, width: 2, keys: [2, 1, -1, 2, 0, 2])
    #expect(
      table.transposed
        == NeighbourTable(positions: 3, width: 3, keys: [2, -1, -1, 0, -1, -1, 0, 1, 2]))
    var marks: [Int32] = [0, 0, 0]
    #expect(table.reached(from: [1, 1], steps: 0, marks: &marks, 1) == [1])
    #expect(table.reached(from: [1], steps: 1, marks: &marks, 2) == [1, 2])
    #expect(table.reached(from: [1], steps: 2, marks: &marks, 3) == [1, 2, 0])
    #expect(table.reached(from: [], steps: 2, marks: &marks, 4) == [])
  }

  @Test func softmax() throws {
    try withEvery("shape", in: [[1], [2, 3], [2, 2, 17], [3, 40], [0, 3]]) { shape in
      try checkDerivatives(at: [normal(shape)]) { i, v in i.softmax(v[0]) }
    }
  }

  @Test func softmaxOfMaskedRows() throws {
    let infinity = Double.infinity
    let x = Tensor<Double>([3, 3], [-infinity, -infinity, -infinity, 0, -infinity, 0, 1, 1, 1])
    let y = Interpreter<Double>.plain.softmax(Value(x)).tensor
    let third = 1.0 / 3
    #expect(relativeError(y, Tensor([3, 3], [0, 0, 0, 0.5, 0, 0.5, third, third, third])) < 1e-15)
    #expect(y.elements[4] == 0)
    try checkDerivatives(at: [x]) { i, v in i.softmax(v[0]) }
  }

  @Test func rotate() throws {
    try withEvery(
      "batch, positions, heads, width",
      in: [(1, 1, 1, 2), (2, 5, 3, 6), (1, 7, 2, 34), (0, 3, 1, 2)]
    ) { batch, positions, heads, width in
      let angles: Tensor<Double> = normal([positions, width / 2], seed: 5)
      let cosine = Tensor<Double>(angles.shape, angles.elements.map { cos($0) })
      let sine = Tensor<Double>(angles.shape, angles.elements.map { sin($0) })
      // Behind the rotated heads lie columns that are left alone.
      let x: Tensor<Double> = normal([batch, positions, heads * width + 3])
      try checkDerivatives(at: [x]) { i, v in
        i.rotate(v[0], cosine: cosine, sine: sine, heads: heads)
      }
      let y = Interpreter.plain.rotate(Value(x), cosine: cosine, sine: sine, heads: heads).tensor
      #expect(abs(y.norm - x.norm) < 1e-12)
      #expect(
        y.columns(heads * width..<heads * width + 3)
          == x.columns(heads * width..<heads * width + 3))
    }
    // A quarter turn takes (1, 0) to (0, 1): pairs are (j, j + width/2).
    let y = Interpreter<Double>.plain.rotate(
      Value(Tensor([1, 1, 4], [1, 2, 0, 0])), cosine: .zeros([1, 2]),
      sine: Tensor([1, 2], [1, 1]), heads: 1)
    #expect(y.tensor.elements == [0, 0, 1, 2])
  }
}
