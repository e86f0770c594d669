import AsuraConfiguration
import AsuraModel
import AsuraTensor

/// How many iterations each training batch gets, and which of them have derivatives.
public struct DepthSchedule: Sendable, Equatable, Codable {
  /// One way of spending iterations, drawn with a probability proportional to its weight.
  public struct Phase: Sendable, Equatable, Codable {
    /// How likely the phase is, in proportion to the others.
    public var weight = 1.0
    /// Iterations without derivatives, from the initial latent.
    public var free = LengthRangeExpression(0)
    /// Whether latents then change places between the examples of a part of the batch, so that an
    /// answer may not depend on how the latent came about (path independence, Anil et al. 2022).
    public var permute = false
    /// Whether examples start from latents of earlier batches of as many positions (`TrainingOptions.pool`), once there
    /// are some.
    public var pooled = false
    /// The share of positions whose latents are then set to zero.
    public var damage = 0.0
    /// The standard deviation of normal noise that is then added to the latents.
    public var noise = 0.0
    /// Iterations with derivatives.
    public var graded: LengthRangeExpression

    public init(
      weight: Double = 1, free: LengthRangeExpression = LengthRangeExpression(0),
      permute: Bool = false, pooled: Bool = false, damage: Double = 0, noise: Double = 0,
      graded: LengthRangeExpression
    ) {
      self.weight = weight
      self.free = free
      self.permute = permute
      self.pooled = pooled
      self.damage = damage
      self.noise = noise
      self.graded = graded
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
      case weight, free, permute, pooled, damage, noise, graded
    }

    public init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      weight = try fields.value(.weight, default: 1)
      free = try fields.value(.free, default: LengthRangeExpression(0))
      permute = try fields.value(.permute, default: false)
      pooled = try fields.value(.pooled, default: false)
      damage = try fields.value(.damage, default: 0)
      noise = try fields.value(.noise, default: 0)
      graded = try fields.required(.graded)
      try fields.validating {
        try ConfigurationError.check(
          "damage", damage, in: 0...1, remedy: "give the share of positions, such as 0.25")
        try ConfigurationError.check(
          "noise", noise, in: 0...1e6, remedy: "give a standard deviation, such as 0.2")
      }
      guard weight.isFinite && weight > 0 else {
        throw ConfigurationError(
          field: "depth.weight", found: "\(weight)", expected: "a number above 0")
      }
    }
  }

  /// The progressive loss of Bansal et al. 2022: with n ~ U{0…m−1} iterations without derivatives
  /// and k ~ U{1…m−n} with, the loss is `(1 − α)·L(m iterations) + α·L(n then k)`.
  public struct Progressive: Sendable, Equatable, Codable {
    /// m, the most iterations.
    public var maximum: LengthExpression
    /// α, the share of the part with free iterations, 0 to 1.
    public var alpha: Double

    public init(maximum: LengthExpression, alpha: Double) {
      self.maximum = maximum
      self.alpha = alpha
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case maximum, alpha }

    public init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      maximum = try fields.required(.maximum)
      alpha = try fields.value(.alpha, default: 0.5)
      guard (0...1).contains(alpha) else {
        throw ConfigurationError(
          field: "depth.progressive.alpha", found: "\(alpha)", expected: "a number from 0 to 1")
      }
    }
  }

  /// The phases, one of which each batch gets; empty with `progressive` and with `equilibrium`.
  public var phases: [Phase]
  /// The progressive loss, in place of phases.
  public var progressive: Progressive?
  /// Training at the fixed point, in place of phases.
  public var equilibrium: EquilibriumOptions?

  /// A schedule of phases, at least one.
  public init(phases: [Phase]) { self.phases = phases }

  /// The progressive loss.
  public init(progressive: Progressive) {
    phases = []
    self.progressive = progressive
  }

  /// Training at the fixed point.
  public init(equilibrium: EquilibriumOptions) {
    phases = []
    self.equilibrium = equilibrium
  }

  /// The most iterations a batch may get, given its length and difficulty.
  package func most(length: Int, difficulty: Int) -> Int {
    if let equilibrium { return equilibrium.maximum }
    if let progressive { return max(1, progressive.maximum(length, difficulty: difficulty)) }
    return phases.map {
      $0.free(length, difficulty: difficulty).upperBound
        + max(1, $0.graded(length, difficulty: difficulty).upperBound)
    }.max() ?? 0
  }

  /// The most iterations with derivatives a batch may get.
  package func mostGraded(length: Int, difficulty: Int) -> Int {
    if equilibrium != nil { return 1 }
    if let progressive { return max(1, progressive.maximum(length, difficulty: difficulty)) }
    return phases.map { max(1, $0.graded(length, difficulty: difficulty).upperBound) }.max() ?? 0
  }

  /// Whether a batch's difficulty decides on its iterations.
  package var usesDifficulty: Bool {
    progressive?.maximum.usesDifficulty == true
      || phases.contains { $0.free.usesDifficulty || $0.graded.usesDifficulty }
  }

  /// What a batch of that length and difficulty is to do.
  package func draw(length: Int, difficulty: Int, random: inout Random) -> [DepthPlan] {
    if let equilibrium { return [DepthPlan(equilibrium)] }
    if let progressive {
      let m = max(1, progressive.maximum(length, difficulty: difficulty))
      let n = Int.random(in: 0...m - 1, using: &random)
      let k = Int.random(in: 1...m - n, using: &random)
      let full = DepthPlan(graded: m, weight: 1 - progressive.alpha)
      let partial = DepthPlan(free: n, graded: k, weight: progressive.alpha)
      return [full, partial].filter { $0.weight > 0 }
    }
    var pick = random.uniform() * phases.reduce(0) { $0 + $1.weight }
    let phase =
      phases.first {
        pick -= $0.weight
        return pick < 0
      } ?? phases[phases.count - 1]
    let free = Int.random(in: phase.free(length, difficulty: difficulty), using: &random)
    let graded = max(
      1, Int.random(in: phase.graded(length, difficulty: difficulty), using: &random))
    var plan = DepthPlan(free: free, permutes: phase.permute, graded: graded)
    (plan.isPooled, plan.damage, plan.noise) = (phase.pooled, phase.damage, phase.noise)
    return [plan]
  }

  private enum CodingKeys: String, CodingKey, CaseIterable { case progressive, equilibrium }

  /// A number, a range, a list of phases, `{progressive: {maximum: 20, alpha: 0.5}}` or
  /// `{equilibrium: {tolerance: 1e-4}}`.
  public init(from decoder: any Decoder) throws {
    if var list = try? decoder.unkeyedContainer() {
      phases = []
      while !list.isAtEnd { phases.append(try list.decode(Phase.self)) }
      guard !phases.isEmpty else {
        throw ConfigurationError(
          field: "depth", found: "an empty list", expected: "at least one phase")
      }
    } else if (try? decoder.container(keyedBy: CodingKeys.self)) != nil {
      phases = []
      let fields = try Fields<CodingKeys>(decoder)
      equilibrium = try fields.value(.equilibrium)
      if equilibrium == nil {
        progressive = try fields.required(.progressive)
      } else if (try fields.value(.progressive) as Progressive?) != nil {
        throw ConfigurationError(
          field: "depth", found: "progressive and equilibrium", expected: "one of them")
      }
    } else {
      phases = [Phase(graded: try LengthRangeExpression(from: decoder))]
    }
    let counts = phases.map(\.graded.upper) + (progressive.map { [$0.maximum] } ?? [])
    if counts.contains(LengthExpression(0)) {
      throw ConfigurationError(
        field: "depth", found: "0 iterations with derivatives", expected: "at least 1")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    if progressive != nil || equilibrium != nil {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(progressive, forKey: .progressive)
      try container.encodeIfPresent(equilibrium, forKey: .equilibrium)
    } else {
      try phases.encode(to: encoder)
    }
  }
}
