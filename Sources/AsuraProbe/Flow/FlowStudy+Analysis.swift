internal import AsuraTensor
public import AsuraTrace

extension FlowStudy {
  /// The study as a companion file stores it: group `flow` with
  /// - `path`: `step_length`, `turning_cosine`, `distance`, `scores` of each state `[iteration, example, …]`; the step of
  ///   an iteration leads to its latent, and the cosine is that between it and the step before;
  /// - `summary`: one number an example: the path's measures, the laws of its steps, what ended as `verdict`;
  /// - `modes`: the eigenvalues of dynamic mode decomposition and of the Jacobian `[example, index]`;
  /// - `refinement`: `difference`, `[example, factor]`, and the deviation from the limit flow
  ///   `[example, iteration]`, with a refinement;
  /// - `depths`: the steps of runs of other numbers of iterations, where there were any.
  public func analysis() -> Analysis {
    Analysis(
      "flow", title: "The paths of latents, and whether they follow a flow",
      attributes: [
        "positions": .integer(Int64(positions)), "width": .integer(Int64(width)),
        "verdicts": .texts(FlowVerdict.Kind.allCases.map(\.rawValue)), "notes": .texts(notes),
      ], data: [pathData, summaryData] + [modeData, refinementData, depthData].compactMap { $0 })
  }

  private var exampleAxis: AnalysisAxis { AnalysisAxis("example", .integers(examples)) }

  private var pathData: AnalysisData {
    let (states, kept) = (iterations.count, systems.first?.scores.shape[1] ?? 0)
    // [iteration][example] from one list a path, NaN before the first.
    func series(
      _ name: String, _ meaning: String, _ values: (PathGeometry) -> [Double]
    ) -> AnalysisSeries {
      let lists = systems.map { values($0.path) }
      let rows = (0..<states).flatMap { t in
        lists.map { list in t < states - list.count ? .nan : list[t - (states - list.count)] }
      }
      return AnalysisSeries(
        name, .float64(Tensor([states, systems.count], rows)), axes: ["iteration", "example"],
        longName: meaning)
    }
    let scores = (0..<states).flatMap { t in systems.flatMap { $0.scores[t].elements } }
    return AnalysisData(
      "path", title: "Length of each step",
      axes: [
        AnalysisAxis("iteration", .integers(iterations)), exampleAxis,
        AnalysisAxis("component", .integers(Array(1...max(1, kept)))),
      ],
      signal: series("step_length", "distance from the latent before", \.steps),
      extra: [
        series("turning_cosine", "cosine of the angle to the step before", \.cosines),
        series("distance", "distance from the first latent", \.distances),
        AnalysisSeries(
          "scores", .float64(Tensor([states, systems.count, max(1, kept)], scores)),
          axes: ["iteration", "example", "component"],
          longName: "the latent along the components common to all examples"),
      ],
      attributes: ["variance_shares": .reals(shares)])
  }

  private var summaryData: AnalysisData {
    func numbers(
      _ name: String, _ meaning: String, _ value: (System) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([systems.count], systems.map(value))), axes: ["example"],
        longName: meaning)
    }
    func counts(_ name: String, _ meaning: String, _ value: (System) -> Int) -> AnalysisSeries {
      AnalysisSeries(
        name, .integers(IntegerArray([systems.count], systems.map(value))), axes: ["example"],
        longName: meaning)
    }
    return AnalysisData(
      "summary", title: "Straightness of the paths", axes: [exampleAxis],
      signal: numbers("straightness", "displacement over length", \.path.straightness),
      extra: [
        numbers("length", "length of the path", \.path.length),
        numbers("displacement", "distance of its ends", \.path.displacement),
        numbers("extent", "largest distance from its start", \.path.extent),
        numbers("mean_cosine", "mean cosine between successive steps", \.verdict.meanCosine),
        numbers("final_step", "last steps over the longest", \.verdict.finalStep),
        numbers("power", "power of t that the steps follow") { $0.decay?.power.slope ?? .nan },
        numbers("power_residual", "scatter about it, in logarithms") {
          $0.decay?.power.residual ?? .nan
        },
        numbers("factor", "factor from one step to the next") { $0.decay?.factor ?? .nan },
        numbers("factor_residual", "scatter about it, in logarithms") {
          $0.decay?.geometric.residual ?? .nan
        },
        numbers("later_factor", "the same of the later half of the steps") {
          $0.laterDecay?.factor ?? .nan
        },
        numbers("order", "order of convergence under refinement") { $0.refinement?.order ?? .nan },
        numbers("deviation", "largest distance from the limit flow over its length") {
          $0.refinement?.deviation ?? .nan
        },
        counts("period", "iterations after which states return, 0 for none") {
          $0.verdict.period ?? 0
        },
        counts("verdict", "place in the attribute verdicts of the group above, from 0") {
          FlowVerdict.Kind.allCases.firstIndex(of: $0.verdict.kind) ?? -1
        },
      ])
  }

  private var modeData: AnalysisData? {
    let modes = systems.map { $0.modes?.eigenvalues ?? [] }
    let jacobian = systems.map { $0.eigenvalues }
    let length = (modes + jacobian).map(\.count).max() ?? 0
    guard length > 0 else { return nil }
    func series(
      _ name: String, _ meaning: String, _ values: [[Complex<Double>]],
      _ part: (Complex<Double>) -> Double
    ) -> AnalysisSeries {
      let rows = values.flatMap { $0.map(part) + Array(repeating: .nan, count: length - $0.count) }
      return AnalysisSeries(
        name, .float64(Tensor([systems.count, length], rows)), axes: ["example", "index"],
        longName: meaning)
    }
    return AnalysisData(
      "modes", title: "Eigenvalues of dynamic modes",
      axes: [
        exampleAxis,
        AnalysisAxis(
          "index", .integers(Array(0..<length)), longName: "index, largest modulus first"),
      ],
      signal: series("modulus", "modulus of the mode's eigenvalue", modes, \.length),
      extra: [
        series("real", "real part of the mode's eigenvalue", modes, \.real),
        series("imaginary", "imaginary part of the mode's eigenvalue", modes, \.imaginary),
        series("jacobian_real", "real part of the Jacobian's eigenvalue", jacobian, \.real),
        series(
          "jacobian_imaginary", "imaginary part of the Jacobian's eigenvalue", jacobian,
          \.imaginary),
        AnalysisSeries(
          "residual", .float64(Tensor([systems.count], systems.map { $0.modes?.residual ?? .nan })),
          axes: ["example"], longName: "share of the steps that the modes miss"),
      ])
  }

  private var refinementData: AnalysisData? {
    guard let refinement else { return nil }
    let results = systems.compactMap(\.refinement)
    return AnalysisData(
      "refinement", title: "Distance to the next finer path",
      axes: [
        exampleAxis,
        AnalysisAxis(
          "factor", .integers(Array(refinement.factors.dropLast())),
          longName: "steps to an iteration"),
        AnalysisAxis(
          "iteration",
          .integers((0..<refinement.iterations).map { (iterations.first ?? 0) + 1 + $0 })),
      ],
      signal: AnalysisSeries(
        "difference",
        .float64(
          Tensor([results.count, refinement.factors.count - 1], results.flatMap(\.differences))),
        axes: ["example", "factor"], longName: "root mean square over iterations"),
      extra: [
        AnalysisSeries(
          "deviation",
          .float64(Tensor([results.count, refinement.iterations], results.flatMap(\.deviations))),
          axes: ["example", "iteration"], longName: "distance of iterating F from the limit flow"),
        AnalysisSeries(
          "limit_length", .float64(Tensor([results.count], results.map(\.limitLength))),
          axes: ["example"], longName: "length of the limit flow's path"),
        AnalysisSeries(
          "limit_error", .float64(Tensor([results.count], results.map(\.limitError))),
          axes: ["example"], longName: "uncertainty of the limit flow"),
      ])
  }

  private var depthData: AnalysisData? {
    guard let depths else { return nil }
    func series(
      _ name: String, _ meaning: String, _ value: (DepthLaw.Depth) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([depths.depths.count], depths.depths.map(value))), axes: ["run"],
        longName: meaning)
    }
    return AnalysisData(
      "depths", title: "Longest step over extent, by number of iterations",
      axes: [AnalysisAxis("run", .integers(Array(depths.depths.indices)))],
      signal: series("largest_step", "longest step over extent", \.largestStep),
      extra: [
        series("mean_step", "mean step over extent", \.meanStep),
        series("iterations", "number of iterations") { Double($0.iterations) },
      ],
      attributes: [
        "slope": .real(depths.largest?.slope ?? .nan),
        "slope_error": .real(depths.largest?.slopeError ?? .nan),
      ])
  }
}
