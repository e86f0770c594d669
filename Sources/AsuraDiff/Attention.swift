import AsuraKernels
import AsuraTensor

/// Attention from packed queries, keys and values to the heads' mixed values, fused: head by head
/// `s = q·kᵀ/√d + bias`, `p = softmax(s)`, `z = p·v`, keeping only p; with a table all heads at once
/// (`NeighbourAttention`). Its stages, for those who look inside, are `AttentionScores`, `Softmax` and
/// `AttentionMix`: the same products in the same order, so the same bits.
///
/// Inputs: qkv `[batch, position, qkvWidth]`, and a bias `[head, query, key]` or nothing; −∞ masks
/// a key. Output: `[batch, position, heads·headWidth]`.
///
/// JVP: `ṡ = (q̇·kᵀ + q·k̇ᵀ)/√d + ḃ`, `ṗ = p∘(ṡ − Σ p∘ṡ)`, `ż = ṗ·v + p·v̇`.
/// VJP: `p̄ = z̄·vᵀ`, `v̄ = pᵀ·z̄`, `s̄ = p∘(p̄ − Σ p∘p̄)`, `q̄ = s̄·k/√d`, `k̄ = s̄ᵀ·q/√d`, `b̄ = Σ_batch s̄`.
struct Attention<S: Scalar>: Primitive {
  let layout: AttentionLayout
  let hasBias: Bool

  struct Residuals {
    let qkv: Tensor<S>
    /// `[batch, head, query, key]`, or with a table as `NeighbourAttention` keeps it.
    let pattern: Tensor<S>
  }

  private var neighbours: NeighbourAttention<S>? {
    layout.neighbours.map { NeighbourAttention(layout: layout, table: $0) }
  }

  func value(of inputs: [Tensor<S>], keepingResiduals keep: Bool) -> (Tensor<S>, Residuals?) {
    let qkv = inputs[0]
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    if let neighbours {
      return value(qkv, hasBias ? inputs[1] : nil, neighbours, keepingResiduals: keep)
    }
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let width = layout.heads * layout.headWidth
    var pattern = Tensor<S>(keep ? [batch, layout.heads, positions, tile.keyCount] : [tile.size]) {
      _ in
    }
    let z = Tensor<S>([batch, positions, width]) { z in
      pattern.update { pattern in
        qkv.read { qkv0 in
          tile.forEachHead(batch: batch) { t, h, b in
            let p = keep ? pattern + t * tile.size : pattern
            let row = qkv0 + b * positions * layout.qkvWidth
            tile.scores(row, head: h, bias: hasBias ? inputs[1] : nil, into: p)
            asura_softmax(S.kernelType, p, positions, tile.keyCount)
            tile.sum(
              p, row + tile.offsets(h).value, layout.qkvWidth,
              into: z + b * positions * width + h * layout.headWidth, width, adding: false)
          }
        }
      }
    }
    return (z, keep ? Residuals(qkv: qkv, pattern: pattern) : nil)
  }

  private func value(
    _ qkv: Tensor<S>, _ bias: Tensor<S>?, _ neighbours: NeighbourAttention<S>,
    keepingResiduals keep: Bool
  ) -> (Tensor<S>, Residuals?) {
    let (batch, positions) = (qkv.shape[0], qkv.shape[1])
    let (width, size) = (layout.heads * layout.headWidth, neighbours.patternSize(positions))
    var pattern = keep ? Tensor<S>([batch, size]) { _ in } : nil
    let z = Tensor<S>([batch, positions, width]) { z in
      AsuraTensor.read(bias) { bias in
        qkv.read { qkv in
          func attend(_ pattern: UnsafeMutablePointer<S>?) {
            for b in 0..<batch {
              let row = qkv + b * positions * layout.qkvWidth
              neighbours.attend(
                row, count: positions, among: row, bias: bias,
                pattern: pattern.map { $0 + b * size }, into: z + b * positions * width)
            }
          }
          if keep { pattern?.update { attend($0) } } else { attend(nil) }
        }
      }
    }
    return (z, pattern.map { Residuals(qkv: qkv, pattern: $0) })
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let (batch, positions) = (r.qkv.shape[0], r.qkv.shape[1])
    let pattern = neighbours?.rows(of: r.pattern, batch: batch) ?? r.pattern
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let (width, packed) = (layout.heads * layout.headWidth, layout.qkvWidth)
    var scratch = Tensor<S>([2, tile.size]) { _ in }
    return Tensor([count, batch, positions, width]) { dz in
      scratch.update { scratch in
        read(r.qkv, pattern) { qkv, pattern in
          for k in 0..<count {
            tile.forEachHead(batch: batch) { t, h, b in
              let (ds, dp) = (scratch, scratch + tile.size)
              let row = qkv + b * positions * packed
              let out =
                dz + (k * batch + b) * positions * width + h * layout.headWidth
              let p = pattern + t * tile.size
              tile.scoreTangent(
                row, tangents[0], k * batch + b, head: h, bias: hasBias ? tangents[1] : nil, k,
                scratch: dp, into: ds)
              asura_softmax_derivative(
                S.kernelType, p, ds, dp, 1, positions, tile.keyCount)
              tile.sum(
                dp, row + tile.offsets(h).value, packed, into: out, width, adding: false)
              tangents[0]?.read { dqkv in
                tile.sum(
                  p, dqkv + (k * batch + b) * positions * packed + tile.offsets(h).value, packed,
                  into: out, width, adding: true)
              }
            }
          }
        }
      }
    }
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let (batch, positions) = (r.qkv.shape[0], r.qkv.shape[1])
    let tile = AttentionTile<S>(layout: layout, positions: positions)
    let (width, packed) = (layout.heads * layout.headWidth, layout.qkvWidth)
    var scores = Tensor<S>([neighbours == nil ? tile.size : 0]) { _ in }
    let pass = { (dqkv: UnsafeMutablePointer<S>?, dbias: UnsafeMutablePointer<S>?) in
      read(r.qkv, r.pattern, cotangent) { qkv, pattern, dz in
        if let neighbours {
          for b in 0..<batch {
            let row = b * positions * packed
            neighbours.pullback(
              dz + b * positions * width, qkv + row,
              pattern + b * neighbours.patternSize(positions), into: dqkv.map { $0 + row },
              bias: dbias)
          }
          return
        }
        scores.update { ds in
          tile.forEachHead(batch: batch) { t, h, b in
            let row = b * positions * packed
            let p = pattern + t * tile.size
            let at = tile.offsets(h)
            let out = dz + b * positions * width + h * layout.headWidth
            tile.dots(out, width, qkv + row + at.value, packed, times: 1, into: ds)
            asura_softmax_derivative(S.kernelType, p, ds, ds, 1, positions, tile.keyCount)
            if let dqkv {
              tile.spread(p, out, width, into: dqkv + row + at.value, packed)
              tile.scoreCotangent(ds, qkv + row, head: h, into: dqkv + row)
            }
            if let dbias {
              asura_axpy(S.kernelType, 1, ds, dbias + h * tile.size, tile.size)
            }
          }
        }
      }
    }
    let biasShape = [layout.heads, positions, tile.keyCount]
    let biasWanted = hasBias && inputs.wants(1)
    if inputs.wants(0) {
      inputs.accumulate(0, shape: r.qkv.shape) { dqkv in
        if biasWanted {
          inputs.accumulate(1, shape: biasShape) { pass(dqkv, $0) }
        } else {
          pass(dqkv, nil)
        }
      }
    } else if biasWanted {
      inputs.accumulate(1, shape: biasShape) { pass(nil, $0) }
    }
  }
}

extension AttentionTile {
  /// `s = q·kᵀ/√d + bias` for one head; `row` is the example's first row of qkv.
  func scores(
    _ row: UnsafePointer<S>, head: Int, bias: Tensor<S>?, into s: UnsafeMutablePointer<S>
  ) {
    let at = offsets(head)
    read(bias) { bias in
      dots(
        row + at.query, layout.qkvWidth, row + at.key, layout.qkvWidth, times: layout.scale,
        adding: bias.map { $0 + head * size }, into: s, fill: -.infinity)
    }
  }

  /// `ṡ = (q̇·kᵀ + q·k̇ᵀ)/√d + ḃ` for one head; `entry` counts tangents and examples together.
  func scoreTangent(
    _ row: UnsafePointer<S>, _ tangent: Tensor<S>?, _ entry: Int, head: Int, bias: Tensor<S>?,
    _ k: Int, scratch: UnsafeMutablePointer<S>, into ds: UnsafeMutablePointer<S>
  ) {
    let (at, packed) = (offsets(head), layout.qkvWidth)
    if let tangent {
      tangent.read { dqkv in
        let drow = dqkv + entry * positions * packed
        dots(drow + at.query, packed, row + at.key, packed, times: layout.scale, into: scratch)
        dots(
          row + at.query, packed, drow + at.key, packed, times: layout.scale, adding: scratch,
          into: ds)
      }
    } else {
      ds.update(repeating: 0, count: size)
    }
    bias?.read { asura_add(S.kernelType, ds, $0 + (k * layout.heads + head) * size, ds, size) }
  }

  /// `q̄ += s̄·k/√d` and `k̄ += s̄ᵀ·q/√d` for one head.
  func scoreCotangent(
    _ ds: UnsafePointer<S>, _ row: UnsafePointer<S>, head: Int,
    into drow: UnsafeMutablePointer<S>
  ) {
    let (at, packed) = (offsets(head), layout.qkvWidth)
    sum(
      ds, row + at.key, packed, times: layout.scale, into: drow + at.query, packed, adding: true)
    spread(ds, row + at.query, packed, times: layout.scale, into: drow + at.key, packed)
  }
}

extension Interpreter {
  /// Attention from packed queries, keys and values `[batch, position, qkvWidth]` and an optional
  /// bias `[head, query, key]` (−∞ masks) to `[batch, position, heads·headWidth]`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func attention(
    _ qkv: Value<S>, bias: Value<S>?, _ layout: AttentionLayout
  ) -> Value<S> {
    layout.check(qkv, bias)
    let primitive = Attention<S>(layout: layout, hasBias: bias != nil)
    return apply(primitive, bias.map { [qkv, $0] } ?? [qkv])
  }
}
