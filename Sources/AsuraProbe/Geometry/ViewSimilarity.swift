public import AsuraTensor

/// How alike views of the same points are, whatever way each is turned: `[view, view]`, symmetric.
public struct ViewSimilarity: Sendable {
  /// Linear centred kernel alignment, ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) (Kornblith et al. 2019), 0…1. With few points for its
  /// width it is too high.
  public let cka: Tensor<Double>
  /// The same from the unbiased estimate of each term (Song et al. 2012; Nguyen et al. 2021): 0 on average for unrelated
  /// views, and so below 0 at times. NaN for fewer than 4 points, and for points that are all
  /// equally far from each other.
  public let debiasedCKA: Tensor<Double>
  /// The orthogonal Procrustes distance of the centred points, each view scaled to norm 1: the least ‖X − YQ‖ over all
  /// turns and reflections Q, (2 − 2‖XᵀY‖_*)^½, from 0 to √2 (Williams et al. 2021). The narrower view is taken for the
  /// wider one's first dimensions. NaN where it was not computed.
  public let procrustes: Tensor<Double>

  /// - Parameters:
  ///   - hasProcrustes: whether to compute Procrustes distances, a singular value decomposition each.
  ///   - isCancelled: asked for each view; once true, the Procrustes distances of those left are NaN.
  init(
    _ moments: ViewMoments, hasProcrustes: Bool, isCancelled: () -> Bool = { false },
    progress: (_ view: Int) -> Void = { _ in }
  ) throws(LinearAlgebraError) {
    let views = moments.widths.count
    var (cka, debiased, procrustes) = (
      Tensor<Double>.zeros([views, views]), Tensor<Double>.zeros([views, views]),
      Tensor<Double>.zeros([views, views])
    )
    let own = Workers.current.map(views) { v in
      let product = moments.crossProduct(v, v)
      return (biased: product.dot(product), norm: moments.squaredNorm(v))
    }
    let n = Double(moments.count)
    @Sendable func debias(_ dot: Double, _ a: Int, _ b: Int) -> Double {
      dot - n / (n - 2) * moments.normProduct(a, b)
        + own[a].norm * own[b].norm / ((n - 1) * (n - 2))
    }
    let spreads = (0..<views).map { debias(own[$0].biased, $0, $0) }
    // Of points equally far from each other nothing is left but rounding.
    @Sendable func isSpread(_ v: Int) -> Bool { spreads[v] > 1e-12 * own[v].biased }
    for a in 0..<views {
      let skips = !hasProcrustes || isCancelled()
      let row = try Workers.current.map(views - a) { (k) throws(LinearAlgebraError) in
        let b = a + k
        let product = moments.crossProduct(a, b)
        let dot = product.dot(product)
        let nuclear = skips ? .nan : try product.singularValues().sum
        let norms = own[a].norm * own[b].norm
        return (
          dot / (own[a].biased * own[b].biased).squareRoot(),
          n > 3 && isSpread(a) && isSpread(b)
            ? debias(dot, a, b) / (spreads[a] * spreads[b]).squareRoot() : .nan,
          max(0, 2 - 2 * nuclear / norms.squareRoot()).squareRoot()
        )
      }
      for (k, found) in row.enumerated() {
        for place in [a * views + a + k, (a + k) * views + a] {
          cka.update { $0[place] = found.0 }
          debiased.update { $0[place] = found.1 }
          procrustes.update { $0[place] = skips ? .nan : k == 0 && found.2 < 1e-7 ? 0 : found.2 }
        }
      }
      progress(a)
    }
    (self.cka, debiasedCKA, self.procrustes) = (cka, debiased, procrustes)
  }
}
