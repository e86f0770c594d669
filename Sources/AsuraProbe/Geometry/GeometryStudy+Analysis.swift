internal import AsuraTensor
public import AsuraTrace

extension GeometryStudy {
  /// The study as a companion file stores it: group `geometry` with
  /// - `similarity`: `cka`, `debiased_cka` and `procrustes`, `[view, other]`, and what each view is: `run`, `iteration`
  ///   and `site`, the places in the attributes `runs` and `sites`;
  /// - `spectrum`: the variances along principal components, `[view, component]`, NaN beyond a view's width, with the
  ///   total and two effective dimensions;
  /// - `components`: the first principal components, `[view, component, coordinate]`, and the points' `mean`, NaN beyond
  ///   a view's width.
  public func analysis() -> Analysis {
    let sites = views.map(\.site).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let longest = spectra.map(\.variances.count).max() ?? 0
    let view = AnalysisAxis("view", .integers(Array(views.indices)))
    func square(_ name: String, _ meaning: String, _ values: Tensor<Double>) -> AnalysisSeries {
      AnalysisSeries(name, .float64(values), axes: ["view", "other"], longName: meaning)
    }
    func numbers(_ name: String, _ meaning: String, _ values: [Int]) -> AnalysisSeries {
      AnalysisSeries(
        name, .integers(IntegerArray([views.count], values)), axes: ["view"], longName: meaning)
    }
    func reals(
      _ name: String, _ meaning: String, _ value: (ViewSpectrum) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([views.count], spectra.map(value))), axes: ["view"],
        longName: meaning)
    }
    let variances = spectra.flatMap {
      $0.variances + Array(repeating: .nan, count: longest - $0.variances.count)
    }
    return Analysis(
      "geometry", title: "How alike latents are, and how many dimensions they use",
      attributes: [
        "runs": .texts(runs), "sites": .texts(sites), "points": .integer(Int64(points)),
        "notes": .texts(notes),
      ],
      data: [
        AnalysisData(
          "similarity", title: "Linear CKA between views",
          axes: [view, AnalysisAxis("other", .integers(Array(views.indices)))],
          signal: square("cka", "linear CKA", similarity.cka),
          extra: [
            square("debiased_cka", "debiased linear CKA", similarity.debiasedCKA),
            square("procrustes", "Procrustes distance", similarity.procrustes),
            numbers("run", "place in the attribute runs of the group above", views.map(\.run)),
            numbers("iteration", "iteration", views.map(\.iteration)),
            numbers(
              "site", "place in the attribute sites of the group above",
              views.map { sites.firstIndex(of: $0.site) ?? -1 }),
          ]),
        AnalysisData(
          "spectrum", title: "Variance along principal components",
          axes: [view, AnalysisAxis("component", .integers(Array(0..<longest)))],
          signal: AnalysisSeries(
            "variance", .float64(Tensor([views.count, longest], variances)),
            axes: ["view", "component"], longName: "variance along the component"),
          extra: [
            reals("total", "total variance", \.total),
            reals("participation_ratio", "participation ratio", \.participationRatio),
            reals("entropy_dimension", "exp of the shares' entropy", \.entropyDimension),
          ]),
        components(longest),
      ])
  }

  /// The first principal components and the means, in as many columns as the widest view has.
  private func components(_ width: Int) -> AnalysisData {
    let count = min(ViewSpectrum.mostDirections, width)
    var directions = Tensor<Double>([views.count, count, width], repeating: .nan)
    var means = Tensor<Double>([views.count, width], repeating: .nan)
    for (v, spectrum) in spectra.enumerated() {
      let own = spectrum.variances.count
      directions.update { out in
        spectrum.directions.read { x in
          for row in 0..<spectrum.directions.shape[0] {
            (out + (v * count + row) * width).update(from: x + row * own, count: own)
          }
        }
      }
      means.update { out in
        spectrum.mean.read { (out + v * width).update(from: $0, count: own) }
      }
    }
    return AnalysisData(
      "components", title: "The first principal components",
      axes: [
        AnalysisAxis("view", .integers(Array(views.indices))),
        AnalysisAxis("component", .integers(Array(0..<count))),
        AnalysisAxis("coordinate", .integers(Array(0..<width))),
      ],
      signal: AnalysisSeries(
        "direction", .float64(directions), axes: ["view", "component", "coordinate"],
        longName: "unit vector of the component"),
      extra: [
        AnalysisSeries(
          "mean", .float64(means), axes: ["view", "coordinate"], longName: "mean of the points")
      ])
  }
}
