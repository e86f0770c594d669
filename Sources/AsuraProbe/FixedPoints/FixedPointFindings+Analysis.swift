internal import AsuraTensor
public import AsuraTrace

extension FixedPointFindings {
  /// The findings as a companion file stores them, in the group `fixed_points`; what was not looked at is absent.
  /// - `settling`: `relative_step`, `step`, `norm`, `turn`, `direction_change`, `readout_change`
  ///   `[iteration, example]`; of each example `verdict` (attribute `verdicts` has the names), `period`, `since`,
  ///   `rate`, `rate_error`, and where looked at closely `spectral_radius`.
  /// - `searches`: of each start `q`, `relative_residual`, `end`, `kind`, `point`, `iterations`, `maps`, `jvps`, `vjps`
  ///   `[example, start]`.
  /// - `points`: of each fixed point `q`, `spectral_radius`, `unstable_modes`, … and its `state`
  ///   `[point, position, width]`; `eigenvalues` has its spectrum.
  /// - `paths`, `pushes`, `basin`: path independence, perturbations, radii.
  /// - `overthinking`: accuracy and readout `[iteration]`.
  ///
  /// Whole numbers are −1 and others NaN where there is nothing to tell.
  public func analysis() -> Analysis {
    var attributes: [String: TraceAttribute] = [
      "dimension": .integer(Int64(dimension)), "positions": .integer(Int64(positions)),
      "precision": "float64", "solver": .text(solver),
      "tolerance_q": .text("\(rule.q)"),
      "tolerance_unique": .text("\(FixedPointSet.uniqueTolerance)"),
      "tolerance_step": .text("\(settlingRule.tolerance)"),
    ]
    if let limitation { attributes["limitation"] = .text(limitation) }
    return Analysis(
      "fixed_points", title: "Fixed points of the step map", attributes: attributes,
      data: [settlingData]
        + [searchData, pointData, eigenvalueData, pathData, pushData, basinData]
        .compactMap { $0 } + [overthinking?.data].compactMap { $0 })
  }

  private var settlingData: AnalysisData {
    let iterations = series.first?.iterations ?? []
    let shape = [iterations.count, series.count]
    func numbers(
      _ name: String, _ meaning: String, _ values: (StepSeries) -> [Double]
    ) -> AnalysisSeries {
      let columns = series.map(values)
      let flat = iterations.indices.flatMap { t in columns.map { $0.isEmpty ? .nan : $0[t] } }
      return AnalysisSeries(
        name, .float64(Tensor(shape, flat)), axes: ["iteration", "example"], longName: meaning)
    }
    let codes: [Settling] = [
      .none, .converged, .cycle(period: 0), .drifting, .directionSettled, .readoutSettled,
    ]
    func code(_ verdict: SettlingVerdict?) -> Int {
      guard let verdict else { return -1 }
      if case .cycle = verdict.settling { return 2 }
      return codes.firstIndex(of: verdict.settling) ?? 0
    }
    let table = AnalysisTable("example", Array(series.indices))
    return AnalysisData(
      "settling", title: "How the latents settle",
      axes: [AnalysisAxis("iteration", .integers(iterations)), table.axis],
      signal: numbers("relative_step", "|z_t - z_(t-1)| / |z_t|", \.relativeSteps),
      extra: [
        numbers("step", "|z_t - z_(t-1)|", \.steps), numbers("norm", "|z_t|", \.norms),
        numbers("turn", "cosine between successive steps", \.turns),
        numbers("direction_change", "how far z_t/|z_t| moved", \.directionChanges),
        numbers(
          "readout_change", "largest total variation of class probabilities", \.readoutChanges),
        table.counts("verdict", "index into the attribute verdicts", verdicts.map(code)),
        table.counts(
          "period", "period of a cycle",
          verdicts.map {
            if case .cycle(let period)? = $0?.settling { period } else { -1 }
          }),
        table.counts("since", "iteration of settling", verdicts.map { $0?.since ?? -1 }),
        table.numbers(
          "rate", "ratio of successive steps", verdicts.map { $0?.rate?.value ?? .nan }),
        table.numbers(
          "rate_error", "two standard errors of the rate",
          verdicts.map { $0?.rate?.error ?? .nan }),
        table.numbers(
          "rest_rate", "the same, iterated on in 64 bits",
          series.indices.map { index in
            examples.first { $0.example == index }?.restRate?.value ?? .nan
          }),
        table.numbers(
          "spectral_radius", "spectral radius at the last latent",
          series.indices.map { index in
            examples.first { $0.example == index }?.spectrum.spectralRadius ?? .nan
          }),
        table.numbers(
          "rest_radius", "spectral radius where it rests",
          series.indices.map { index in
            examples.first { $0.example == index }?.restSpectrum?.spectralRadius ?? .nan
          }),
      ],
      attributes: [
        "verdicts": .texts(
          ["none", "converged", "cycle", "drifting", "direction settled", "readout settled"])
      ])
  }

  private var searchData: AnalysisData? {
    let sets = examples.compactMap { one in one.points.map { (one.example, $0) } }
    guard let count = sets.first?.1.kinds.count else { return nil }
    let shape = [sets.count, count]
    func counts(
      _ name: String, _ meaning: String, _ value: (FixedPointSet, Int) -> Int?
    ) -> AnalysisSeries {
      let flat = sets.flatMap { set in (0..<count).map { value(set.1, $0) ?? -1 } }
      return AnalysisSeries(
        name, .integers(IntegerArray(shape, flat)), axes: ["example", "start"], longName: meaning)
    }
    func numbers(
      _ name: String, _ meaning: String, _ value: (SearchResult) -> Double
    ) -> AnalysisSeries {
      let flat = sets.flatMap { set in set.1.searches.map { $0.map(value) ?? .nan } }
      return AnalysisSeries(
        name, .float64(Tensor(shape, flat)), axes: ["example", "start"], longName: meaning)
    }
    let (ends, kinds) = (SearchEnd.allCases, FixedPointStarts.Kind.allCases)
    return AnalysisData(
      "searches", title: "Searches for fixed points",
      axes: [
        AnalysisAxis("example", .integers(sets.map(\.0))),
        AnalysisAxis("start", .integers(Array(0..<count))),
      ],
      signal: numbers("q", "half the squared residual", \.q),
      extra: [
        numbers("relative_residual", "|F(z) - z| / |F(z)|", \.relativeResidual),
        counts("end", "index into the attribute ends") { set, i in
          set.searches[i].flatMap { ends.firstIndex(of: $0.end) }
        },
        counts("kind", "index into the attribute kinds") { kinds.firstIndex(of: $0.kinds[$1]) },
        counts("point", "the example's fixed point reached") { $0.reached[$1] },
        counts("iterations", "steps of the solver") { $0.searches[$1]?.iterations },
        counts("maps", "uses of the map") { $0.searches[$1]?.counts.maps },
        counts("jvps", "Jacobian-vector products") { $0.searches[$1]?.counts.jvps },
        counts("vjps", "vector-Jacobian products") { $0.searches[$1]?.counts.vjps },
      ],
      attributes: [
        "ends": .texts(ends.map(\.rawValue)), "kinds": .texts(kinds.map(\.rawValue)),
      ])
  }

  /// All examples' fixed points, one after the other.
  private var allPoints: [(example: Int, index: Int, point: FixedPoint)] {
    examples.flatMap { one in
      (one.points?.points ?? []).enumerated().map { (one.example, $0.offset, $0.element) }
    }
  }

  private var pointData: AnalysisData? {
    let points = allPoints
    guard !points.isEmpty else { return nil }
    let table = AnalysisTable("point", Array(points.indices))
    let states = Tensor.concatenating(points.map { $0.point.state.reshaped([1, dimension]) })
    return AnalysisData(
      "points", title: "Fixed points",
      axes: [
        table.axis, AnalysisAxis("position", .integers(Array(0..<positions))),
        AnalysisAxis("width", .integers(Array(0..<width))),
      ],
      signal: table.numbers("q", "half the squared residual", points.map(\.point.q)),
      extra: [
        table.counts("example", "example", points.map(\.example)),
        table.counts("index", "number among the example's points", points.map(\.index)),
        table.numbers(
          "relative_residual", "|F(z) - z| / |F(z)|", points.map(\.point.relativeResidual)),
        table.counts("starts", "starts that led here", points.map(\.point.starts.count)),
        table.numbers(
          "spectral_radius", "spectral radius of the Jacobian",
          points.map { $0.point.spectrum?.spectralRadius ?? .nan }),
        table.counts(
          "unstable_modes", "eigenvalues outside the unit circle",
          points.map { $0.point.unstableModes ?? -1 }),
        table.numbers("distance", "distance to the trajectory", points.map(\.point.distance)),
        table.numbers(
          "relative_distance", "that over the trajectory's radius",
          points.map(\.point.relativeDistance)),
        table.numbers(
          "relative_norm", "norm over the trajectory's largest", points.map(\.point.relativeNorm)),
        table.counts(
          "is_far", "whether it may be spurious", points.map { $0.point.isFar ? 1 : 0 }),
        AnalysisSeries(
          "state", .float64(states.reshaped([points.count, positions, width])),
          axes: ["point", "position", "width"], longName: "latent"),
      ])
  }

  private var eigenvalueData: AnalysisData? {
    let spectra = allPoints.map { $0.point.spectrum?.eigenvalues ?? [] }
    guard let length = spectra.map(\.count).max(), length > 0 else { return nil }
    func values(_ name: String, _ part: (Complex<Double>) -> Double) -> AnalysisSeries {
      let flat = spectra.flatMap {
        $0.map(part) + Array(repeating: .nan, count: length - $0.count)
      }
      return AnalysisSeries(
        name, .float64(Tensor([spectra.count, length], flat)), axes: ["point", "index"])
    }
    return AnalysisData(
      "eigenvalues", title: "Eigenvalues at the fixed points",
      axes: [
        AnalysisAxis("point", .integers(Array(spectra.indices))),
        AnalysisAxis(
          "index", .integers(Array(0..<length)), longName: "index, largest modulus first"),
      ],
      signal: values("modulus", \.length),
      extra: [values("real", \.real), values("imaginary", \.imaginary)])
  }
}

/// Columns over one axis.
struct AnalysisTable {
  let axis: AnalysisAxis
  private let count: Int

  init(_ name: String, _ coordinates: [Int]) {
    axis = AnalysisAxis(name, .integers(coordinates))
    count = coordinates.count
  }

  func numbers(_ name: String, _ meaning: String, _ values: [Double]) -> AnalysisSeries {
    AnalysisSeries(name, .float64(Tensor([count], values)), axes: [axis.name], longName: meaning)
  }

  func counts(_ name: String, _ meaning: String, _ values: [Int]) -> AnalysisSeries {
    AnalysisSeries(
      name, .integers(IntegerArray([count], values)), axes: [axis.name], longName: meaning)
  }
}
