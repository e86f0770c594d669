public import AsuraTensor
internal import AsuraTrace
public import Foundation

/// Linear probes of one fact at some iterations and positions, in the site's own coordinates: the score of a class is
/// `w · x + b` on the recorded value `x`, whatever it was standardised by when the probe was fitted.
///
/// Cells without a probe (a label that was constant there) are NaN.
public struct ProbeWeights: Sendable, Equatable {
  /// The site that was probed, such as `latent`.
  public let site: String
  /// What was probed for.
  public let fact: String
  /// What the scores are of: the classes' names, or the one name of a number.
  public let classes: [String]
  public let iterations: [Int]
  /// The positions, or only −1 for one probe of all positions together.
  public let positions: [Int]
  /// `[iteration, position, class, width]`
  public let weights: Tensor<Double>
  /// `[iteration, position, class]`
  public let bias: Tensor<Double>
  /// The mean of the values that each probe was fitted to, `[iteration, position, width]`.
  public let mean: Tensor<Double>

  /// What stands for all positions together.
  public static let pooled = -1

  public var width: Int { weights.rowLength }

  public init(
    site: String, fact: String, classes: [String], iterations: [Int], positions: [Int],
    weights: Tensor<Double>, bias: Tensor<Double>, mean: Tensor<Double>
  ) {
    let cells = [iterations.count, positions.count]
    precondition(
      weights.shape.count == 4 && Array(weights.shape.prefix(3)) == cells + [classes.count]
        && bias.shape == cells + [classes.count] && mean.shape == cells + [weights.rowLength],
      "weights \(weights.shape), bias \(bias.shape), mean \(mean.shape) of \(cells) cells")
    self.site = site
    self.fact = fact
    self.classes = classes
    self.iterations = iterations
    self.positions = positions
    self.weights = weights
    self.bias = bias
    self.mean = mean
  }

  // MARK: - Directions

  /// The direction `[width]` in which the score of class `index` grows most against that of `other`, or against the
  /// mean of all other classes that occur there; that of the number itself for a probe of a number. Not normalised:
  /// moving by `d / ‖d‖²` raises the difference of the scores by one.
  /// - Throws: `ProbeError` when there is no probe of that iteration and position, no such class, or none there.
  public func direction(
    iteration: Int, position: Int, class index: Int = 0, against other: Int? = nil
  ) throws -> Tensor<Double> {
    let rows = try cell(iteration: iteration, position: position)
    for index in [index] + (other.map { [$0] } ?? []) where !classes.indices.contains(index) {
      throw ProbeError(
        .notFound, "the probe of \(fact) has no class \(index)",
        remedy: "It has \(classes.count), counted from 0: \(classes.joined(separator: ", "))")
    }
    // Classes that do not occur there have a score of −∞ and no weights.
    let (t, p) = try place(iteration: iteration, position: position)
    let occurring = classes.indices.filter { bias[[t, p, $0]] > -.infinity }
    for index in [index] + (other.map { [$0] } ?? []) where !occurring.contains(index) {
      throw ProbeError(
        .notFound,
        "the class '\(classes[index])' of \(fact) does not occur at iteration \(iteration), position \(position)",
        remedy: "These do: \(occurring.map { classes[$0] }.joined(separator: ", "))")
    }
    var direction = rows[index]
    if let other {
      direction.add(rows[other], times: -1)
    } else {
      let others = occurring.filter { $0 != index }
      for c in others { direction.add(rows[c], times: -1 / Double(others.count)) }
    }
    return direction
  }

  /// The number of the class of that name.
  /// - Throws: `ProbeError`, listing what classes there are.
  public func classIndex(_ name: String) throws -> Int {
    guard let index = classes.firstIndex(of: name) else {
      throw ProbeError(
        .notFound, "\(fact) has no class '\(name)'",
        remedy: "It has: \(classes.joined(separator: ", "))")
    }
    return index
  }

  /// The weights `[class, width]` of one probe. A probe of all positions together answers for each of them.
  /// - Throws: `ProbeError` when there is none.
  public func cell(iteration: Int, position: Int) throws -> Tensor<Double> {
    let (t, p) = try place(iteration: iteration, position: position)
    let rows = weights[t][p]
    guard rows.isFinite else {
      throw ProbeError(
        .notFound,
        "\(fact) could not be probed at iteration \(iteration), position \(position): it is constant there",
        remedy: "Choose another position.")
    }
    return rows
  }

  private func place(iteration: Int, position: Int) throws -> (t: Int, p: Int) {
    guard let t = iterations.firstIndex(of: iteration),
      let p = positions == [Self.pooled] ? 0 : positions.firstIndex(of: position)
    else {
      throw ProbeError(
        .notFound, "there is no probe of \(fact) at iteration \(iteration), position \(position)",
        remedy: "There are probes of iterations \(list(iterations)) and "
          + (positions == [Self.pooled] ? "all positions." : "positions \(list(positions))."))
    }
    return (t, p)
  }

  private func list(_ numbers: [Int]) -> String {
    guard let first = numbers.first, let last = numbers.last else { return "none" }
    return last - first == numbers.count - 1 && numbers.count > 2
      ? "\(first)…\(last)" : numbers.map(String.init).joined(separator: ", ")
  }
}

// MARK: - Files

extension ProbeWeights {
  /// Reads what `write` wrote, or NumPy in the same form.
  /// - Throws: `ProbeError`.
  public init(contentsOf url: URL) throws {
    let archive = try NumpyArchive(contentsOf: url)
    func text(_ name: String) throws -> String { try archive.texts(name).first ?? "" }
    let classes = try archive.texts("class")
    let (iterations, positions) = (
      try archive.integers("iteration"), try archive.integers("position")
    )
    let (weights, bias, mean) = (
      try archive.tensor("weights"), try archive.tensor("bias"), try archive.tensor("mean")
    )
    let cells = [iterations.count, positions.count]
    guard weights.rank == 4, Array(weights.shape.prefix(3)) == cells + [classes.count],
      bias.shape == cells + [classes.count], mean.shape == cells + [weights.rowLength],
      !weights.isEmpty
    else {
      throw ProbeError(
        .incompleteTrace,
        "\(url.path): weights of shape \(weights.shape), bias \(bias.shape) and mean \(mean.shape) do not fit "
          + "\(cells[0]) iterations, \(cells[1]) positions and \(classes.count) classes",
        remedy: "Use a file that asura-probe linear wrote, or save the arrays in its form.")
    }
    self.init(
      site: try text("site"), fact: try text("fact"), classes: classes, iterations: iterations,
      positions: positions, weights: weights, bias: bias, mean: mean)
  }

  /// Writes an `.npz` file that `numpy.load` reads: `weights`, `bias` and `mean` in the shapes above, the coordinates
  /// `iteration`, `position` and `class`, and the names `site` and `fact` (arrays of one text).
  /// - Throws: `TraceError`: `exists`, `inaccessible`.
  public func write(to url: URL, overwriting: Bool = false) throws {
    try NumpyArchiveWriter.write(
      [
        "weights": .reals(weights), "bias": .reals(bias), "mean": .reals(mean),
        "iteration": .integers(iterations), "position": .integers(positions),
        "class": .texts(classes), "site": .texts([site]), "fact": .texts([fact]),
      ], to: url, overwriting: overwriting)
  }
}
