internal import AsuraTensor

/// Minimises a smooth convex function by L-BFGS (Liu and Nocedal 1989) with a preconditioner: an approximate inverse
/// Hessian that the two-loop recursion starts from, made anew every few steps.
struct LBFGS {
  /// Pairs of steps and gradient changes that are kept.
  var memory = 10
  /// It has converged when no entry of the gradient is larger.
  var tolerance = 1e-6
  var mostIterations = 500
  /// Steps after which the preconditioner is made anew.
  var refresh = 5

  struct Result {
    let point: [Double]
    let value: Double
    /// The largest entry of the gradient.
    let gradient: Double
    let iterations: Int
    let evaluations: Int
    let isConverged: Bool
  }

  /// - Parameters:
  ///   - evaluate: the value at a point; writes the gradient.
  ///   - preconditioner: what replaces a vector with the approximate inverse Hessian's product; given the point, and
  ///     whether it is the first.
  ///   - afterStep: is called with each new point, and returns whether to go on.
  func minimize(
    from start: [Double],
    _ evaluate: (_ point: [Double], _ gradient: inout [Double]) throws -> Double,
    preconditioner: (_ point: [Double], _ isFirst: Bool) throws -> ((inout [Double]) -> Void),
    afterStep: (_ point: [Double]) throws -> Bool = { _ in true }
  ) throws -> Result {
    var (point, gradient) = (start, [Double](repeating: 0, count: start.count))
    var value = try evaluate(point, &gradient)
    var (steps, changes) = ([[Double]](), [[Double]]())
    var (iteration, evaluations) = (0, 1)
    var apply: ((inout [Double]) -> Void)?
    while largest(gradient) > tolerance, iteration < mostIterations {
      if iteration % refresh == 0 {
        apply = try preconditioner(point, iteration == 0)
        (steps, changes) = ([], [])
      }
      var direction = gradient
      twoLoop(&direction, steps, changes, apply)
      var slope = -dot(direction, gradient)
      if !(slope < 0) {
        // The memory misleads: go along the preconditioned gradient.
        direction = gradient
        apply?(&direction)
        (steps, changes) = ([], [])
        slope = -dot(direction, gradient)
        guard slope < 0 else { break }
      }

      // Armijo's rule by halving. Near the minimum, where values differ by rounding alone, the gradient decides.
      var (size, isFound) = (1.0, false)
      var (next, nextGradient, nextValue) = (point, gradient, value)
      for _ in 0..<40 {
        for i in point.indices { next[i] = point[i] - size * direction[i] }
        nextValue = try evaluate(next, &nextGradient)
        evaluations += 1
        let isLevel =
          abs(nextValue - value) <= 1e-13 * abs(value) && largest(nextGradient) < largest(gradient)
        if nextValue <= value + 1e-4 * size * slope || isLevel {
          isFound = true
          break
        }
        size /= 2
      }
      guard isFound else { break }
      let step = zip(next, point).map { $0 - $1 }
      let change = zip(nextGradient, gradient).map { $0 - $1 }
      if dot(step, change) > 1e-14 * dot(change, change) {
        steps.append(step)
        changes.append(change)
        if steps.count > memory {
          steps.removeFirst()
          changes.removeFirst()
        }
      }
      (point, gradient, value) = (next, nextGradient, nextValue)
      iteration += 1
      guard try afterStep(point) else { break }
    }
    let end = largest(gradient)
    return Result(
      point: point, value: value, gradient: end, iterations: iteration, evaluations: evaluations,
      isConverged: end <= tolerance)
  }

  private func twoLoop(
    _ direction: inout [Double], _ steps: [[Double]], _ changes: [[Double]],
    _ apply: ((inout [Double]) -> Void)?
  ) {
    var factors: [Double] = []
    for (step, change) in zip(steps, changes).reversed() {
      let factor = dot(step, direction) / dot(step, change)
      factors.append(factor)
      for i in direction.indices { direction[i] -= factor * change[i] }
    }
    apply?(&direction)
    for ((step, change), factor) in zip(zip(steps, changes), factors.reversed()) {
      let correction = factor - dot(change, direction) / dot(step, change)
      for i in direction.indices { direction[i] += correction * step[i] }
    }
  }

  private func largest(_ vector: [Double]) -> Double {
    var largest = 0.0
    for value in vector {
      if value.isNaN { return .infinity }
      largest = max(largest, abs(value))
    }
    return largest
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += a[i] * b[i] }
    return sum
  }
}
