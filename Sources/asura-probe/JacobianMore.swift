import Asura
import AsuraCommandLine
import Foundation

/// What is computed over whole trajectories, besides the spectra.
struct JacobianMore {
  private(set) var growth: TrajectoryGrowth?
  private(set) var sensitivity: InputSensitivity?
  /// Whether an interruption ended some of it early.
  private(set) var isCut = false

  init(
    _ extras: JacobianExtras, on run: TracedRun, iterations: [Int], examples: [Int], seed: UInt64,
    reporting: ReportingOptions
  ) throws {
    guard let first = iterations.min(), let last = iterations.max() else { return }
    if let count = extras.lyapunov, !Interrupt.isRequested {
      let progress = reporting.progress("lyapunov", total: last - first, unit: "iteration")
      let growth = try TrajectoryGrowth(
        count, of: run, examples: examples, from: first, to: last, seed: seed,
        isCancelled: { Interrupt.isRequested },
        progress: { t, leading in
          progress.advance(by: 1, "t=\(t + 1) λ₁ \(significant(leading.max() ?? .nan, 3))")
        })
      progress.finish()
      isCut = growth.exponents.iterations.count < last - first
      if !growth.exponents.iterations.isEmpty { self.growth = growth }
    }
    if extras.sensitivity, !Interrupt.isRequested, let example = examples.first {
      let progress = reporting.progress("sensitivity", total: last + 1, unit: "iteration")
      let sensitivity = try InputSensitivity(
        run, example: example, iterations: last, seed: seed,
        isCancelled: { Interrupt.isRequested }, progress: { _ in progress.advance(by: 1) })
      progress.finish()
      isCut = isCut || sensitivity.iterations.count <= last
      self.sensitivity = sensitivity
    }
    isCut = isCut || Interrupt.isRequested
  }

  /// The arrays for the companion file.
  var data: [AnalysisData] { (growth.map { [$0.data] } ?? []) + (sensitivity?.data ?? []) }
}
