import AsuraKernels
import AsuraTensor

/// Scores `[batch, head, query, key]` from packed qkv and an optional bias: `s = q·kᵀ/√d + bias`.
///
/// JVP: `ṡ = (q̇·kᵀ + q·k̇ᵀ)/√d + ḃ`. VJP: `q̄ = s̄·k/√d`, `k̄ = s̄ᵀ·q/√d`, `b̄ = Σ_batch s̄`.
struct AttentionScores<S: Scalar>: Primitive {
  let layout: AttentionLayout
  let hasBias: Bool

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    let qkv = inputs[0]
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let scores = Tensor<S>([batch, layout.heads, positions, tile.keyCount]) { s in
      qkv.read { qkv in
        tile.forEachHead(batch: batch) { t, h, b in
          tile.scores(
            qkv + b * positions * layout.qkvWidth, head: h, bias: hasBias ? inputs[1] : nil,
            into: s + t * tile.size)
        }
      }
    }
    return (scores, keepingResiduals ? qkv : nil)
  }

  func jvp(_ qkv: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    var scratch = Tensor<S>([tile.size]) { _ in }
    return Tensor([count, batch, layout.heads, positions, tile.keyCount]) { ds in
      qkv.read { qkv in
        scratch.update { scratch in
          for k in 0..<count {
            tile.forEachHead(batch: batch) { t, h, b in
              tile.scoreTangent(
                qkv + b * positions * layout.qkvWidth, tangents[0], k * batch + b, head: h,
                bias: hasBias ? tangents[1] : nil, k, scratch: scratch,
                into: ds + (k * batch * layout.heads + t) * tile.size)
            }
          }
        }
      }
    }
  }

  func vjp(_ qkv: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    inputs.accumulate(0, shape: qkv.shape) { dqkv in
      read(qkv, cotangent) { qkv, ds in
        tile.forEachHead(batch: batch) { t, h, b in
          let row = b * positions * layout.qkvWidth
          tile.scoreCotangent(ds + t * tile.size, qkv + row, head: h, into: dqkv + row)
        }
      }
    }
    if hasBias {
      inputs.accumulate(1, shape: [layout.heads, positions, tile.keyCount]) { db in
        cotangent.read { ds in
          tile.forEachHead(batch: batch) { t, h, _ in
            asura_axpy(S.kernelType, 1, ds + t * tile.size, db + h * tile.size, tile.size)
          }
        }
      }
    }
  }
}

/// Softmax over the last axis: `p = exp(s)/Σ exp(s)`; a row of −∞ gives zeros.
///
/// The derivative is symmetric. JVP: `ṗ = p∘(ṡ − Σ p∘ṡ)`. VJP: `s̄ = p∘(p̄ − Σ p∘p̄)`.
struct Softmax<S: Scalar>: Primitive {
  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    var p = inputs[0]
    let (rows, width) = (p.rowCount, p.rowLength)
    p.update { asura_softmax(S.kernelType, $0, rows, width) }
    return (p, p)
  }

  private func derivative(_ p: Tensor<S>, _ v: Tensor<S>, count: Int) -> Tensor<S> {
    Tensor(v.shape) { out in
      read(p, v) {
        asura_softmax_derivative(S.kernelType, $0, $1, out, count, p.rowCount, p.rowLength)
      }
    }
  }

  func jvp(_ p: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let ds = tangents[0] else { preconditionFailure("no input varies") }
    return derivative(p, ds, count: count)
  }

  func vjp(_ p: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(derivative(p, cotangent, count: 1), to: 0)
  }
}

/// Values mixed by a pattern: `z = p·v`, with p `[batch, head, query, key]` and v the last columns
/// of packed qkv.
///
/// JVP: `ż = ṗ·v + p·v̇`. VJP: `p̄ = z̄·vᵀ`, `v̄ = pᵀ·z̄`.
struct AttentionMix<S: Scalar>: Primitive {
  let layout: AttentionLayout

  struct Residuals {
    let pattern: Tensor<S>
    let qkv: Tensor<S>
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    let (pattern, qkv) = (inputs[0], inputs[1])
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    precondition(
      pattern.shape == [batch, layout.heads, positions, tile.keyCount],
      "a pattern of shape \(pattern.shape) for \(qkv.shape)")
    let z = Tensor<S>([batch, positions, layout.heads * layout.headWidth]) { z in
      read(pattern, qkv) { mix(tile, batch, $0, $1, into: z, adding: false) }
    }
    return (z, keepingResiduals ? Residuals(pattern: pattern, qkv: qkv) : nil)
  }

  private func mix(
    _ tile: AttentionTile<S>, _ batch: Int, _ pattern: UnsafePointer<S>, _ qkv: UnsafePointer<S>,
    into z: UnsafeMutablePointer<S>, adding: Bool
  ) {
    let width = layout.heads * layout.headWidth
    tile.forEachHead(batch: batch) { t, h, b in
      tile.sum(
        pattern + t * tile.size,
        qkv + b * tile.positions * layout.qkvWidth + tile.offsets(h).value, layout.qkvWidth,
        into: z + b * tile.positions * width + h * layout.headWidth, width, adding: adding)
    }
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let (batch, positions) = (r.qkv.shape[0], r.qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let width = layout.heads * layout.headWidth
    return Tensor([count, batch, positions, width]) { dz in
      read(r.pattern, r.qkv) { pattern, qkv in
        for k in 0..<count {
          let out = dz + k * batch * positions * width
          if let dp = tangents[0] {
            dp.read { mix(tile, batch, $0 + k * r.pattern.count, qkv, into: out, adding: false) }
          }
          tangents[1]?.read {
            mix(
              tile, batch, pattern, $0 + k * r.qkv.count, into: out, adding: tangents[0] != nil)
          }
        }
      }
    }
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let (batch, positions) = (r.qkv.shape[0], r.qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let (width, packed) = (layout.heads * layout.headWidth, layout.qkvWidth)
    read(r.pattern, r.qkv, cotangent) { pattern, qkv, dz in
      inputs.accumulate(0, shape: r.pattern.shape) { dp in
        var scratch = Tensor<S>([tile.size]) { _ in }
        scratch.update { scratch in
          tile.forEachHead(batch: batch) { t, h, b in
            tile.dots(
              dz + b * positions * width + h * layout.headWidth, width,
              qkv + b * positions * packed + tile.offsets(h).value, packed, times: 1,
              into: scratch)
            asura_axpy(S.kernelType, 1, scratch, dp + t * tile.size, tile.size)
          }
        }
      }
      inputs.accumulate(1, shape: r.qkv.shape) { dqkv in
        tile.forEachHead(batch: batch) { t, h, b in
          tile.spread(
            pattern + t * tile.size, dz + b * positions * width + h * layout.headWidth, width,
            into: dqkv + b * positions * packed + tile.offsets(h).value, packed)
        }
      }
    }
  }
}

extension Interpreter {
  /// Attention scores `[batch, head, query, key]` before the softmax, scaled and biased.
  public func attentionScores(
    _ qkv: Value<S>, bias: Value<S>?, _ layout: AttentionLayout
  ) -> Value<S> {
    layout.check(qkv, bias)
    let primitive = AttentionScores<S>(layout: layout, hasBias: bias != nil)
    return apply(primitive, bias.map { [qkv, $0] } ?? [qkv])
  }

  /// Softmax over the last axis.
  public func softmax(_ scores: Value<S>) -> Value<S> { apply(Softmax(), scores) }

  /// The pattern `[batch, head, query, key]` applied to the values in packed qkv.
  public func attentionMix(
    _ pattern: Value<S>, _ qkv: Value<S>, _ layout: AttentionLayout
  ) -> Value<S> {
    layout.check(qkv)
    return apply(AttentionMix(layout: layout), pattern, qkv)
  }
}
