internal import AsuraTensor
internal import Foundation

/// How alike the latents of iterations, sites and runs are, and how many dimensions they use.
public struct GeometryProbe: Sendable, Equatable {
  /// Whether to compute Procrustes distances, a singular value decomposition for each pair of views.
  public var hasProcrustes = true

  /// Points are read about so many numbers at a time, of all views together.
  private static let slabSize = 1 << 22
  /// More operations than this in decompositions are more than a default should cost.
  private static let mostOperations = 4e11

  public init() {}

  /// Whether views of these widths cost more than a default should: in moments' memory, or in decompositions.
  public func isCostly(widths: [Int]) -> Bool {
    let (count, width) = (Double(widths.count), Double(widths.max() ?? 0))
    return ViewMoments.bytes(widths: widths) > 0x1p29
      || hasProcrustes && count * count / 2 * 20 * width * width * width > Self.mostOperations
  }

  /// Compares the views over `examples` (places in `views.examples`).
  ///
  /// - Parameters:
  ///   - isCancelled: asked between slabs of examples; once true, those read so far are what is compared.
  ///   - progress: called with how much more was done, in units of an example or a view.
  /// A value that is not finite ends the reading; the error is the result's `failure` beside what came before it.
  /// - Throws: `ProbeError`, `TraceError`, `LinearAlgebraError`. Nil when cancelled before there were points.
  public func run(
    on views: StateViews, runs: [String], examples: [Int], isCancelled: () -> Bool = { false },
    progress: (_ units: Int, _ what: String) -> Void = { _, _ in }
  ) throws -> GeometryStudy? {
    let widths = views.views.map(\.width)
    if let bad = examples.first(where: { !views.examples.indices.contains($0) }) {
      throw ProbeError(
        .notFound, "there is no example \(bad) among the \(views.examples.count) recorded ones")
    }
    let bytes = 2 * ViewMoments.bytes(widths: widths)
    guard bytes < Double(ProcessInfo.processInfo.physicalMemory) / 2 else {
      throw ProbeError(
        .tooLarge,
        "the moments of \(widths.count) views of up to \(widths.max() ?? 0) dimensions take "
          + String(format: "%.1f GiB", bytes / 0x1p30),
        remedy: "Choose fewer iterations or sites.")
    }
    let size = views.positions.count * widths.reduce(0, +)
    let slabs = examples.stretches(most: max(1, Self.slabSize / max(1, size)))
    var moments = ViewMoments(widths: widths)
    var done: [Int] = []
    var failure: (any Error)?
    for slab in slabs where failure == nil && !isCancelled() {
      do {
        moments.add(try views.views.map { try views.points($0, rows: slab) })
        done += Array(slab)
        progress(slab.count, "example \(views.examples[slab.upperBound - 1])")
      } catch { failure = error }
    }
    guard moments.count > 1 else {
      if let failure { throw failure }
      if isCancelled() { return nil }
      throw ProbeError(
        .notFound,
        "one point is not enough to compare views by: the trace has one position of one example")
    }
    let similarity = try ViewSimilarity(
      moments, hasProcrustes: hasProcrustes, isCancelled: isCancelled,
      progress: { progress(1, "view \($0 + 1)") })
    let spectra = try Workers.current.map(widths.count) { [moments] v in
      try ViewSpectrum(moments, view: v)
    }
    return GeometryStudy(
      views: views.views, runs: runs, examples: done.map { views.examples[$0] },
      positions: views.positions.count, points: moments.count, similarity: similarity,
      spectra: spectra, notes: try notes(views, points: moments.count), failure: failure,
      isComplete: failure == nil && done.count == examples.count && !isCancelled())
  }

  private func notes(_ views: StateViews, points: Int) throws -> [String] {
    var notes: [String] = []
    let widest = views.views.map(\.width).max() ?? 0
    if points < 4 * widest {
      notes.append(
        "\(points) points for \(widest) dimensions are few: CKA is too high (read the debiased one), Procrustes "
          + "distances are too small, and no dimension can exceed \(points - 1).")
    }
    if try !views.haveSameInput() {
      notes.append(
        "The traces are of other tokens: points that are compared are not of the same input, so this shows only "
          + "what depends on the position.")
    }
    return notes
  }
}
