import AsuraDiff
import AsuraTensor

/// What a run's requests to record come to: each quantity once, whoever asks for it.
struct RecordingPlan: Sendable {
  struct Entry: Sendable {
    /// The site's number.
    let site: Int
    var quantity: RecordedQuantity
    /// The patterns that ask for it, by number.
    var requests: [(number: Int, iterations: Selection)]
  }
  private(set) var entries: [Entry] = []
  /// Every pattern of every request, in order.
  private(set) var patterns: [String] = []

  /// - Parameters:
  ///   - axes: the axes and unit of a site's whole value.
  ///   - firstNumber: the number of the first pattern.
  init(
    _ requests: [RecordRequest], sites: SiteTable, input: ModelInput, firstNumber: Int = 0,
    axes: (Site) -> (axes: [SiteAxis], unit: String)
  ) throws {
    for request in requests {
      if request.patterns.isEmpty {
        throw ModelError(.hooks, "a request to record names no site", remedy: "Name some.")
      }
      let positions = try request.positions.resolved("position", count: input.positions)
      let examples = try request.examples.resolved("example", count: input.batch)
      for pattern in request.patterns {
        let number = firstNumber + patterns.count
        patterns.append(pattern)
        for site in try sites.matches(pattern) {
          let whole = axes(sites.sites[site])
          for reduction in Reduction.all(of: request.reducer) {
            let quantity = try RecordedQuantity(
              sites.sites[site], reduction, axes: whole.axes,
              // What has one value has it whichever iterations are asked for.
              iterations: sites.sites[site].isRecurrent ? request.iterations : .all,
              positions: positions, examples: examples, unit: whole.unit)
            try add(quantity, site, number)
          }
        }
      }
    }
  }

  private mutating func add(_ quantity: RecordedQuantity, _ site: Int, _ number: Int) throws {
    let request = (number, quantity.iterations)
    guard let index = entries.firstIndex(where: { $0.quantity.name == quantity.name }) else {
      entries.append(Entry(site: site, quantity: quantity, requests: [request]))
      return
    }
    guard entries[index].quantity.isSame(as: quantity) else {
      throw ModelError(
        .hooks, "two requests record \(quantity.name), but not the same of it",
        remedy:
          "Ask for the same positions, examples and reducer each time; the iterations may differ.")
    }
    entries[index].quantity.iterations = entries[index].quantity.iterations.union(
      quantity.iterations)
    entries[index].requests.append(request)
  }
}

extension RecurrentTransformer {
  /// What requests to record come to for an input: each quantity with its shape, in the order asked for. What would
  /// be an error of the run is one here, but for iterations that never come.
  public func quantities(
    recording requests: [RecordRequest], of input: ModelInput, sites custom: [CustomSite<S>] = []
  ) throws -> [RecordedQuantity] {
    try CustomSite.check(custom, against: sites.sites)
    return try RecordingPlan(
      requests, sites: sites.adding(custom.map(\.site)), input: input,
      axes: description(of: custom, input, neighbours(for: input))
    ).entries.map(\.quantity)
  }

  /// The axes and unit of the whole value of any of the model's and a run's own sites.
  func description(
    of custom: [CustomSite<S>], _ input: ModelInput, _ neighbours: NeighbourTable?
  ) -> (Site) -> (axes: [SiteAxis], unit: String) {
    { site in
      if let own = custom.first(where: { $0.site == site }) {
        return (own.axes(for: input), own.unit)
      }
      return (axes(of: site, for: input, neighbours: neighbours), "")
    }
  }
}
