internal import AsuraTensor
public import AsuraTrace

/// A recorded site with a vector at each position of each example: what linear probes read.
public struct ProbedSite: Sendable {
  public let reader: TraceReader
  public let name: String
  /// The iterations it was recorded at.
  public let iterations: [Int]
  /// The recorded examples and positions, by their numbers in the run.
  public let examples: [Int]
  public let positions: [Int]
  /// How many numbers each vector has; the site's further axes together.
  public let width: Int
  /// Whether 32-bit floats hold what was stored.
  let isSingle: Bool
  /// Where each of the examples is among those recorded.
  private let entries: [Int]

  /// - Throws: `ProbeError` for a site that was not recorded, or has no such vectors; it lists those that have.
  public init(_ reader: TraceReader, site name: String = "latent") throws {
    self.reader = reader
    self.name = name
    func fits(_ site: RecordedSite) -> Bool {
      site.axes.count >= 3 && site.axes[0].name == "batch" && site.axes[1].name == "position"
    }
    guard let site = reader.sites.first(where: { $0.name == name }), fits(site) else {
      let known = reader.sites.filter(fits).map(\.name)
      let isThere = reader.sites.contains { $0.name == name }
      throw ProbeError(
        .notFound,
        isThere
          ? "the site \(name) has no vector at each position to probe"
          : "\(reader.url.path) has no site '\(name)'",
        remedy: known.isEmpty
          ? "Capture it again with the site latent."
          : "These can be probed: \(known.joined(separator: ", "))")
    }
    iterations = site.iterations
    examples = site.axes[0].values
    entries = Array(examples.indices)
    positions = site.axes[1].values
    width = site.shape.dropFirst(2).reduce(1, *)
    isSingle = site.elements == .float32
  }

  private init(_ site: ProbedSite, entries: [Int]) {
    (reader, name, iterations) = (site.reader, site.name, site.iterations)
    (positions, width, isSingle) = (site.positions, site.width, site.isSingle)
    examples = entries.map { site.examples[$0] }
    self.entries = entries.map { site.entries[$0] }
  }

  /// The site of some of its examples only: places in `examples`, in order.
  public func selecting(examples places: [Int]) -> ProbedSite {
    ProbedSite(self, entries: places)
  }

  /// The values of some examples (places in `examples`) and positions (counted from 0 in what was recorded) at an
  /// iteration, `[example, position, width]`, checked to be finite.
  func values<S: Scalar>(
    iteration: Int, examples chosen: Range<Int>, positions places: Range<Int>, as _: S.Type = S.self
  ) throws -> Tensor<S> {
    let rows = Tensor<S>.concatenating(
      try Array(entries[chosen]).stretches(most: .max).map { stretch in
        let values: Tensor<S> = try reader.values(
          name, iteration: iteration, entries: ["batch": stretch, "position": places])
        return values.reshaped([stretch.count, places.count, width])
      })
    guard rows.isFinite else {
      let bad = rows.elements.firstIndex { !$0.isFinite } ?? 0
      let place = bad / width
      throw ProbeError(
        .notFinite,
        "\(reader.url.path): \(name) of example \(examples[chosen.lowerBound + place / places.count]) at "
          + "iteration \(iteration), position \(positions[places.lowerBound + place % places.count]) is "
          + "\(rows.elements[bad])",
        remedy: "Look at the iterations before it, where it is still finite.")
    }
    return rows
  }
}
