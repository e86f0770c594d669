public import AsuraTensor

/// Orthonormal bases of subspaces to patch in.
public enum PatchBasis {
  /// Orthonormal rows `[k, width]` that span the same as the rows given, by the modified Gram–Schmidt process, twice.
  /// - Throws: `ProbeError` where rows depend on one another or are not finite.
  public static func orthonormal(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    guard rows.rank == 2, rows.shape[0] >= 1, rows.isFinite else {
      throw ProbeError(
        .badPatch, "a basis of shape \(rows.shape)\(rows.isFinite ? "" : " that is not finite")",
        remedy: "Give one row a direction: [direction, width].")
    }
    var basis: [Tensor<Double>] = []
    for i in 0..<rows.shape[0] {
      var row = rows[i]
      let length = row.norm
      for _ in 0..<2 {
        for other in basis { row.add(other, times: -other.dot(row)) }
      }
      guard row.norm > 1e-10 * length else {
        throw ProbeError(
          .badPatch, "direction \(i) of the basis depends on those before it",
          remedy: "Leave it out.")
      }
      basis.append(row.scaled(by: 1 / row.norm))
    }
    return .concatenating(basis.map { $0.reshaped([1, $0.count]) })
  }
}
