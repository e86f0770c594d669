internal import AsuraTensor
public import AsuraTrace

extension JacobianTrajectory {
  /// The trajectory as a companion file stores it: group `jacobian` with
  /// - `summary`: `spectral_radius`, `outside_unit_circle`, `residual`, `converged`, `relative_step`, `mismatch`,
  ///   `applications`, `seconds` `[iteration, example]`;
  /// - `spectrum`: `modulus`, `real`, `imaginary` `[iteration, example, index]`, NaN past a spectrum's end;
  /// - with several examples `mean`: the radius's mean, lowest and highest over them `[iteration]`;
  /// - where they were asked for `singular`, `shape` and `modes`: see `shapeData` and `modeData`.
  public func analysis() -> Analysis {
    let length = max(1, entries.map(\.spectrum.eigenvalues.count).max() ?? 0)
    let places = [
      AnalysisAxis("iteration", .integers(iterations)),
      AnalysisAxis("example", .integers(examples)),
    ]
    let shape = places.map { $0.name == "iteration" ? iterations.count : examples.count }

    func numbers(
      _ name: String, _ meaning: String, unit: String = "", _ value: (Entry) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor(shape, entries.map(value))), axes: ["iteration", "example"],
        unit: unit, longName: meaning)
    }
    func counts(
      _ name: String, _ meaning: String, _ value: (Entry) -> Int
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .integers(IntegerArray(shape, entries.map(value))), axes: ["iteration", "example"],
        longName: meaning)
    }
    func values(
      _ name: String, _ meaning: String, _ part: (Complex<Double>) -> Double
    ) -> AnalysisSeries {
      let rows = entries.flatMap { entry in
        entry.spectrum.eigenvalues.map(part)
          + Array(repeating: .nan, count: length - entry.spectrum.eigenvalues.count)
      }
      return AnalysisSeries(
        name, .float64(Tensor(shape + [length], rows)), axes: ["iteration", "example", "index"],
        longName: meaning)
    }

    var all: [String: TraceAttribute] = [
      "dimension": .integer(Int64(dimension)), "positions": .integer(Int64(positions)),
      "precision": "float64",
    ]
    switch method {
    case .dense: all["method"] = "dense"
    case .leading(let count):
      all["method"] = "leading"
      all["top"] = .integer(Int64(count))
    case .blocks: all["method"] = "blocks"
    }
    switch part {
    case .whole: all["part"] = "whole"
    case .position(let position):
      all["part"] = "position"
      all["position"] = .integer(Int64(position))
    case .subspace: all["part"] = "subspace"
    }
    return Analysis(
      "jacobian", title: "Spectrum of the step map's Jacobian",
      attributes: all,
      data: [
        AnalysisData(
          "summary", title: "Spectral radius of the step map's Jacobian", axes: places,
          signal: numbers("spectral_radius", "spectral radius", \.spectrum.spectralRadius),
          extra: [
            counts(
              "outside_unit_circle", "eigenvalues outside the unit circle, of those sought",
              \.spectrum.outsideUnitCircle),
            numbers("residual", "relative residual of the eigenvalues", \.spectrum.residual),
            counts("converged", "whether all eigenvalues sought were found") {
              $0.spectrum.converged ? 1 : 0
            },
            numbers("relative_step", "|F(z) - z| / |F(z)|", \.relativeStep),
            numbers("mismatch", "|F(z) - recorded next z| / |recorded next z|", \.mismatch),
            counts("applications", "Jacobian-vector products", \.spectrum.applications),
            numbers("seconds", "time taken", unit: "s", \.spectrum.seconds),
          ]
            + (entries.contains { $0.rest != nil }
              ? [
                counts("iterations_to_rest", "iterations it took to come to rest") {
                  $0.rest?.iterations ?? -1
                },
                counts("settled", "whether it came to rest") { $0.rest?.isSettled == true ? 1 : 0 },
              ] : [])),
        AnalysisData(
          "spectrum", title: "Eigenvalues of the step map's Jacobian",
          axes: places + [
            AnalysisAxis(
              "index", .integers(Array(0..<length)), longName: "index, largest modulus first")
          ],
          signal: values("modulus", "modulus", \.length),
          extra: [
            values("real", "real part", \.real), values("imaginary", "imaginary part", \.imaginary),
          ]),
      ] + meanData + shapeData + modeData)
  }

  private var meanData: [AnalysisData] {
    guard examples.count > 1 else { return [] }
    func series(_ name: String, _ meaning: String, _ value: (Int) -> Double) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([iterations.count], iterations.map(value))), axes: ["iteration"],
        longName: meaning)
    }
    func radii(_ t: Int) -> [Double] { entries(at: t).map(\.spectrum.spectralRadius) }
    return [
      AnalysisData(
        "mean", title: "Spectral radius over the examples",
        axes: [AnalysisAxis("iteration", .integers(iterations))],
        signal: series("spectral_radius", "mean over the examples") { t in
          mean(at: t, of: \.spectrum.spectralRadius)
        },
        extra: [
          series("lowest", "lowest of the examples") { radii($0).min() ?? .nan },
          series("highest", "highest of the examples") { radii($0).max() ?? .nan },
        ])
    ]
  }
}
