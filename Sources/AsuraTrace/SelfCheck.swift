import AsuraTensor

/// The sums that were taken of the recorded values as they were written, to be compared with what is
/// in the file now.
struct SelfCheck: Sendable {
  private var expected: [String: [Int: (sum: Double, squares: Double)]] = [:]

  /// Nothing to compare with.
  init() {}

  init(_ run: H5Group) throws {
    guard try run.contains("provenance") else { return }
    let provenance = try run.group("provenance")
    guard try provenance.contains("self_check") else { return }
    let group = try provenance.group("self_check")
    let paths = try group.dataset("path").texts()
    let iterations = try RecordedArray.iterations(
      of: group, upTo: RecordedArray.committed(in: run).last)
    let dataset = try group.dataset("sums")
    let shape = try dataset.shape()
    guard shape.count == 3, shape[0] >= iterations.count, shape[1] == paths.count, shape[2] == 3
    else { throw TraceError(.damaged, "the self-check has the shape \(shape)") }
    let sums: Tensor<Double> = try dataset.tensor(
      Double.self, start: [0, 0, 0], count: [iterations.count, paths.count, 3])
    let elements = sums.elements
    for (row, iteration) in iterations.enumerated() {
      for (array, path) in paths.enumerated() {
        let place = (row * paths.count + array) * 3
        expected[path, default: [:]][iteration] = (elements[place], elements[place + 1])
      }
    }
  }

  /// Compares the sums of a dataset's rows with those taken at capture.
  /// - Returns: how many were compared, and the first that differs.
  func compare(
    _ path: String, _ rows: [(iteration: Int, found: (sum: Double, squares: Double))]
  ) -> (count: Int, wrong: TraceVerification.Finding?) {
    guard let expected = expected[path] else { return (0, nil) }
    var count = 0
    for (iteration, found) in rows {
      guard let wanted = expected[iteration] else { continue }
      count += 1
      // The order of a sum changes its rounding, by at most about this much of the values' norm.
      let scale = wanted.squares.squareRoot()
      let isSame =
        Self.isClose(found.sum, wanted.sum, within: 1e-9 * max(scale, abs(wanted.sum)))
        && Self.isClose(found.squares, wanted.squares, within: 1e-9 * wanted.squares)
      if !isSame {
        return (
          count,
          .init(
            kind: .selfCheck,
            message: "the values sum to \(found.sum), their squares to \(found.squares); "
              + "when they were written it was \(wanted.sum) and \(wanted.squares)", path: path,
            iteration: iteration)
        )
      }
    }
    return (count, nil)
  }

  private static func isClose(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
    a == b || a.isNaN && b.isNaN || abs(a - b) <= tolerance
  }
}
