internal import AsuraTensor

/// Some consecutive rows of one part.
struct RowBlock {
  let part: Int
  /// Their numbers in the plan.
  let rows: Range<Int>
  /// Their values, `[row, width]`, valid while the block is handed out.
  let x: UnsafePointer<Double>
}

/// The values of a probe's rows, handed out block by block and as often as wanted, from memory or from a trace: what a
/// probe computes needs no more of them at a time.
protocol ProbeRows: Sendable {
  var plan: RowPlan { get }
  /// Calls `body` with all rows of the chosen parts, in blocks of at most `blockRows`; within a part in order.
  func forEachBlock(of parts: [Bool], _ body: (RowBlock) throws -> Void) throws
}

/// Rows to a block: of 64 numbers each, half a megabyte, which a core's cache holds.
let blockRows = 1024

/// Rows held in memory.
struct HeldRows: ProbeRows {
  let plan: RowPlan
  private let x: Tensor<Double>

  /// - Parameter x: `[row, width]` in the plan's order.
  init(plan: RowPlan, x: Tensor<Double>) {
    precondition(x.shape == [plan.count, plan.width], "\(x.shape) for \(plan.count) rows")
    self.plan = plan
    self.x = x
  }

  /// Picks the plan's rows out of `values`, `[example, position, width]`, of which `first` is the number of the first
  /// position.
  init<S: Scalar>(plan: RowPlan, from values: Tensor<S>, firstPosition first: Int) {
    self.init(
      plan: plan,
      x: Tensor([plan.count, plan.width]) {
        plan.gather(0..<plan.count, from: values, firstPosition: first, into: $0)
      })
  }

  func forEachBlock(of parts: [Bool], _ body: (RowBlock) throws -> Void) throws {
    try x.read { x in
      try plan.forEachBlock(of: parts) { part, rows in
        try body(RowBlock(part: part, rows: rows, x: x + rows.lowerBound * plan.width))
      }
    }
  }
}

/// Rows that are picked out of values in memory anew each time: for those that would take too much memory beside them.
struct GatheredRows<S: Scalar>: ProbeRows {
  let plan: RowPlan
  /// `[example, position, width]`, from position `firstPosition` on.
  let values: Tensor<S>
  let firstPosition: Int

  func forEachBlock(of parts: [Bool], _ body: (RowBlock) throws -> Void) throws {
    var buffer = Tensor<Double>.zeros([blockRows, plan.width])
    try plan.forEachBlock(of: parts) { part, rows in
      buffer.update { plan.gather(rows, from: values, firstPosition: firstPosition, into: $0) }
      try buffer.read { try body(RowBlock(part: part, rows: rows, x: $0)) }
    }
  }
}

extension RowPlan {
  /// Calls `body` with the rows of the chosen parts, in blocks of at most `blockRows`.
  fileprivate func forEachBlock(
    of chosen: [Bool], _ body: (_ part: Int, _ rows: Range<Int>) throws -> Void
  ) rethrows {
    for (part, rows) in parts.enumerated() where chosen[part] {
      for start in stride(from: rows.lowerBound, to: rows.upperBound, by: blockRows) {
        try body(part, start..<min(rows.upperBound, start + blockRows))
      }
    }
  }

  /// Writes some rows, picked out of `values` `[example, position, width]` that begin at position `first`.
  fileprivate func gather<S: Scalar>(
    _ rows: Range<Int>, from values: Tensor<S>, firstPosition first: Int,
    into out: UnsafeMutablePointer<Double>
  ) {
    let count = values.shape[1]
    values.read { source in
      for row in rows {
        let position = positions[Int(places[row])] - first
        let from = source + (Int(examples[row]) * count + position) * width
        let to = out + (row - rows.lowerBound) * width
        for i in 0..<width { to[i] = Double(from[i]) }
      }
    }
  }
}

/// Rows that are read anew from the trace each time: for those that memory would not hold.
struct StreamedRows: ProbeRows {
  let plan: RowPlan
  let site: ProbedSite
  let iteration: Int

  func forEachBlock(of parts: [Bool], _ body: (RowBlock) throws -> Void) throws {
    guard let first = plan.positions.min(), let last = plan.positions.max() else { return }
    let width = plan.width
    // The place of the next row of each part.
    var next = plan.parts.map(\.lowerBound)
    let step = max(1, blockRows / (last - first + 1))
    var buffer = Tensor<Double>.zeros([blockRows, width])
    for start in stride(from: 0, to: site.examples.count, by: step) {
      let examples = start..<min(site.examples.count, start + step)
      let values: Tensor<Double> = try site.values(
        iteration: iteration, examples: examples, positions: first..<last + 1)
      for (part, rows) in plan.parts.enumerated() {
        let from = next[part]
        var end = from
        while end < rows.upperBound, Int(plan.examples[end]) < examples.upperBound { end += 1 }
        next[part] = end
        guard parts[part], from < end else { continue }
        for begin in stride(from: from, to: end, by: blockRows) {
          let block = begin..<min(end, begin + blockRows)
          buffer.update { out in
            values.read { source in
              for row in block {
                let example = Int(plan.examples[row]) - start
                let position = plan.positions[Int(plan.places[row])] - first
                (out + (row - begin) * width).update(
                  from: source + (example * (last - first + 1) + position) * width, count: width)
              }
            }
          }
          try buffer.read { try body(RowBlock(part: part, rows: block, x: $0)) }
        }
      }
    }
  }
}
