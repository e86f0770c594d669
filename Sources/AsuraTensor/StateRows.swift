/// States `[count, dimension]`, a row a system.
extension Tensor<Double> {
  /// The rows `indices`, in that order.
  package func rows(_ indices: [Int]) -> Self {
    let length = rowLength
    return Self([indices.count, length]) { out in
      read { x in
        for (place, row) in indices.enumerated() {
          (out + place * length).update(from: x + row * length, count: length)
        }
      }
    }
  }

  /// Puts `values` in place of the rows `indices`.
  package mutating func setRows(_ indices: [Int], to values: Self) {
    let length = rowLength
    values.read { source in
      update { base in
        for (place, row) in indices.enumerated() {
          (base + row * length).update(from: source + place * length, count: length)
        }
      }
    }
  }

  /// Each row's Euclidean norm; NaN or infinite where the row is not finite.
  package var rowNorms: [Double] { (0..<shape[0]).map { self[$0].norm } }

  /// Each row's distance to the same row of another.
  package func rowDistances(to other: Self) -> [Double] {
    (0..<shape[0]).map { self[$0].squaredDistance(to: other[$0]).squareRoot() }
  }

  /// Each row's product with the same row of another.
  package func rowDots(_ other: Self) -> [Double] { (0..<shape[0]).map { self[$0].dot(other[$0]) } }

  /// Each row times its factor.
  package func scalingRows(by factors: [Double]) -> Self {
    let length = rowLength
    return Self(shape) { out in
      read { x in
        for (row, factor) in factors.enumerated() {
          for i in row * length..<(row + 1) * length { out[i] = factor * x[i] }
        }
      }
    }
  }

  /// Adds to each row its factor times the same row of another.
  package mutating func addRows(of other: Self, times factors: [Double]) {
    let length = rowLength
    other.read { y in
      update { x in
        for (row, factor) in factors.enumerated() where factor != 0 {
          for i in row * length..<(row + 1) * length { x[i] += factor * y[i] }
        }
      }
    }
  }

  /// `count` copies of a row, `[count, dimension]`.
  package func repeatedRows(_ count: Int) -> Self {
    let row = reshaped([1, self.count])
    return row.rows(Array(repeating: 0, count: count))
  }
}
