internal import AsuraTensor
public import AsuraTrace

extension InputSensitivity {
  /// As a companion file stores it: `sensitivity`: `latent` and `logits` `[iteration, output, input]`, and `wave`:
  /// `latent_reach` and `logits_reach` `[iteration, input]`, −1 where nothing is reached.
  public var data: [AnalysisData] {
    let positions = latent.norms.shape[1]
    let axes = [
      AnalysisAxis("iteration", .integers(iterations)),
      AnalysisAxis("output", .integers(Array(0..<positions)), longName: "output position"),
      AnalysisAxis("input", .integers(Array(0..<positions)), longName: "input position"),
    ]
    func reach(_ name: String, _ influence: Influence) -> AnalysisSeries {
      AnalysisSeries(
        name,
        .integers(IntegerArray([iterations.count, positions], influence.reach().flatMap { $0 })),
        axes: ["iteration", "input"],
        longName: "how far the influence of this input position reaches")
    }
    return [
      AnalysisData(
        "sensitivity", title: "Norms of derivatives by the input", axes: axes,
        signal: AnalysisSeries(
          "latent", .float64(latent.norms), axes: axes.map(\.name),
          longName: "norm of the latent's derivative by the embedded input"),
        extra: [
          AnalysisSeries(
            "logits", .float64(logits.norms), axes: axes.map(\.name),
            longName: "norm of the logits' derivative by the embedded tokens")
        ],
        attributes: [
          "example": .integer(Int64(example)), "directions": .integer(Int64(directions)),
          "exact": .integer(isExact ? 1 : 0),
        ]),
      AnalysisData(
        "wave", title: "How far information has travelled", axes: [axes[0], axes[2]],
        signal: reach("latent_reach", latent), extra: [reach("logits_reach", logits)]),
    ]
  }
}
