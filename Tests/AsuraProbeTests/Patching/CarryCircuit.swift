import AsuraModel
import AsuraProbe
import AsuraTensor

/// A model whose weights were set by hand so that it adds, in the columns format, by a circuit that is known.
///
/// In each iteration head `carryHead` reads from the column before whether a carry left it in the last iteration; the
/// perceptron decides with the column's sum whether one leaves this column. A carry so moves one column an iteration.
/// The other heads are busy too, but nobody reads what they write.
struct CarryCircuit {
  static let carryHead = 2
  static let width = 8
  /// Channels of the residual stream.
  static let sum = 0
  static let carryIn = 2
  static let carryOut = 3
  static let carryBefore = 4
  static let junk = (5, 6)

  let model: RecurrentTransformer<Double>

  init(iterations: Int) throws {
    let width = Self.width
    let configuration = try ModelConfiguration(
      vocabulary: 11, channels: 2, classes: 10, width: width, iterations: iterations,
      attention: AttentionConfiguration(
        heads: 4, positions: .alibi,
        // Head 0 looks at its own column, heads 1 and 2 at the one before, head 3 at both alike.
        slopes: [60, -60, -60, 0], mask: .causal, window: 1),
      mlp: MLPConfiguration(width: 2, activation: .relu),
      // So large an epsilon drowns the mean square: with gains of its root the norms change nothing.
      norm: NormConfiguration(kind: .rms, epsilon: 1e40, bias: false), finalNorm: false)
    var parameters = RecurrentTransformer<Double>(configuration, seed: 0).namedParameters
      .mapValues { Tensor<Double>.zeros($0.shape) }
    func set(_ name: String, _ row: Int, _ column: Int, _ value: Double) {
      let length = parameters[name]?.rowLength ?? 0
      parameters[name]?.update { $0[row * length + column] = value }
    }
    for name in ["core.0.attn_norm.weight", "core.0.mlp_norm.weight"] {
      parameters[name] = Tensor([width], repeating: 1e20)
    }
    for digit in 0...9 { set("embed.weight", digit, Self.sum, Double(digit)) }
    // Recall: the input's sum, and what left each column in the iteration before.
    set("recall.weight", Self.sum, Self.sum, 1)
    set("recall.weight", Self.carryBefore, width + Self.carryOut, 1)
    // Values begin at row 2·width; head h has the rows 2h and 2h + 1 there.
    func head(_ h: Int, reads channel: Int, writes target: Int) {
      set("core.0.attn.qkv.weight", 2 * width + 2 * h, channel, 1)
      set("core.0.attn.out.weight", target, 2 * h, 1)
    }
    head(Self.carryHead, reads: Self.carryBefore, writes: Self.carryIn)
    head(0, reads: Self.sum, writes: Self.junk.0)
    head(1, reads: Self.sum, writes: Self.junk.1)
    // A carry leaves where sum + carry ≥ 10: relu(x − 9) − relu(x − 10) is 1 there and 0 below.
    for (unit, threshold) in [(0, 9.0), (1, 10.0)] {
      set("core.0.mlp.up.weight", unit, Self.sum, 1)
      set("core.0.mlp.up.weight", unit, Self.carryIn, 1)
      set("core.0.mlp.up.bias", 0, unit, -threshold)
      set("core.0.mlp.down.weight", Self.carryOut, unit, unit == 0 ? 1 : -1)
    }
    // The digit is u = sum + carry in − 10·carry out, and the logit of k is 2ku − k² = u² − (u − k)², but for the u².
    for k in 0...9 {
      set("head.weight", k, Self.sum, Double(2 * k))
      set("head.weight", k, Self.carryIn, Double(2 * k))
      set("head.weight", k, Self.carryOut, Double(-20 * k))
      set("head.bias", 0, k, Double(-k * k))
    }
    model = try RecurrentTransformer(configuration, parameters: parameters)
  }

  /// Tokens of a sum of digits, lowest first, with a column of marks before and one of zeros after.
  static func tokens(_ a: [Int32], _ b: [Int32]) -> [Int32] {
    [10, 10] + zip(a + [0], b + [0]).flatMap { [$0, $1] }
  }

  /// The digits of a sum, −1 at the column of marks.
  static func answers(_ a: [Int32], _ b: [Int32]) -> [Int32] {
    var carry: Int32 = 0
    return [-1]
      + zip(a + [0], b + [0]).map { a, b in
        let sum = a + b + carry
        carry = sum / 10
        return sum % 10
      }
  }

  /// One pair of sums of `a` and either of two numbers.
  static func pair(_ a: [Int32], clean: [Int32], corrupted: [Int32]) throws -> ContrastPairs {
    func input(_ b: [Int32]) throws -> ModelInput {
      try ModelInput(tokens: tokens(a, b), batch: 1, positions: a.count + 2, channels: 2)
    }
    return try ContrastPairs(
      clean: input(clean), corrupted: input(corrupted), cleanAnswers: answers(a, clean),
      corruptedAnswers: answers(a, corrupted))
  }
}
