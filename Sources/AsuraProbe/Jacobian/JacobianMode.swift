public import AsuraTensor

/// An eigenvector of a Jacobian, explained: where it lives, what it does to the answer, what it goes along with.
///
/// A conjugate pair is one mode: it spans a plane in which disturbances turn.
public struct JacobianMode: Sendable {
  public enum Kind: String, Sendable {
    /// On or inside the unit circle and nearest to it: what dies out last.
    case slow
    /// Outside the unit circle: what grows.
    case unstable
    /// Nearest to zero: what one iteration forgets.
    case fastest
  }

  /// How a logit moves when the latent moves along the mode.
  public struct LogitShift: Sendable, Equatable {
    public let position: Int
    public let classIndex: Int
    /// The change of the logit for the eigenvector of norm 1. Of a pair the largest over the turn, never negative;
    /// of a real mode with the sign that makes the largest shift positive.
    public let amount: Double
  }

  /// How a mode's place in the sequence goes along with a fact.
  public struct FactCorrelation: Sendable, Equatable {
    /// The fact, with `=label` where it is one of several labels.
    public let fact: String
    /// Pearson's correlation of the mode's norm at a position with the fact's value there.
    public let correlation: Double
    /// The share of random rearrangements of the positions that correlate at least as strongly, either way. Of
    /// one mode and fact alone: among many, some are small by chance.
    public let pValue: Double
    /// Over how many positions.
    public let positions: Int
  }

  public let kind: Kind
  /// Of a pair the one with positive imaginary part.
  public let eigenvalue: Complex<Double>
  /// The right eigenvector's norm at each position; their squares add up to 1.
  public let profile: [Double]
  /// The logits that move most, largest first.
  public let logits: [LogitShift]
  /// Largest absolute correlation first.
  public let facts: [FactCorrelation]
}

/// A named quantity with a value at each position; NaN where it has none.
struct PositionFact {
  let name: String
  let values: [Double]
}

extension JacobianMode {
  /// Explains a mode.
  ///
  /// - Parameters:
  ///   - real, imaginary: the eigenvector's parts over the whole state `[position × width]`.
  ///   - readout: takes tangents `[count, position × width]` to those of the logits `[count, position, class]`.
  ///   - logitCount: how many logits to name.
  init(
    kind: Kind, eigenvalue: Complex<Double>, real: Tensor<Double>, imaginary: Tensor<Double>,
    positions: Int, facts: [PositionFact], logitCount: Int = 5, permutations: Int = 2000,
    seed: UInt64, readout: (Tensor<Double>) throws -> Tensor<Double>
  ) rethrows {
    let width = real.count / positions
    let (re, im) = (real.elements, imaginary.elements)
    var squares = (0..<positions).map { p in
      (p * width..<(p + 1) * width).reduce(0) { $0 + re[$1] * re[$1] + im[$1] * im[$1] }
    }
    let whole = squares.reduce(0, +)
    if whole > 0 { squares = squares.map { $0 / whole } }
    let norms = squares.map { $0.squareRoot() }
    profile = norms

    let isPair = eigenvalue.imaginary != 0
    let images = try readout(
      .concatenating([real, imaginary].prefix(isPair ? 2 : 1).map { $0.reshaped([1, $0.count]) }))
    let classes = images.shape[2]
    let moved = images.elements
    let half = positions * classes
    let amounts = (0..<half).map { i in
      isPair ? Self.largestOfTurn(moved[i], moved[half + i]) : moved[i]
    }
    let order = amounts.indices.sorted { abs(amounts[$0]) > abs(amounts[$1]) }
    let sign: Double = isPair || (order.first.map { amounts[$0] } ?? 1) >= 0 ? 1 : -1
    logits = order.prefix(logitCount).map {
      LogitShift(position: $0 / classes, classIndex: $0 % classes, amount: sign * amounts[$0])
    }
    self.facts = facts.compactMap {
      FactCorrelation($0, norms, permutations: permutations, seed: seed)
    }.sorted { abs($0.correlation) > abs($1.correlation) }
    self.kind = kind
    self.eigenvalue = eigenvalue
  }

  /// `max over φ of |a cos φ − b sin φ|`
  private static func largestOfTurn(_ a: Double, _ b: Double) -> Double {
    (a * a + b * b).squareRoot()
  }
}

extension JacobianMode.FactCorrelation {
  /// - Returns: nil where fewer than three positions have the fact, or one of both does not vary.
  init?(_ fact: PositionFact, _ profile: [Double], permutations: Int, seed: UInt64) {
    let places = fact.values.indices.filter { fact.values[$0].isFinite }
    guard places.count >= 3 else { return nil }
    let (x, y) = (places.map { profile[$0] }, places.map { fact.values[$0] })
    guard let r = Self.pearson(x, y) else { return nil }
    var random = Random(seed: seed, for: "permutations of \(fact.name)")
    var order = y
    var asStrong = 1
    for _ in 0..<permutations {
      order.shuffle(using: &random)
      // A rearrangement that only swaps equals must count, whatever rounding does to the sum.
      if abs(Self.pearson(x, order) ?? 0) >= abs(r) - 1e-12 { asStrong += 1 }
    }
    self.init(
      fact: fact.name, correlation: r, pValue: Double(asStrong) / Double(permutations + 1),
      positions: places.count)
  }

  private static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
    let n = Double(x.count)
    let (mx, my) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (a, b) in zip(x, y) {
      xx += (a - mx) * (a - mx)
      yy += (b - my) * (b - my)
      xy += (a - mx) * (b - my)
    }
    let scale = (xx * yy).squareRoot()
    guard xx > 1e-24 * n * mx * mx, scale > 0 else { return nil }
    return xy / scale
  }
}

/// Chooses modes worth explaining from a spectrum with its vectors.
struct ModeChoice {
  let kind: JacobianMode.Kind
  /// The eigenvalue's place in the spectrum: of a pair, the one with positive imaginary part.
  let index: Int

  /// Up to `count` of each kind. Which modes are the fastest is only known of a whole spectrum.
  static func choosing(
    _ count: Int, of values: [Complex<Double>], isWhole: Bool
  ) -> [ModeChoice] {
    let places = values.indices.filter { values[$0].imaginary >= 0 }
      .sorted { values[$0].length > values[$1].length }
    let circle = 1 + JacobianSpectrum.circleMargin
    let unstable = places.filter { values[$0].length > circle }.prefix(count)
    let slow = places.filter { values[$0].length <= circle }.prefix(count)
    let taken = Set(unstable + slow)
    let fastest = isWhole ? places.reversed().filter { !taken.contains($0) }.prefix(count) : []
    return unstable.map { Self(kind: .unstable, index: $0) }
      + slow.map { Self(kind: .slow, index: $0) }
      + fastest.map { Self(kind: .fastest, index: $0) }
  }
}
