internal import AsuraTensor
internal import AsuraTrace

extension JacobianTrajectory {
  /// - `singular`: `value` `[iteration, example, rank]`, NaN past what was found, and where the state has positions
  ///   `input_profile` and `output_profile` `[iteration, example, rank, position]`;
  /// - `shape`: `spectral_norm`, `norm_over_radius`, `numerical_abscissa`, `trace_estimate` and
  ///   `trace_standard_error`, and where the matrix was made `trace`, `frobenius_norm`, `departure`,
  ///   `effective_rank` `[iteration, example]`.
  var shapeData: [AnalysisData] {
    let shapes = entries.compactMap(\.shape)
    guard shapes.count == entries.count, !shapes.isEmpty else { return [] }
    let places = [
      AnalysisAxis("iteration", .integers(iterations)),
      AnalysisAxis("example", .integers(examples)),
    ]
    let sizes = [iterations.count, examples.count]
    func numbers(
      _ name: String, _ meaning: String, _ value: (JacobianShape) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor(sizes, shapes.map(value))), axes: places.map(\.name),
        longName: meaning)
    }
    let ranks = shapes.map { ($0.whole?.singularValues ?? $0.singularValues).count }.max() ?? 0
    let values = shapes.flatMap { shape in
      let all = shape.whole?.singularValues ?? shape.singularValues
      return all + Array(repeating: .nan, count: ranks - all.count)
    }
    var whole: [AnalysisSeries] = []
    if shapes.allSatisfy({ $0.whole != nil }) {
      whole = [
        numbers("trace", "trace of J") { $0.whole?.trace ?? .nan },
        numbers("frobenius_norm", "Frobenius norm of J") { $0.whole?.frobeniusNorm ?? .nan },
        numbers("departure", "Henrici's departure from normality") { $0.whole?.departure ?? .nan },
        numbers("effective_rank", "effective rank") { $0.whole?.effectiveRank ?? .nan },
      ]
    }
    return [
      AnalysisData(
        "singular", title: "Singular values of the step map's Jacobian",
        axes: places + [AnalysisAxis("rank", .integers(Array(0..<ranks)))],
        signal: AnalysisSeries(
          "value", .float64(Tensor(sizes + [ranks], values)),
          axes: places.map(\.name) + ["rank"], longName: "singular value")),
      AnalysisData(
        "shape", title: "How the step map's Jacobian stretches and shears", axes: places,
        signal: numbers("spectral_norm", "largest singular value", \.spectralNorm),
        extra: [
          numbers("norm_over_radius", "spectral norm / spectral radius", \.normOverRadius),
          numbers(
            "numerical_abscissa", "largest eigenvalue of (J + J')/2", \.numericalAbscissa),
          numbers("trace_estimate", "Hutchinson's estimate of the trace", \.traceEstimate.value),
          numbers(
            "trace_standard_error", "its standard error", \.traceEstimate.standardError),
          numbers("singular_residual", "residual of the leading singular values", \.residual),
        ] + whole),
    ] + profileData(shapes)
  }

  private func profileData(_ shapes: [JacobianShape]) -> [AnalysisData] {
    let ranks = shapes.map(\.inputProfiles.count).min() ?? 0
    guard ranks > 0 else { return [] }
    func profiles(
      _ name: String, _ meaning: String, _ rows: (JacobianShape) -> [[Double]]
    ) -> AnalysisSeries {
      let values = shapes.flatMap { rows($0).prefix(ranks).flatMap { $0 } }
      return AnalysisSeries(
        name, .float64(Tensor([iterations.count, examples.count, ranks, positions], values)),
        axes: ["iteration", "example", "rank", "position"], longName: meaning)
    }
    return [
      AnalysisData(
        "singular_vectors", title: "Where the leading singular vectors live",
        axes: [
          AnalysisAxis("iteration", .integers(iterations)),
          AnalysisAxis("example", .integers(examples)),
          AnalysisAxis("rank", .integers(Array(0..<ranks))),
          AnalysisAxis("position", .integers(Array(0..<positions))),
        ],
        signal: profiles(
          "input_profile", "norm by position of what is taken in", \.inputProfiles),
        extra: [
          profiles("output_profile", "norm by position of what comes out", \.outputProfiles)
        ])
    ]
  }

  /// One group `modes_EXAMPLE` an example: `position_norm` `[mode, position]`, `real` and `imaginary` `[mode]`, and
  /// `kind` `[mode]`: 0 unstable, 1 slow, 2 fastest.
  var modeData: [AnalysisData] {
    modes.filter { !$0.modes.isEmpty }.map { entry in
      let count = entry.modes.count
      func numbers(_ name: String, _ value: (JacobianMode) -> Double) -> AnalysisSeries {
        AnalysisSeries(
          name, .float64(Tensor([count], entry.modes.map(value))), axes: ["mode"])
      }
      let kinds = entry.modes.map { [.unstable, .slow, .fastest].firstIndex(of: $0.kind) ?? 0 }
      return AnalysisData(
        "modes_\(entry.example)",
        title: "Modes of example \(entry.example)'s Jacobian at iteration \(entry.iteration)",
        axes: [
          AnalysisAxis("mode", .integers(Array(0..<count))),
          AnalysisAxis("position", .integers(Array(0..<positions))),
        ],
        signal: AnalysisSeries(
          "position_norm",
          .float64(Tensor([count, positions], entry.modes.flatMap(\.profile))),
          axes: ["mode", "position"], longName: "norm of the right eigenvector by position"),
        extra: [
          numbers("real", \.eigenvalue.real), numbers("imaginary", \.eigenvalue.imaginary),
          AnalysisSeries(
            "kind", .integers(IntegerArray([count], kinds)), axes: ["mode"],
            longName: "0 unstable, 1 slow, 2 fastest"),
        ],
        attributes: ["iteration": .integer(Int64(entry.iteration))])
    }
  }
}
