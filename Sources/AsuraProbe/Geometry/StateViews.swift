internal import AsuraTensor
public import AsuraTrace
internal import Foundation

/// What is compared with what: the values of sites at iterations of one or more traces, as points of as many dimensions
/// as the site is wide, one point for each position of each example.
///
/// Point i of every view is of the same example and position, so views can be compared point by point.
public struct StateViews: Sendable {
  /// One site at one iteration of one trace.
  public struct View: Sendable, Equatable {
    /// Which of the traces, from 0.
    public let run: Int
    public let site: String
    public let iteration: Int
    public let width: Int
  }

  public let readers: [TraceReader]
  public let views: [View]
  /// The numbers of the recorded examples and positions.
  public let examples: [Int]
  public let positions: [Int]
  /// The sites, in the order of the views.
  public let sites: [String]

  /// The sites of a trace that match any of the patterns and have a vector at each position.
  ///
  /// - Throws: `ProbeError` for a pattern that matches none.
  public static func sites(_ reader: TraceReader, matching patterns: [String]) throws
    -> [RecordedSite]
  {
    let known = reader.sites.filter {
      $0.axes.count == 3 && $0.axes[0].name == "batch" && $0.axes[1].name == "position"
    }
    var found: [RecordedSite] = []
    for pattern in patterns {
      let matches = known.filter { fnmatch(pattern, $0.name, 0) == 0 }
      guard !matches.isEmpty else {
        let names = known.map(\.name).joined(separator: ", ")
        throw ProbeError(
          .incompleteTrace, "\(reader.url.path) holds no vectors of a site \(pattern)",
          remedy: names.isEmpty
            ? "Capture it again with --sites latent."
            : "It has \(names). Capture it again with --sites '\(pattern)' for more.")
      }
      for site in matches where !found.contains(where: { $0.name == site.name }) {
        found.append(site)
      }
    }
    return found
  }

  /// The views of `sites` at those of `iterations` at which each was recorded, of the first trace and then the others.
  ///
  /// - Throws: `ProbeError` for traces of other examples or positions, `TraceError`.
  public init(_ readers: [TraceReader], sites patterns: [String], iterations: [Int]) throws {
    var views: [View] = []
    var names: [String] = []
    var axes: (batch: [Int], position: [Int])?
    for (run, reader) in readers.enumerated() {
      for site in try Self.sites(reader, matching: patterns) {
        let (batch, position) = (site.axes[0].values, site.axes[1].values)
        if let axes, axes != (batch, position) {
          throw ProbeError(
            .otherModel,
            "\(reader.url.path): \(site.name) has \(batch.count) examples × \(position.count) positions, "
              + "not the \(axes.batch.count) × \(axes.position.count) of \(names.first ?? "the first site")"
              + (run > 0 ? " in \(readers[0].url.path)" : ""),
            remedy: run > 0
              ? "Capture both on the same input: --kind, --length, --examples and --seed alike."
              : "Capture the sites in one request.")
        }
        axes = (batch, position)
        if !names.contains(site.name) { names.append(site.name) }
        let chosen = site.iterations.filter(iterations.contains)
        views += chosen.map {
          View(run: run, site: site.name, iteration: $0, width: site.axes[2].count)
        }
      }
      guard views.contains(where: { $0.run == run }) else {
        throw ProbeError(
          .notFound, "\(reader.url.path) has none of the iterations that were chosen")
      }
    }
    (self.readers, self.views, sites) = (readers, views, names)
    (examples, positions) = (axes?.batch ?? [], axes?.position ?? [])
  }

  /// Whether all traces are of the same tokens, as far as they say.
  public func haveSameInput() throws -> Bool {
    let tokens = try readers.map { try $0.input().tokens }
    return tokens.allSatisfy { $0 == nil || $0 == tokens[0] }
  }

  /// The points `[point, width]` of a view, of some of the recorded examples by place, checked to be finite.
  func points(_ view: View, rows: Range<Int>) throws -> Tensor<Double> {
    let values: Tensor<Double> = try readers[view.run].values(
      view.site, iteration: view.iteration, entries: ["batch": rows])
    guard values.isFinite else {
      let bad = values.elements.firstIndex { !$0.isFinite } ?? 0
      let place = bad / view.width
      throw ProbeError(
        .notFinite,
        "\(readers[view.run].url.path): \(view.site) of example "
          + "\(examples[rows.lowerBound + place / positions.count]) at iteration \(view.iteration) is "
          + "\(values.elements[bad]) at position \(positions[place % positions.count])",
        remedy: "Look at the iterations before it, where it is still finite: --iter.")
    }
    return values.reshaped([rows.count * positions.count, view.width])
  }
}
