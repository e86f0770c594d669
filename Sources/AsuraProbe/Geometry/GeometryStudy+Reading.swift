internal import AsuraTensor
internal import Foundation

extension GeometryStudy {
  /// Views with at least this CKA are called alike.
  public static let alike = 0.99

  /// What the study says, in a few sentences that claim no more than it shows.
  public var reading: [String] {
    allSeries.flatMap { run, site in
      [similarityReading(run, site), dimensionReading(run, site)].compactMap { $0 }
    } + runReadings + notes
  }

  private func short(_ value: Double, _ digits: Int = 3) -> String {
    String(format: "%.\(digits)g", value).replacingOccurrences(of: "-", with: "−")
  }

  /// From when on a series looks as it does at its end.
  private func similarityReading(_ run: Int, _ site: String) -> String? {
    let places = series(run: run, site: site)
    guard places.count > 1, let last = places.last else { return nil }
    let cka = places.map { similarity.cka[[$0, last]] }
    guard cka[cka.count - 1].isFinite else {
      return
        "\(name(run: run, site: site)): the last view's points are all one, so nothing can be compared with it."
    }
    let since = (cka.lastIndex { !($0 >= Self.alike) } ?? -1) + 1
    let lowest = zip(places, cka).filter { $0.1.isFinite }.min { $0.1 < $1.1 }
    return
      "\(name(run: run, site: site)): from t=\(views[places[since]].iteration) on the CKA with the end, "
      + "t=\(views[last].iteration), is \(Self.alike) or more: alike in their largest directions, but for a turn and a scale"
      + (lowest.map { "; least alike is t=\(views[$0.0].iteration), with \(short($0.1))." } ?? ".")
  }

  private func dimensionReading(_ run: Int, _ site: String) -> String? {
    let places = series(run: run, site: site).filter { spectra[$0].total > 0 }
    guard let first = places.first, let last = places.last else { return nil }
    func dimension(_ place: Int) -> String { short(spectra[place].participationRatio) }
    let spread = spectra[last].components(holding: 0.95)
    let width = views[last].width
    let path =
      first == last
      ? "\(dimension(last)) at t=\(views[last].iteration)"
      : "\(dimension(first)) at t=\(views[first].iteration) and \(dimension(last)) at t=\(views[last].iteration)"
    return
      "\(name(run: run, site: site)) uses about \(path) of \(width) dimensions (participation ratio); "
      + "\(spread) principal component\(spread == 1 ? " holds" : "s hold") 95% of the variance at the end."
  }

  /// How alike runs are at equal iterations, for each site that both have.
  private var runReadings: [String] {
    runs.indices.dropFirst().flatMap { other in
      allSeries.filter { $0.run == 0 }.compactMap { _, site -> String? in
        let pairs = series(run: 0, site: site).compactMap { a in
          series(run: other, site: site).first { views[$0].iteration == views[a].iteration }
            .map { (views[a].iteration, similarity.cka[[a, $0]]) }
        }.filter { $0.1.isFinite }
        guard let first = pairs.first, let last = pairs.last else { return nil }
        return
          "\(site) of \(runs[0]) and \(runs[other]): CKA \(short(first.1)) at t=\(first.0), \(short(last.1)) at t=\(last.0)."
      }
    }
  }
}
