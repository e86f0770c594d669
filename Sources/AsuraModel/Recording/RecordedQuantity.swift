import AsuraTensor

/// One thing a run records: the values of a site, whole or in part, as they are or reduced.
public struct RecordedQuantity: Sendable, Equatable {
  /// The site's name, with what was made of its values: `latent`, `latent.norm`,
  /// `core.0.attn.pattern.mean_head`.
  public let name: String
  public let site: Site
  public let reduction: Reduction
  /// The axes of a whole batch's values at one iteration, with the recorded coordinates; the first is the batch.
  public let axes: [SiteAxis]
  /// At which iterations it is recorded, as far as the site has values then.
  public internal(set) var iterations: Selection
  /// The unit of the values; empty for none.
  public let unit: String
  private let source: [String]
  /// The recorded positions and examples; nil for all.
  private let positions: [Int]?
  private let examples: [Int]?

  /// - Parameters:
  ///   - axes: those of the site's whole value.
  ///   - positions, examples: which are recorded; nil for all.
  init(
    _ site: Site, _ reduction: Reduction, axes: [SiteAxis], iterations: Selection,
    positions: [Int]?, examples: [Int]?, unit: String
  ) throws {
    if positions != nil, !axes.contains(where: \.isPosition) {
      throw ModelError(
        .hooks,
        "\(site) has no positions to select from: its axes are "
          + axes.map(\.name).joined(separator: ", "),
        remedy: "Record it in a request of its own, without positions.")
    }
    var selected = axes
    for (i, axis) in axes.enumerated() {
      if i == 0, let examples { selected[i] = SiteAxis(axis.name, examples) }
      if axis.isPosition, let positions { selected[i] = SiteAxis(axis.name, positions) }
    }
    name = site.description + reduction.suffix
    self.site = site
    self.reduction = reduction
    self.axes = try reduction.axes(from: selected, of: site)
    self.iterations = iterations
    self.unit = unit
    self.positions = positions
    self.examples = examples
    source = axes.map(\.name)
  }

  /// The shape of a whole batch's values at one iteration.
  public var shape: [Int] { axes.map(\.count) }

  /// The iterations of a run of `count` at which it is recorded, in order.
  public func iterations(of count: Int) -> [Int] {
    site.iterations(of: count).filter(iterations.contains)
  }

  /// A request for just this, at some iterations.
  public func request(at iterations: Selection) -> RecordRequest {
    func selection(_ numbers: [Int]?) -> Selection { numbers.map { .only(Set($0)) } ?? .all }
    return RecordRequest(
      [site.description], iterations: iterations, positions: selection(positions),
      examples: selection(examples), reducer: reduction.reducer)
  }

  /// Whether the same of the same site is recorded, though perhaps at other iterations.
  func isSame(as other: Self) -> Bool {
    site == other.site && reduction == other.reduction && positions == other.positions
      && examples == other.examples
  }

  /// Which rows of the recorded batch are those of some examples.
  public func rows(of range: Range<Int>) -> Range<Int> {
    guard let examples else { return range }
    let first = examples.firstIndex { $0 >= range.lowerBound } ?? examples.count
    let last = examples.firstIndex { $0 >= range.upperBound } ?? examples.count
    return first..<last
  }

  /// What is recorded of some examples' values; nil when none of them is.
  func values<S: Scalar>(
    from value: Tensor<S>, examples range: Range<Int>
  ) -> (rows: Range<Int>, tensor: Tensor<S>)? {
    let rows = rows(of: range)
    if rows.isEmpty { return nil }
    var value = value
    if let examples {
      let chosen = examples[rows].map { $0 - range.lowerBound }
      if chosen.count < range.count { value = value.gathering(chosen, axis: 0) }
    }
    if let positions, let axis = source.firstIndex(where: { SiteAxis.isPosition($0) }) {
      value = value.gathering(positions, axis: axis)
    }
    return (rows, reduction(value, axes: source))
  }
}
