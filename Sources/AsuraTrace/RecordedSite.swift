import AsuraTensor

/// What a trace holds of a site, or of a series of the readout.
public struct RecordedSite: Sendable, Equatable {
  /// The site's name; series of the readout are called `readout.loss` and the like.
  public let name: String
  /// The axes of the values of one iteration, with the recorded coordinates.
  public let axes: [TraceAxis]
  /// The iterations that were recorded and committed, in order.
  public let iterations: [Int]
  /// The stored type.
  public let elements: RecordedElements
  /// The unit of the values; empty for none.
  public let unit: String
  /// What the values are, as a plot's label.
  public let longName: String

  /// The shape of the values of one iteration.
  public var shape: [Int] { axes.map(\.count) }

  /// How many values there are of one iteration.
  public var count: Int { shape.reduce(1, *) }
}

/// The number types in which recorded values may be stored.
public enum RecordedElements: String, Sendable {
  case float32, float64, int32, int64, uint64, uint8

  init(_ number: H5Number) {
    self =
      switch number {
      case .float32: .float32
      case .float64: .float64
      case .int32: .int32
      case .int64: .int64
      case .uint64: .uint64
      case .uint8: .uint8
      }
  }

  var number: H5Number {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .int32: .int32
    case .int64: .int64
    case .uint64: .uint64
    case .uint8: .uint8
    }
  }

  /// The bytes of one value.
  public var size: Int { number.size }
}

/// Where recorded values lie in an open trace, checked.
struct RecordedArray: Sendable {
  let site: RecordedSite
  let dataset: H5Dataset
  /// The entry of the block axis, where several sites share the array.
  let block: Int?

  /// The name that a series of the readout goes by.
  static func readoutName(_ series: String) -> String { "readout.\(series)" }

  /// Finds every recorded site, and every series of the readout.
  static func all(
    in run: H5Group
  ) throws -> (sites: [String: RecordedArray], readouts: [String: RecordedArray]) {
    let last = try committed(in: run).last
    var found: [String: RecordedArray] = [:]
    func add(_ name: String, _ group: H5Group, _ array: String, _ axes: [String]) throws {
      found[name] = try RecordedArray(name, in: group, array, axes: axes, block: nil, upTo: last)
    }
    if try run.contains("latent") {
      try add("latent", run.group("latent"), "latent", ["batch", "position", "width"])
    }
    if try run.contains("sites") {
      let folder = try run.group("sites")
      for name in try folder.names() {
        let group = try folder.group(name)
        guard case .texts(let axes)? = try group.attribute("axes"), axes.first == "iteration"
        else { throw TraceError(.damaged, "site '\(name)' does not say its axes") }
        try add(name, group, TraceSite.datasetName(of: name), Array(axes.dropFirst()))
      }
    }
    if try run.contains("attention") {
      let group = try run.group("attention")
      let last4 = try group.contains("neighbour") ? "neighbour" : "key"
      for (index, block) in try group.dataset("block").integers().elements.enumerated() {
        let name = "core.\(block).attn.pattern"
        found[name] = try RecordedArray(
          name, in: group, "pattern", axes: ["batch", "head", "query", last4], block: index,
          upTo: last)
      }
    }

    guard try run.contains("readout") else { return (found, [:]) }
    let group = try run.group("readout")
    let scales = try group.scales()
    var readouts: [String: RecordedArray] = [:]
    for series in try group.names() where scales[series] == nil {
      let axes = try group.axes(of: group.dataset(series), among: scales)
      guard axes.first == "iteration" else { continue }
      let name = series == "logits" ? series : readoutName(series)
      let array = try RecordedArray(
        name, in: group, series, axes: Array(axes.dropFirst()), block: nil, upTo: last)
      if series == "logits" { found[name] = array } else { readouts[name] = array }
    }
    return (found, readouts)
  }

  /// Checks an array against its scales.
  private init(
    _ name: String, in group: H5Group, _ array: String, axes: [String], block: Int?, upTo last: Int
  ) throws {
    dataset = try group.dataset(array)
    self.block = block
    let shape = try dataset.shape()
    let scales = try axes.map { axis in
      TraceAxis(axis, try group.dataset(axis).integers().elements.map { Int($0) })
    }
    let lead = block == nil ? 1 : 2
    let iterations = try Self.iterations(of: group, upTo: last)
    guard shape.count == lead + axes.count, Array(shape.dropFirst(lead)) == scales.map(\.count),
      shape[0] >= iterations.count, block.map({ $0 < shape[1] }) ?? true,
      elementCount(shape + [8]) != nil
    else {
      throw TraceError(
        .damaged,
        "'\(name)' has the shape \(shape), but its axes say "
          + "\(iterations.count) iterations of \(scales.map(\.count))")
    }
    guard case .number(let number) = try dataset.kind() else {
      throw TraceError(.damaged, "'\(name)' does not hold numbers")
    }
    let isReadout = name == Self.readoutName(array)
    guard number.isFloat || isReadout else {
      throw TraceError(.damaged, "'\(name)' does not hold 32 or 64-bit floats")
    }
    site = RecordedSite(
      name: name, axes: scales, iterations: iterations, elements: RecordedElements(number),
      unit: try dataset.text("units") ?? "", longName: try dataset.text("long_name") ?? name)
  }

  /// How many iterations were committed, and the last; −1 for none. While a trace grows, and in what a kill
  /// leaves of it, the list of them says so; a trace that ended has it in attributes, old ones only there.
  static func committed(in run: H5Group) throws -> (count: Int, last: Int) {
    let told = (
      count: try run.integer("committed_iterations") ?? 0,
      last: try run.integer("last_iteration") ?? -1
    )
    guard try run.contains("iteration") else { return told }
    let list = try iterations(of: run, upTo: .max)
    return (list.count, list.last ?? -1)
  }

  /// The committed iterations of a group.
  static func iterations(of group: H5Group, upTo last: Int) throws -> [Int] {
    let all = try group.dataset("iteration").integers()
    guard all.shape.count == 1 else {
      throw TraceError(.damaged, "the iterations have the shape \(all.shape)")
    }
    let committed = all.elements.prefix { $0 <= last }.map { Int($0) }
    guard !zip(committed, committed.dropFirst()).contains(where: { $0 >= $1 }) else {
      throw TraceError(.damaged, "the iterations are out of order")
    }
    return committed
  }
}

// MARK: - Places in the array

extension RecordedArray {
  /// The row of an iteration.
  func row(of iteration: Int) throws -> Int {
    // In order, so that halving finds it.
    let iterations = site.iterations
    var (low, high) = (0, iterations.count)
    while low < high {
      let middle = (low + high) / 2
      if iterations[middle] < iteration { low = middle + 1 } else { high = middle }
    }
    guard low < iterations.count, iterations[low] == iteration else {
      let range = iterations.first.map { "\($0)…\(iterations.last ?? $0)" } ?? "none"
      throw TraceError(
        .notFound, "'\(site.name)' was not recorded at iteration \(iteration)",
        advice: "It has \(iterations.count) iterations: \(range)")
    }
    return low
  }

  /// The block of the dataset that holds the chosen entries of some rows; all entries of an axis
  /// that `entries` does not name.
  func place(rows: Range<Int>, _ entries: [String: Range<Int>] = [:]) throws -> H5Block {
    let names = site.axes.map(\.name)
    if let unknown = entries.keys.sorted().first(where: { !names.contains($0) }) {
      throw TraceError(
        .notFound, "'\(site.name)' has no axis '\(unknown)'",
        advice: "It has: \(names.joined(separator: ", "))")
    }
    let ranges = try site.axes.map { axis in
      let range = entries[axis.name] ?? 0..<axis.count
      guard range.lowerBound >= 0, range.upperBound <= axis.count else {
        throw TraceError(
          .notFound, "'\(site.name)' has no entries \(range) along '\(axis.name)'",
          advice: "It has \(axis.count), counted from 0")
      }
      return range
    }
    return H5Block(
      start: [rows.lowerBound] + (block.map { [$0] } ?? []) + ranges.map(\.lowerBound),
      count: [rows.count] + (block.map { _ in [1] } ?? []) + ranges.map(\.count))
  }

  /// Reads a block as a tensor `[row, axes…]`.
  func tensor<S: Scalar>(_ place: H5Block, as _: S.Type = S.self) throws -> Tensor<S> {
    var shape = place.count
    if block != nil { shape.remove(at: 1) }
    return try dataset.tensor(S.self, start: place.start, count: place.count).reshaped(shape)
  }
}
