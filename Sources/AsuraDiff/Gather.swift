import AsuraKernels
import AsuraTensor

/// Rows of a table, summed over channels: `y[…] = Σ_c table[index[…, c]]`; an index of −1 gives
/// nothing.
///
/// table `[entries, width]`, indices one list of `channels` for each output row. Linear in the
/// table: JVP: the same of the table's tangent. VJP: `table̅[index] += ȳ`.
struct Gather<S: Scalar>: Primitive {
  let indices: [Int32]
  let channels: Int
  let shape: [Int]

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, [Int]?) {
    precondition(inputs[0].rank == 2, "a table has two axes, not \(inputs[0].shape)")
    return (rows(of: inputs[0], leading: []), inputs[0].shape)
  }

  private func rows(of table: Tensor<S>, leading: [Int]) -> Tensor<S> {
    let width = table.rowLength
    let count = indices.count / channels
    return Tensor(leading + shape + [width]) { y in
      table.read { table in
        for r in 0..<count {
          let row = y + r * width
          row.update(repeating: 0, count: width)
          for c in 0..<channels where indices[r * channels + c] >= 0 {
            let entry = table + Int(indices[r * channels + c]) * width
            asura_add(S.kernelType, row, entry, row, width)
          }
        }
      }
    }
  }

  func jvp(_ table: [Int], _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dt = tangents[0] else { preconditionFailure("no input varies") }
    return .concatenating((0..<count).map { rows(of: dt[$0], leading: [1]) })
  }

  func vjp(_ table: [Int], _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.accumulate(0, shape: table) { dt in
      let width = table[1]
      cotangent.read { dy in
        for r in 0..<indices.count / channels {
          for c in 0..<channels where indices[r * channels + c] >= 0 {
            let entry = dt + Int(indices[r * channels + c]) * width
            asura_add(S.kernelType, entry, dy + r * width, entry, width)
          }
        }
      }
    }
  }
}

/// Learned biases for attention: `y[h, i] = table[h, index[i]]`; an index of −1 gives `missing`.
///
/// JVP: the same of the table's tangent, 0 where missing. VJP: `table̅[h, index[i]] += ȳ[h, i]`.
struct BiasGather<S: Scalar>: Primitive {
  let indices: [Int32]
  let shape: [Int]
  let missing: S

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, [Int]?) {
    (entries(of: inputs[0], leading: [], missing: missing), inputs[0].shape)
  }

  private func entries(of table: Tensor<S>, leading: [Int], missing: S) -> Tensor<S> {
    let (rows, width) = (table.rowCount, table.rowLength)
    return Tensor(leading + [table.shape[table.rank - 2]] + shape) { y in
      table.read { table in
        for r in 0..<rows {
          for (i, index) in indices.enumerated() {
            y[r * indices.count + i] = index < 0 ? missing : table[r * width + Int(index)]
          }
        }
      }
    }
  }

  func jvp(_ table: [Int], _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dt = tangents[0] else { preconditionFailure("no input varies") }
    return entries(of: dt, leading: [count], missing: 0)
  }

  func vjp(_ table: [Int], _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.accumulate(0, shape: table) { dt in
      cotangent.read { dy in
        for h in 0..<table[0] {
          for (i, index) in indices.enumerated() where index >= 0 {
            dt[h * table[1] + Int(index)] += dy[h * indices.count + i]
          }
        }
      }
    }
  }
}

extension Interpreter {
  /// Rows of `table` `[entries, width]`, summed over `channels` indices each: `shape + [width]`.
  public func gather(
    _ table: Value<S>, _ indices: [Int32], channels: Int = 1, shape: [Int]
  ) -> Value<S> {
    precondition(
      indices.count == channels * shape.reduce(1, *)
        && indices.allSatisfy { $0 < table.shape[0] },
      "\(indices.count) indices for shape \(shape) and \(channels) channels of \(table.shape)")
    return apply(Gather(indices: indices, channels: channels, shape: shape), table)
  }

  /// `[heads] + shape` of entries of `table` `[heads, entries]`, `missing` where an index is −1.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func gatherBias(
    _ table: Value<S>, _ indices: [Int32], shape: [Int], missing: S
  ) -> Value<S> {
    precondition(
      table.shape.count == 2 && indices.count == shape.reduce(1, *)
        && indices.allSatisfy { $0 < table.shape[1] },
      "\(indices.count) indices for shape \(shape) of \(table.shape)")
    return apply(BiasGather(indices: indices, shape: shape, missing: missing), table)
  }
}
