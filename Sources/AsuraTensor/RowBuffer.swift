import AsuraKernels

/// A matrix whose rows are read and written a few at a time, by several workers at once.
///
/// `@unchecked Sendable`: at any time each row is either read, or written by one worker.
package final class RowBuffer<S: Scalar>: @unchecked Sendable {
  /// The first row.
  package let base: UnsafeMutablePointer<S>
  package let rows: Int
  package let width: Int

  /// Rows of undefined content.
  package init(rows: Int, width: Int) {
    self.rows = rows
    self.width = width
    base = .allocate(capacity: max(1, rows * width))
  }

  /// A copy of a tensor's rows.
  package convenience init(_ tensor: Tensor<S>) {
    self.init(rows: tensor.rowCount, width: tensor.rowLength)
    tensor.read { base.update(from: $0, count: tensor.count) }
  }

  deinit { base.deallocate() }

  /// All rows as a tensor of this shape.
  package func tensor(_ shape: [Int]) -> Tensor<S> {
    Tensor(shape) { $0.update(from: base, count: rows * width) }
  }

  /// Some rows, `[1, row, width]`.
  package subscript(_ indices: UnsafeBufferPointer<Int32>) -> Tensor<S> {
    gatherRows(base, indices, width: width)
  }

  /// Replaces some rows.
  package func set(_ indices: UnsafeBufferPointer<Int32>, to values: Tensor<S>) {
    precondition(values.count == indices.count * width, "\(values.shape) for \(indices.count) rows")
    values.read {
      asura_scatter_rows(
        $0, indices.baseAddress, indices.count, width * MemoryLayout<S>.stride, base)
    }
  }

  /// Replaces those rows that differ by more than the tolerance in some element, by any bit where it is 0, and lists
  /// them; returns how many they are.
  package func takeChanges(
    of indices: UnsafeBufferPointer<Int32>, to values: Tensor<S>, tolerance: Double,
    listing changed: UnsafeMutablePointer<Int32>
  ) -> Int {
    precondition(values.count == indices.count * width, "\(values.shape) for \(indices.count) rows")
    return values.read {
      asura_note_changes(
        S.kernelType, $0, indices.baseAddress, indices.count, width, tolerance, base, changed)
    }
  }
}

extension Tensor {
  /// Some rows along the last axis, `[1, row, width]`.
  package func rows(_ indices: UnsafeBufferPointer<Int32>) -> Self {
    read { gatherRows($0, indices, width: rowLength) }
  }
}

private func gatherRows<S: Scalar>(
  _ base: UnsafePointer<S>, _ indices: UnsafeBufferPointer<Int32>, width: Int
) -> Tensor<S> {
  Tensor([1, indices.count, width]) {
    asura_gather_rows(base, indices.baseAddress, indices.count, width * MemoryLayout<S>.stride, $0)
  }
}
