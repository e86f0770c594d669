import AsuraKernels
import AsuraTensor

/// `loss = w·Σ_r −Σ_c q_rc log softmax(x_r)_c`, over rows r of logits x `[…, classes]` whose target
/// is ≥ 0, where `q = (1 − s)·onehot + s/classes` (label smoothing, Szegedy et al. 2016) and `w` a
/// weight, such as one over the count.
///
/// JVP: `Σ w·(p − q)·ẋ`. VJP: `x̄ = loss̄·w·(p − q)`, with p the softmax.
struct CrossEntropy<S: Scalar>: Primitive {
  let targets: [Int32]
  let smoothing: Double
  let weight: S

  /// The gradient of the loss with respect to the logits.
  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    let logits = inputs[0]
    let (rows, classes) = (logits.rowCount, logits.rowLength)
    precondition(
      targets.count == rows && targets.allSatisfy { $0 < classes },
      "\(targets.count) targets for logits of shape \(logits.shape)")
    var gradient = Tensor<S>(logits.shape) { _ in }
    let losses = Tensor<S>([rows]) { losses in
      logits.read { x in
        gradient.update {
          asura_cross_entropy(
            S.kernelType, x, targets, smoothing, losses, $0, rows, classes)
        }
      }
    }
    let loss = Tensor<S>([], repeating: S(losses.sum) * weight)
    guard keepingResiduals else { return (loss, nil) }
    gradient.update { g in
      for r in 0..<rows {
        let row = g + r * classes
        guard targets[r] >= 0 else {
          row.update(repeating: 0, count: classes)
          continue
        }
        for c in 0..<classes { row[c] = weight * (row[c] - S(smoothing) / S(classes)) }
        row[Int(targets[r])] -= weight * S(1 - smoothing)
      }
    }
    return (loss, gradient)
  }

  func jvp(_ gradient: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return Tensor([count], (0..<count).map { S(dx[$0].dot(gradient)) })
  }

  func vjp(_ gradient: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(cotangent.scalar == 1 ? gradient : gradient.scaled(by: cotangent.scalar), to: 0)
  }
}

/// `y = Σ_b w_b·‖a_b − b_b‖²` over the entries of the first axis, with weights that do not vary.
///
/// JVP: `Σ 2w(a − b)·(ȧ − ḃ)`. VJP: `ā = 2w·ȳ·(a − b)`, `b̄ = −ā`.
struct WeightedSquaredDistance<S: Scalar>: Primitive {
  let weights: [S]

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    let (a, b) = (inputs[0], inputs[1])
    precondition(
      a.shape == b.shape && a.rank > 0 && a.shape[0] == weights.count,
      "distance of \(a.shape) and \(b.shape) with \(weights.count) weights")
    var total: S = 0
    for (i, weight) in weights.enumerated() { total += weight * S(a[i].squaredDistance(to: b[i])) }
    var gradient: Tensor<S>?
    if keepingResiduals {
      gradient = a - b
      let stride = weights.isEmpty ? 0 : a.count / weights.count
      gradient?.update { g in
        for (i, weight) in weights.enumerated() {
          asura_scale(S.kernelType, Double(2 * weight), g + i * stride, g + i * stride, stride)
        }
      }
    }
    return (Tensor([], repeating: total), gradient)
  }

  func jvp(_ gradient: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    Tensor(
      [count],
      (0..<count).map { k in
        S((tangents[0]?[k].dot(gradient) ?? 0) - (tangents[1]?[k].dot(gradient) ?? 0))
      })
  }

  func vjp(_ gradient: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(gradient.scaled(by: cotangent.scalar), to: 0)
    inputs.add(gradient.scaled(by: -cotangent.scalar), to: 1)
  }
}

extension Interpreter {
  /// `weight` times the sum over scored rows of the cross-entropy of `logits` `[…, classes]`
  /// against `targets`, one a row, negative where a row is not scored.
  public func crossEntropy(
    _ logits: Value<S>, targets: [Int32], smoothing: Double = 0, weight: S = 1
  ) -> Value<S> {
    apply(CrossEntropy(targets: targets, smoothing: smoothing, weight: weight), logits)
  }

  /// `Σ_b weights[b]·‖a[b] − b[b]‖²` over the first axis.
  public func weightedSquaredDistance(
    _ a: Value<S>, _ b: Value<S>, weights: [S]
  ) -> Value<S> {
    apply(WeightedSquaredDistance(weights: weights), a, b)
  }
}
