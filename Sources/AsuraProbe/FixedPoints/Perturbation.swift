public import AsuraTensor

/// What becomes of a trajectory that is pushed off its way once.
public struct Perturbation: Sendable {
  /// One push.
  public struct Push: Sendable, Equatable {
    /// Its length, relative to the state's norm.
    public let size: Double
    /// The largest distance between the pushed and the unpushed trajectory, relative to the push.
    public let growth: Double
    /// After how many iterations the distance was, and stayed, within the tolerance; nil where it never was.
    public let returned: Int?
    /// Their distance at the end, relative to the norm.
    public let finalDistance: Double
    /// The share of positions whose answer at the end is another; nil without a readout.
    public let answersChanged: Double?
  }

  /// How close the two must be, relative to the state's norm, for the push to be forgotten.
  public static let tolerance = 1e-3

  /// The iteration after which the state was pushed.
  public let iteration: Int
  /// How many iterations followed.
  public let followed: Int
  public let pushes: [Push]

  /// Pushes `state` `[dimension]`, the latent after `iteration`, in `directions` random directions for each of `sizes`,
  /// and follows each for `iterations`.
  public init(
    of state: Tensor<Double>, at iteration: Int, _ map: any StateMap, row: Int = 0,
    sizes: [Double] = [0.01, 0.1, 1], directions: Int, iterations: Int,
    random: inout Random, answers: AnswerReader? = nil,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws {
    let scale = state.norm > 0 ? state.norm : 1
    let lengths = sizes.flatMap { Array(repeating: $0, count: directions) }
    let units = randomDirections(lengths.count, map.dimension, using: &random)
    var pushed = state.repeatedRows(lengths.count + 1)
    pushed.addRows(
      of: .concatenating([.zeros([1, map.dimension]), units]),
      times: [0] + lengths.map { $0 * scale })
    let system = try map.selecting(Array(repeating: row, count: pushed.shape[0]))
    var (largest, returned) = (lengths, [Int?](repeating: nil, count: lengths.count))
    var last = lengths
    var followed = 0
    while followed < iterations, !isCancelled() {
      pushed = try system(pushed)
      followed += 1
      let size = pushed[0].norm
      for i in lengths.indices {
        let distance = pushed[i + 1].squaredDistance(to: pushed[0]).squareRoot()
        largest[i] = max(largest[i], distance / scale)
        last[i] = size > 0 ? distance / size : distance
        if last[i] <= Self.tolerance {
          returned[i] = returned[i] ?? followed
        } else {
          returned[i] = nil
        }
      }
    }
    let read = pushed.isFinite ? try answers?(pushed) : nil
    self.iteration = iteration
    self.followed = followed
    pushes = lengths.indices.map { i in
      Push(
        size: lengths[i], growth: largest[i] / lengths[i], returned: returned[i],
        finalDistance: last[i],
        answersChanged: read.map { read in
          Double(zip(read[0], read[i + 1]).count { $0 != $1 }) / Double(read[0].count)
        })
    }
  }

  /// The pushes of one size.
  public func pushes(of size: Double) -> [Push] { pushes.filter { $0.size == size } }
  /// The sizes there are, rising.
  public var sizes: [Double] { Set(pushes.map(\.size)).sorted() }
}
