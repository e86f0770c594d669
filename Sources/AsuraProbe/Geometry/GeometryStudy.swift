/// What a geometry probe found out about views of the latent.
public struct GeometryStudy: Sendable {
  public let views: [StateViews.View]
  /// The names of the traces, by run.
  public let runs: [String]
  /// The examples, by their numbers in the run's batch.
  public let examples: [Int]
  public let positions: Int
  /// How many points each view has: examples × positions.
  public let points: Int
  public let similarity: ViewSimilarity
  /// By view.
  public let spectra: [ViewSpectrum]
  /// What a reader of the numbers must know.
  public let notes: [String]
  /// What ended the work early, where something did.
  public let failure: (any Error)?
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// The places of the views of one site of one run, in the order of iterations.
  public func series(run: Int, site: String) -> [Int] {
    views.indices.filter { views[$0].run == run && views[$0].site == site }
  }

  /// The run and site of each series, in order.
  public var allSeries: [(run: Int, site: String)] {
    var found: [(run: Int, site: String)] = []
    for view in views where !found.contains(where: { $0 == (view.run, view.site) }) {
      found.append((view.run, view.site))
    }
    return found
  }

  /// What a series is called: the site, and the run where there are several.
  public func name(run: Int, site: String) -> String {
    runs.count > 1 ? "\(runs[run]) \(site)" : site
  }
}
