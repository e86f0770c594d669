import AsuraTensor

extension TraceReader {
  /// What was recorded of a site.
  /// - Throws: `TraceError` of kind `notFound`, listing what there is.
  public func site(_ name: String) throws -> RecordedSite { try array(name).site }

  /// A site's values at one iteration, converted to `S`.
  /// - Parameter entries: which entries to read, by axis, counted from 0 in what was recorded; all
  ///   of an axis that is not named. Only they are read: `["batch": 2..<3]` is one example.
  /// - Returns: a tensor with the axes of `site(name)`.
  public func values<S: Scalar>(
    _ name: String, iteration: Int, entries: [String: Range<Int>] = [:], as _: S.Type = S.self
  ) throws -> Tensor<S> {
    let array = try array(name)
    return try locating {
      let row = try array.row(of: iteration)
      let values: Tensor<S> = try array.tensor(array.place(rows: row..<row + 1, entries))
      return values.reshaped(Array(values.shape.dropFirst()))
    }
  }

  /// The latent `[batch, position, width]` after an iteration; iteration 0 is the initial latent.
  public func latent<S: Scalar>(
    iteration: Int, entries: [String: Range<Int>] = [:], as _: S.Type = S.self
  ) throws -> Tensor<S> {
    try values("latent", iteration: iteration, entries: entries)
  }

  /// A core block's attention pattern `[batch, head, query, key]` (or `neighbour`) at an iteration.
  public func pattern<S: Scalar>(
    block: Int, iteration: Int, entries: [String: Range<Int>] = [:], as _: S.Type = S.self
  ) throws -> Tensor<S> {
    try values("core.\(block).attn.pattern", iteration: iteration, entries: entries)
  }

  /// The key positions `[query, neighbour]` of windowed attention, for the queries that were recorded, −1 for
  /// none; nil where patterns cover all keys.
  public func neighbours() throws -> IntegerArray? {
    try locating {
      var groups = try run.contains("attention") ? [run.group("attention")] : []
      if try run.contains("sites") {
        let folder = try run.group("sites")
        groups += try folder.names().map { try folder.group($0) }
      }
      for group in groups where try group.contains("neighbour_key") {
        return try group.dataset("neighbour_key").integers()
      }
      return nil
    }
  }

  func array(_ name: String) throws -> RecordedArray {
    guard let array = arrays[name] else {
      let known = (sites + readouts).map(\.name).joined(separator: ", ")
      throw TraceError(
        .notFound, "the trace has no site '\(name)'", advice: "It has: \(known)", file: url)
    }
    return array
  }
}

// MARK: - All of a site, piece by piece

extension TraceReader {
  /// Calls `body` with a site's values at one recorded iteration after the other. Memory is that of
  /// one iteration.
  /// - Parameters:
  ///   - iterations: which to read; all recorded ones when nil.
  ///   - entries: as in `values`.
  public func forEachIteration<S: Scalar>(
    of name: String, in iterations: [Int]? = nil, entries: [String: Range<Int>] = [:],
    as _: S.Type = S.self, _ body: (_ iteration: Int, _ values: Tensor<S>) throws -> Void
  ) throws {
    for iteration in try iterations ?? site(name).iterations {
      try body(iteration, values(name, iteration: iteration, entries: entries))
    }
  }

  /// A piece of what was recorded of a site.
  public struct Block<S: Scalar>: Sendable {
    /// The iterations it covers.
    public let iterations: ArraySlice<Int>
    /// The place of its first value along each axis of the site.
    public let start: [Int]
    /// The values, `[iteration, …]` with the site's axes.
    public let values: Tensor<S>
  }

  /// Calls `body` with all of a site's values, a stored chunk at a time, each read once: the fastest
  /// way through a whole array, in memory of some megabytes, whatever the size of an iteration.
  public func forEachBlock<S: Scalar>(
    of name: String, as _: S.Type = S.self, _ body: (Block<S>) throws -> Void
  ) throws {
    let array = try array(name)
    for place in try locating({ try array.blocks() }) {
      let values: Tensor<S> = try locating { try array.tensor(place) }
      try body(
        Block(
          iterations: array.site.iterations[place.start[0]..<place.start[0] + place.count[0]],
          start: Array(place.start.suffix(array.site.axes.count)), values: values))
    }
  }
}

extension RecordedArray {
  /// The committed part of the array, divided as it is stored.
  func blocks() throws -> some Sequence<H5Block> {
    let whole = try place(rows: 0..<site.iterations.count)
    let chunk =
      try dataset.storage().chunk
      ?? H5Layout(growable: true).chunk(of: whole.count, elementSize: 8)
    var size = chunk
    if block != nil { size[1] = 1 }
    return H5Blocks(of: whole.count, in: size).lazy.map { part in
      H5Block(start: zip(part.start, whole.start).map { $0 + $1 }, count: part.count)
    }
  }
}

// MARK: - Series

/// A series of the readout, one value at each `[batch, position]`.
public enum ReadoutSeries: String, Sendable, CaseIterable {
  /// Cross-entropy with the target in nat; NaN without target.
  case loss
  /// 1 where the likeliest class is the target, else 0.
  case correct
  /// Entropy of the class probabilities in nat.
  case entropy
}

extension TraceReader {
  /// The iterations of the summary and its series by name: `relative_step`, `latent_norm`,
  /// `readout_change`, as far as they were recorded.
  public func summary() throws -> (iterations: [Int], series: [String: [Double]]) {
    try locating {
      guard try run.contains("summary") else { return ([], [:]) }
      let group = try run.group("summary")
      let iterations = try RecordedArray.iterations(of: group, upTo: lastIteration ?? -1)
      var series: [String: [Double]] = [:]
      for name in try group.names() where name != "iteration" {
        let dataset = try group.dataset(name)
        guard try dataset.shape().count == 1, try dataset.shape()[0] >= iterations.count else {
          throw TraceError(.damaged, "summary '\(name)' has the shape \(try dataset.shape())")
        }
        series[name] = try dataset.tensor(Double.self, start: [0], count: [iterations.count])
          .elements
      }
      return (iterations, series)
    }
  }

  /// A series of the readout `[batch, position]` at an iteration.
  public func readout<S: Scalar>(
    _ series: ReadoutSeries, iteration: Int, as _: S.Type = S.self
  ) throws -> Tensor<S> {
    try values(RecordedArray.readoutName(series.rawValue), iteration: iteration)
  }
}
