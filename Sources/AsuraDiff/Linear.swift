import AsuraKernels
import AsuraTensor

/// `y = x·Wᵀ + b + r` over the last axis: x `[…, in]`, W `[out, columns]`, b `[out]` and r `[…, out]`, either of
/// which may be absent. The bits are those of the sums made one after the other.
///
/// With `rowwise` a row's bits do not depend on how many rows there are.
/// Only columns `offset ..< offset + in` of W are used, so that `W·[e; z]` can be had in two parts.
/// JVP: `ẏ = ẋ·Wᵀ + x·Ẇᵀ + ḃ + ṙ`. VJP: `x̄ = ȳ·W`, `W̄ = ȳᵀ·x`, `b̄ = Σ ȳ`, `r̄ = ȳ`.
struct Linear<S: Scalar>: Primitive {
  let offset: Int
  let hasBias: Bool
  let hasAddend: Bool
  var rowwise = false
  private var addend: Int? { hasAddend ? (hasBias ? 3 : 2) : nil }

  struct Residuals {
    let x: Tensor<S>
    let weight: Tensor<S>
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    let (x, weight) = (inputs[0], inputs[1])
    let (width, out) = (x.rowLength, weight.shape[0])
    precondition(
      weight.rank == 2 && offset >= 0 && offset + width <= weight.shape[1],
      "linear: weight \(weight.shape) for inputs of width \(width) from column \(offset)")
    let shape: [Int] = x.shape.dropLast() + [out]
    let r = addend.map { inputs[$0] }
    precondition(
      r == nil || r?.shape == shape, "linear: adding to shape \(r?.shape ?? []), not \(shape)")
    let y = Tensor<S>(shape) { y in
      read(x, weight) { x, w in
        read(hasBias ? inputs[2] : nil) { b in
          read(r) { r in
            if rowwise {
              return rowwiseProduct(
                m: inputs[0].rowCount, n: out, k: width, x, w + offset, ldb: weight.shape[1],
                bias: b, adding: r, y)
            }
            rowBlockedGemm(
              .no, .yes, m: inputs[0].rowCount, n: out, k: width, x, lda: width, w + offset,
              ldb: weight.shape[1], bias: b, adding: r, y, ldc: out)
          }
        }
      }
    }
    return (y, keepingResiduals ? Residuals(x: x, weight: weight) : nil)
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let (width, out, columns) = (r.x.rowLength, r.weight.shape[0], r.weight.shape[1])
    let rows = r.x.rowCount
    return Tensor<S>([count] + r.x.shape.dropLast() + [out]) { y in
      var beta = 0.0
      let dr = addend.flatMap { tangents[$0] }
      if let dx = tangents[0] {
        read(dx, r.weight) { dx, w in
          read(dr) { dr in
            rowBlockedGemm(
              .no, .yes, m: count * rows, n: out, k: width, dx, lda: width, w + offset,
              ldb: columns, adding: dr, y, ldc: out)
          }
        }
        beta = 1
      } else if let dr {
        dr.read { y.update(from: $0, count: dr.count) }
        beta = 1
      }
      if let dw = tangents[1] {
        read(r.x, dw) { x, dw in
          for k in 0..<count {
            gemm(
              .no, .yes, m: rows, n: out, k: width, x, lda: width,
              dw + k * out * columns + offset, ldb: columns, beta: beta, y + k * rows * out,
              ldc: out)
          }
        }
        beta = 1
      }
      if beta == 0 { y.update(repeating: 0, count: count * rows * out) }
      if hasBias, let db = tangents[2] {
        db.read { db in
          for k in 0..<count {
            asura_add_to_rows(S.kernelType, db + k * out, y + k * rows * out, rows, out)
          }
        }
      }
    }
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let (width, out, columns) = (r.x.rowLength, r.weight.shape[0], r.weight.shape[1])
    let rows = r.x.rowCount
    inputs.accumulate(0, shape: r.x.shape) { dx, beta in
      read(cotangent, r.weight) { dy, w in
        rowBlockedGemm(
          .no, .no, m: rows, n: width, k: out, dy, lda: out, w + offset, ldb: columns, beta: beta,
          dx, ldc: width)
      }
    }
    // Into the used columns alone; the others get nothing from here.
    inputs.accumulate(1, shape: r.weight.shape) { dw in
      read(cotangent, r.x) { dy, x in
        gemm(
          .yes, .no, m: out, n: width, k: rows, dy, lda: out, x, ldb: width, beta: 1, dw + offset,
          ldc: columns)
      }
    }
    if hasBias {
      inputs.accumulate(2, shape: [out]) { db in
        cotangent.read { asura_sum_rows(S.kernelType, $0, db, rows, out) }
      }
    }
    if let addend { inputs.add(cotangent, to: addend) }
  }
}

/// `gemm` whose rows of A, C and what is added to them are dealt to the workers in blocks of a fixed size when there
/// are many.
private func rowBlockedGemm<S: Scalar>(
  _ transA: Transpose, _ transB: Transpose, m: Int, n: Int, k: Int, _ a: UnsafePointer<S>,
  lda: Int, _ b: UnsafePointer<S>, ldb: Int, bias: UnsafePointer<S>? = nil,
  adding d: UnsafePointer<S>? = nil, beta: Double = 0, _ c: UnsafeMutablePointer<S>, ldc: Int
) {
  // The blocks are disjoint rows of memory that outlives the call.
  nonisolated(unsafe) let (a, b, bias, d, c) = (a, b, bias, d, c)
  forEachRowBlock(m) { start, count in
    gemm(
      transA, transB, m: count, n: n, k: k, a + start * lda, lda: lda, b, ldb: ldb, bias: bias,
      adding: d.map { $0 + start * ldc }, ldd: ldc, beta: beta, c + start * ldc, ldc: ldc)
  }
}

/// `C = A·Bᵀ + bias + D` of dense A, C and D, where each row has the bits it would have among any others: the linear
/// algebra library chooses the order of its sums by the number of rows, and by a row's place among them.
private func rowwiseProduct<S: Scalar>(
  m: Int, n: Int, k: Int, _ a: UnsafePointer<S>, _ b: UnsafePointer<S>, ldb: Int,
  bias: UnsafePointer<S>?, adding d: UnsafePointer<S>?, _ c: UnsafeMutablePointer<S>
) {
  // The blocks are disjoint rows of memory that outlives the call.
  nonisolated(unsafe) let (a, b, bias, d, c) = (a, b, bias, d, c)
  forEachRowBlock(m) { start, count in
    let (a, d, c) = (a + start * k, d.map { $0 + start * n }, c + start * n)
    let isDone = asura_small_gemm(
      S.kernelType, 0, 1, count, n, k, 1, a, k, b, ldb, bias, d, n, 0, c, n)
    if isDone != 0 { return }
    var panel = Tensor<S>([16 * k]) { _ in }
    panel.update { asura_row_products(S.kernelType, a, b, ldb, bias, d, c, count, n, k, $0) }
  }
}

/// Calls `body` with blocks of a fixed size, on several workers when there are many.
private func forEachRowBlock(
  _ rows: Int, _ body: @Sendable (_ start: Int, _ count: Int) -> Void
) {
  let block = 1024
  guard rows > block else { return body(0, rows) }
  Workers.current.forEach((rows + block - 1) / block) { i in
    body(i * block, min(block, rows - i * block))
  }
}

extension Interpreter {
  /// `x·Wᵀ + b + r` over the last axis: x `[…, in]`, weight `[out, columns]` of which the `in` columns
  /// from `offset` are used, bias `[out]`, and r `[…, out]` to add the result to. With `rowwise` a row's bits do not
  /// depend on how many rows there are.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func linear(
    _ x: Value<S>, _ weight: Value<S>, _ bias: Value<S>? = nil, offset: Int = 0,
    adding r: Value<S>? = nil, rowwise: Bool = false
  ) -> Value<S> {
    precondition(
      bias == nil || bias?.shape == [weight.shape[0]],
      "linear: bias \(bias?.shape ?? []) for weight \(weight.shape)")
    let primitive = Linear<S>(
      offset: offset, hasBias: bias != nil, hasAddend: r != nil, rowwise: rowwise)
    return apply(primitive, [x, weight, bias, r].compactMap { $0 })
  }
}
