public import AsuraTensor
public import AsuraTrace

/// How much each part of an iteration adds to a logit difference, by the straight way from its output through the
/// residual stream to the readout, every norm held at the scale it had (direct logit attribution, Elhage et al. 2021).
///
/// With its norms held, what lies between a part's output and the logits is affine in it, for every placement of norms,
/// recall, update, outer norm and coda. So the parts and what the biases add sum to the logit difference itself, which
/// is checked. What a part does by way of later attention and perceptrons is not counted to it but to them.
public struct DirectAttribution: Sendable {
  /// Something that adds to the logits.
  public enum Component: Hashable, Sendable, CustomStringConvertible {
    /// The embedded input, as the iteration recalls it.
    case input
    /// The latent before the iteration, as it is carried over.
    case state
    /// An attention head's output, without the projection's bias.
    case head(coda: Bool, block: Int, head: Int)
    /// A perceptron's output, its bias included.
    case mlp(coda: Bool, block: Int)
    /// The biases of recall, attention projections, norms and the head.
    case constants

    public var description: String {
      switch self {
      case .input: "input"
      case .state: "latent before"
      case .head(let coda, let block, let head): "\(coda ? "coda" : "core").\(block) head \(head)"
      case .mlp(let coda, let block): "\(coda ? "coda" : "core").\(block) mlp"
      case .constants: "biases"
      }
    }
  }

  /// Which logits are compared at one place: the first's less the second's.
  public struct Pair: Sendable, Equatable {
    public let plus: Int
    public let minus: Int

    public init(plus: Int, minus: Int) { (self.plus, self.minus) = (plus, minus) }
  }

  public let components: [Component]
  /// The iterations, in order.
  public let iterations: [Int]
  /// The examples, by their numbers in the run's batch.
  public let examples: [Int]
  public let positions: Int
  /// By `[example, position]`; the same at every iteration.
  public let pairs: [Pair]
  /// Whether an answer is asked for, `[example, position]`.
  public let isAsked: [Bool]
  /// To each iteration's own readout: `[iteration, component, example, position]`.
  public let direct: Tensor<Double>
  /// The logit differences themselves, `[iteration, example, position]`.
  public let differences: Tensor<Double>
  /// To the last iteration's readout, the latents carried over being taken apart in turn as far back as the iterations
  /// follow one another: `[iteration, component, example, position]`. Only the earliest has a share of `state` left.
  public let unrolled: Tensor<Double>
  /// The first iteration that was taken apart for `unrolled`; those before it are zeros.
  public let unrolledFrom: Int
  /// What each key gives to the first example's queries by way of each head, to each iteration's own readout:
  /// `[iteration, block, head, query, slot]`.
  public let sources: Tensor<Double>
  /// The position of each slot, `[query, slot]`, −1 for none.
  public let keys: IntegerArray
  /// The largest distance of a sum of direct shares from the logit difference it should be: rounding.
  public let residual: Double
  /// The same of the unrolled shares, all iterations' together. Each iteration is run again from the recorded latent before
  /// it, so this is as small as `mismatch` lets it be.
  public let unrolledResidual: Double
  /// The largest distance, relative, of a latent from the recorded one.
  public let mismatch: Double
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// Mean contributions over the places that are asked: `[iteration][component]`.
  public func means(_ values: Tensor<Double>) -> [[Double]] {
    let places = isAsked.count
    let asked = isAsked.indices.filter { isAsked[$0] }
    return values.read { x in
      iterations.indices.map { t in
        components.indices.map { c in
          let start = (t * components.count + c) * places
          return asked.isEmpty
            ? .nan : asked.reduce(0) { $0 + x[start + $1] } / Double(asked.count)
        }
      }
    }
  }

  /// Mean logit differences over the places that are asked, by iteration.
  public var meanDifferences: [Double] {
    let asked = isAsked.indices.filter { isAsked[$0] }
    return differences.read { x in
      iterations.indices.map { t in
        asked.isEmpty
          ? .nan
          : asked.reduce(0) { $0 + x[t * isAsked.count + $1] } / Double(asked.count)
      }
    }
  }

  /// The largest distance of a sum that counts as rounding, relative to the largest logit difference.
  public static let rounding = 1e-8

  /// Whether the parts sum to the whole, those of several iterations together as far as the recording is exact.
  public var isExact: Bool {
    let largest = differences.elements.reduce(1) { max($0, abs($1)) }
    return residual <= Self.rounding * largest
      && unrolledResidual <= (Self.rounding + 1000 * mismatch) * largest
  }
}
