internal import AsuraDiff
internal import AsuraModel
internal import AsuraTensor

/// A site's value as patches see it: rows of columns, of which a place is some.
struct PatchLayout: Sendable {
  let axes: [SiteAxis]
  /// How many heads the site's values have; nil where they have none.
  let heads: Int?
  private let positions: Int
  private let headWidth: Int

  init<S: Scalar>(
    _ site: Site, of model: RecurrentTransformer<S>, _ input: ModelInput,
    _ neighbours: NeighbourTable?
  ) {
    let axes = model.axes(of: site, for: input, neighbours: neighbours)
    self.axes = axes
    positions = input.positions
    let c = model.configuration
    headWidth = c.headWidth
    if axes.count == 4 {
      heads = c.attention.heads
    } else if axes.last?.name == "head_width" {
      heads = (axes.last?.count ?? 0) / c.headWidth
    } else {
      heads = nil
    }
  }

  /// Whether values are `[1, head, query, key]`, not `[1, position, column]`.
  var isSquare: Bool { axes.count == 4 }

  /// How many numbers one example's value has.
  var count: Int { axes.dropFirst().reduce(1) { $0 * $1.count } }

  /// How many columns of a row a place with or without a head has.
  func columns(ofHead head: Int?) -> Int {
    head != nil && !isSquare ? headWidth : axes.last?.count ?? 0
  }

  /// A run of elements that follow one another: where they start, and of which position and head they are.
  struct Segment {
    let offset: Int
    let position: Int
    let head: Int
    let count: Int

    /// Where the same elements of another run start, whose position this one corresponds to.
    func offset(at other: Int, in layout: PatchLayout) -> Int {
      let row = layout.axes.last?.count ?? 0
      return offset + (other - position) * row
    }
  }

  func segments(of place: PatchPlace) -> [Segment] {
    let row = axes.last?.count ?? 0
    let positions = place.position.map { $0..<$0 + 1 } ?? 0..<self.positions
    guard isSquare else {
      let start = (place.head ?? 0) * (place.head == nil ? 0 : headWidth)
      let count = columns(ofHead: place.head)
      return positions.map {
        Segment(offset: $0 * row + start, position: $0, head: place.head ?? 0, count: count)
      }
    }
    let heads = place.head.map { $0..<$0 + 1 } ?? 0..<(self.heads ?? 1)
    return heads.flatMap { h in
      positions.map {
        Segment(
          offset: (h * self.positions + $0) * row, position: $0, head: h, count: row)
      }
    }
  }
}
