/// What a trace holds of a site.
public struct RecordedSite: Sendable, Equatable {
  /// The site's name.
  public let name: String
  /// The axes of the values of one iteration, with the recorded coordinates.
  public let axes: [TraceAxis]
  /// The iterations that were recorded and committed, in order.
  public let iterations: [Int]
  /// The stored type.
  public let elements: TraceElements
  /// The unit of the values; empty for none.
  public let unit: String
  /// What the values are, as a plot's label.
  public let longName: String

  /// The shape of the values of one iteration.
  public var shape: [Int] { axes.map(\.count) }
}

/// Where a recorded site's values lie in an open trace, checked.
struct RecordedArray: Sendable {
  let site: RecordedSite
  let dataset: H5Dataset
  /// The entry of the block axis, where several sites share the array.
  let block: Int?

  /// Finds every recorded site.
  static func all(in run: H5Group) throws -> [String: RecordedArray] {
    let last = try run.integer("last_iteration") ?? -1
    var found: [String: RecordedArray] = [:]
    func add(_ name: String, _ group: H5Group, _ array: String, _ axes: [String]) throws {
      found[name] = try RecordedArray(name, in: group, array, axes: axes, block: nil, upTo: last)
    }
    if try run.contains("latent") {
      try add("latent", run.group("latent"), "latent", ["batch", "position", "width"])
    }
    if try run.contains("readout"), try run.group("readout").contains("logits") {
      try add("logits", run.group("readout"), "logits", ["batch", "position", "class"])
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
    return found
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
      shape[0] >= iterations.count, block.map({ $0 < shape[1] }) ?? true
    else {
      throw TraceError(
        .damaged,
        "'\(name)' has the shape \(shape), but its axes say "
          + "\(iterations.count) iterations of \(scales.map(\.count))")
    }
    guard case .number(let number) = try dataset.kind(),
      let elements = TraceElements(rawValue: number.rawValue)
    else { throw TraceError(.damaged, "'\(name)' does not hold 32 or 64-bit floats") }
    site = RecordedSite(
      name: name, axes: scales, iterations: iterations, elements: elements,
      unit: try dataset.text("units") ?? "", longName: try dataset.text("long_name") ?? name)
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
