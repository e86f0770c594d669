import Asura
import AsuraModel
import AsuraProbe
import Foundation

/// The fixed points of one iteration's map from the file's starts, all searched to the same q: by the method that the
/// command uses unless told otherwise, and by the peer's own. The outcome is the norms of the distinct points.
func fixedPoints(_ workload: Workload<Double>, width: String) throws -> [Measure] {
  guard let starts = workload.starts else { return [] }
  let count = starts.shape[0]
  let map = try LatentMap(
    workload.model, workload.input.selecting(Array(repeating: 0, count: count)))
  let states = starts.reshaped([count, map.dimension])
  func ours(_ solver: any FixedPointSolver) -> Measure.Contestant {
    .ours("ours") {
      let found = try FixedPointSearch(solver).run(map, from: states).compactMap { $0 }
      return .moduli(distinct(found).map(\.norm))
    }
  }
  let rows: [(name: String, solver: any FixedPointSolver, target: Double)] = [
    ("fixed points", NewtonKrylov(), 5), ("fixed points by Adam", SpeedMinimization(), 1),
  ]
  return rows.map { name, solver, target in
    Measure(
      name: name, shape: "\(count) starts, \(map.dimension)", target: target,
      contestants: [
        ours(solver),
        .init("PyTorch eager", .theirs("fixed-points-eager \(width)")),
        .init("PyTorch compiled", .theirs("fixed-points-compiled \(width)")),
      ], tolerance: 1e-5)
  }
}

/// The points that searches converged to, once each.
private func distinct(_ found: [SearchResult]) -> [Tensor<Double>] {
  var points: [Tensor<Double>] = []
  for one in found where one.end.isConverged {
    let isNew = points.allSatisfy { point in
      zip(point.elements, one.state.elements).contains {
        abs($0 - $1) >= FixedPointSet.uniqueTolerance
      }
    }
    if isNew { points.append(one.state) }
  }
  return points
}
