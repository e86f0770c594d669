import AsuraTensor

/// The summary series, computed while iterations arrive: how far the latent moves, how long it is,
/// how much the readout changes.
///
/// Only the latest latent and the latest class probabilities are kept.
struct TraceSummary: Sendable {
  /// The same series stand in `/run/summary` and at the root.
  private var groups: [IterationGroup]
  private let hasLatent: Bool
  private let hasReadout: Bool
  private var lastLatent: (iteration: Int, values: any Sendable)?
  private var pending: [Double]
  private var isPending = false

  init(run: H5Group, root: H5Group, hasLatent: Bool, hasReadout: Bool) throws {
    self.hasLatent = hasLatent
    self.hasReadout = hasReadout
    let summary = try NXDataGroup(in: run, "summary", title: "Summary of the iterations")
    groups = [try IterationGroup(summary), try IterationGroup(NXDataGroup(root))]
    for index in groups.indices {
      if hasLatent {
        _ = try groups[index].addArray(
          "relative_step", .float64, longName: "relative step ‖z_t − z_{t−1}‖ / ‖z_t‖")
        _ = try groups[index].addArray("latent_norm", .float64, longName: "latent norm ‖z_t‖")
      }
      if hasReadout {
        _ = try groups[index].addArray(
          "readout_change", .float64, longName: "readout change (mean total variation)")
      }
    }
    let names = groups[0].arrays.map(\.name)
    try groups[0].data.setSignal(
      names[0], axes: ["iteration"], auxiliary: Array(names.dropFirst()))
    pending = names.map { _ in .nan }
  }

  /// Takes the latent after `iteration`. Norms are Frobenius norms over all of it; the relative
  /// step is NaN where the latent before was not seen.
  mutating func addLatent<S: Scalar>(_ latent: Tensor<S>, iteration: Int) {
    let norm = latent.read { z in
      (0..<latent.count).reduce(0.0) { $0 + Double(z[$1]) * Double(z[$1]) }.squareRoot()
    }
    isPending = true
    pending[1] = norm
    if let last = lastLatent, last.iteration == iteration - 1,
      let before = last.values as? Tensor<S>
    {
      let step = read(latent, before) { z, y in
        (0..<latent.count).reduce(0.0) { sum, i in
          let difference = Double(z[i]) - Double(y[i])
          return sum + difference * difference
        }.squareRoot()
      }
      pending[0] = step / norm
    }
    lastLatent = (iteration, latent)
  }

  /// Takes how much the readout changed in this iteration.
  mutating func addReadout(change: Double) {
    isPending = true
    pending[pending.count - 1] = change
  }

  /// Writes what was gathered at `iteration`.
  mutating func commit(_ iteration: Int) throws {
    guard isPending else { return }
    for index in groups.indices {
      for (array, value) in pending.enumerated() {
        try withUnsafePointer(to: value) {
          try groups[index].write(
            $0, as: .float64, shape: [], array: array, iteration: iteration)
        }
      }
    }
    discard()
  }

  mutating func cut(after last: Int?) throws {
    discard()
    for index in groups.indices { try groups[index].cut(after: last) }
  }

  private mutating func discard() {
    pending = pending.map { _ in .nan }
    isPending = false
  }
}
