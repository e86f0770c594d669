public import AsuraTensor

/// Finite-time Lyapunov exponents along a trajectory: the mean rate, a factor `e^λ` an iteration, at which the leading
/// disturbances of its start grow under the product of its Jacobians.
///
/// By the QR method: orthonormal tangents go through each Jacobian and are made orthonormal again, and the logarithms
/// of their stretches add up (Benettin et al., Meccanica 15, 1980). Unlike eigenvalues of single Jacobians they are
/// about products: rotation and shear between iterations count.
public struct LyapunovExponents: Sendable, Equatable {
  /// The iterations whose Jacobians were multiplied, in order.
  public let iterations: [Int]
  /// How many examples there are, and exponents of each.
  public let examples: Int
  public let count: Int
  /// The exponents after each iteration `[iteration, example, exponent]`, in nat an iteration, as the QR method orders
  /// them: largest first once they have converged. −∞ for a direction that was annihilated.
  public let running: Tensor<Double>
  /// The states after the last iteration, `[example, dimension]`.
  public let end: Tensor<Double>

  /// The exponents of an example after all iterations.
  public func final(_ example: Int) -> [Double] {
    guard !iterations.isEmpty else { return Array(repeating: .nan, count: count) }
    return running[iterations.count - 1][example].elements
  }

  /// How far the exponents of an example still moved over the last half of the iterations: the largest change of
  /// one of them. NaN for fewer than two iterations.
  public func drift(_ example: Int) -> Double {
    guard iterations.count >= 2 else { return .nan }
    let half = running[(iterations.count - 1) / 2][example].elements
    return zip(half, final(example)).map { $0 == $1 ? 0 : abs($0 - $1) }.max() ?? .nan
  }

  /// Follows `start` `[example, dimension]` through `iterations`.
  ///
  /// - Parameters:
  ///   - count: how many exponents, at most `dimension`.
  ///   - map: the map of an iteration, of all examples at once.
  ///   - isCancelled: asked before each iteration; what is done by then is the result.
  ///   - progress: called after each iteration with the leading exponents so far.
  public init(
    _ count: Int, from start: Tensor<Double>, through iterations: [Int], seed: UInt64 = 0,
    map: (_ iteration: Int) throws -> any StateMap,
    isCancelled: () -> Bool = { false },
    progress: (_ iteration: Int, _ leading: [Double]) -> Void = { _, _ in }
  ) throws {
    let (examples, size) = (start.shape[0], start.shape[1])
    precondition((1...size).contains(count), "\(count) exponents of \(size) dimensions")
    var random = Random(seed: seed, for: "Lyapunov tangents")
    // The same tangents for every example, so that they are compared alike.
    let first = try Tensor<Double>.normal([size, count], using: &random).qr().q.transposed
    var tangents = Array(repeating: first, count: examples)
    var sums = Array(repeating: Array(repeating: 0.0, count: count), count: examples)
    var state = start
    var done: [Int] = []
    var rows: [Double] = []
    for iteration in iterations {
      if isCancelled() { break }
      let linearization = try map(iteration).linearized(at: state)
      let images = try linearization.jvp(
        Tensor([count, examples, size]) { out in
          for (example, v) in tangents.enumerated() {
            v.read { v in
              for i in 0..<count {
                (out + (i * examples + example) * size).update(from: v + i * size, count: size)
              }
            }
          }
        })
      for example in 0..<examples {
        let columns = Tensor([size, count]) { out in
          images.read { x in
            for i in 0..<count {
              let row = x + (i * examples + example) * size
              for j in 0..<size { out[j * count + i] = row[j] }
            }
          }
        }
        let factors = try columns.qr()
        tangents[example] = factors.q.transposed
        for i in 0..<count { sums[example][i] += .log(factors.r[[i, i]]) }
      }
      state = linearization.value
      done.append(iteration)
      let means = sums.map { $0.map { $0 / Double(done.count) } }
      rows += means.flatMap { $0 }
      progress(iteration, means.map { $0.first ?? .nan })
    }
    self.iterations = done
    self.examples = examples
    self.count = count
    running = Tensor([done.count, examples, count], rows)
    end = state
  }
}
