internal import AsuraTensor
public import AsuraTrace

extension LensStudy {
  /// The study as a companion file stores it: group `lens` with
  /// - `readout`, `[iteration, example, position]`: the likeliest class and its probability, entropy, KL from the last
  ///   readout, and with targets the right class's probability and rank;
  /// - `answers`, `[example, position]`: from which iteration the likeliest class stays the last one and stays right (−1
  ///   where it does not), and how often it changes;
  /// - `tuned`, `[iteration]`: what KL is left without a map, with one of its own and with one for all, and the maps;
  /// - `attribution`, `[iteration, component, example, position]`: shares of logit differences, to each iteration's own
  ///   readout and to the last;
  /// - `sources`, `[iteration, block, head, query, slot]`: what the first example's keys give.
  public func analysis() -> Analysis {
    Analysis(
      "lens", title: "What the readout makes of every iteration",
      attributes: ["classes": .integer(Int64(readout.classes)), "notes": .texts(notes)],
      data: [readoutData, answerData]
        + [tunedData, attributionData, sourceData].compactMap { $0 })
  }

  private var exampleAxis: AnalysisAxis { AnalysisAxis("example", .integers(readout.examples)) }
  private var positionAxis: AnalysisAxis {
    AnalysisAxis("position", .integers(Array(0..<readout.positions)))
  }

  private var readoutData: AnalysisData {
    let axes = [
      AnalysisAxis("iteration", .integers(readout.iterations)), exampleAxis, positionAxis,
    ]
    let names = axes.map(\.name)
    let shape = [readout.iterations.count, readout.examples.count, readout.positions]
    func reals(
      _ name: String, _ meaning: String, unit: String = "", _ values: Tensor<Float>
    ) -> AnalysisSeries {
      AnalysisSeries(name, .float32(values), axes: names, unit: unit, longName: meaning)
    }
    func integers(_ name: String, _ meaning: String, _ values: [Int32]) -> AnalysisSeries {
      AnalysisSeries(
        name, .integers(IntegerArray(shape, values)), axes: names, longName: meaning)
    }
    let top = reals("top_probability", "probability of the likeliest class", readout.topProbability)
    let target = reals(
      "target_probability", "probability of the right class", readout.targetProbability)
    let hasTargets = readout.targets != nil
    return AnalysisData(
      "readout",
      title: hasTargets ? "Probability of the right class" : "Probability of the likeliest class",
      axes: axes, signal: hasTargets ? target : top,
      extra: (hasTargets
        ? [
          top,
          integers(
            "target_rank", "how many classes are likelier than the right one", readout.targetRank),
        ]
        : []) + [
          integers("top_class", "the likeliest class", readout.top),
          reals("entropy", "entropy of the class probabilities", unit: "nat", readout.entropy),
          reals("divergence", "KL(last readout ‖ this one)", unit: "nat", readout.divergence),
        ])
  }

  private var answerData: AnalysisData {
    func integers(
      _ name: String, _ meaning: String, _ value: (Int, Int) -> Int
    ) -> AnalysisSeries {
      let values = readout.examples.indices.flatMap { e in
        (0..<readout.positions).map { value(e, $0) }
      }
      return AnalysisSeries(
        name,
        .integers(IntegerArray([readout.examples.count, readout.positions], values)),
        axes: ["example", "position"], longName: meaning)
    }
    return AnalysisData(
      "answers", title: "From when on each answer stays", axes: [exampleAxis, positionAxis],
      signal: integers("settled_from", "first iteration from which the answer stays the last one") {
        readout.settledFrom($0, $1)
      },
      extra: [
        integers("right_from", "first iteration from which the answer stays right, −1 for none") {
          readout.rightFrom($0, $1) ?? -1
        },
        integers("flips", "how often the answer changes") { readout.flips($0, $1) },
      ])
  }

  private var tunedData: AnalysisData? {
    guard let tuned else { return nil }
    let (count, width) = (tuned.iterations.count, tuned.sharedTranslator.offset.count)
    func series(
      _ name: String, _ meaning: String, _ values: [Double]
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([count], values)), axes: ["iteration"], unit: "nat",
        longName: meaning)
    }
    let kinds = [
      ("untuned", "KL left without a map", tuned.untuned),
      ("own", "KL left with a map of its own", tuned.own),
      ("shared", "KL left with one map for all", tuned.shared),
    ]
    let all = kinds.flatMap { name, meaning, values in
      [
        series(name, meaning, values.map(\.value)),
        series("\(name)_lower", "lower end of its 95% interval", values.map(\.lower)),
        series("\(name)_upper", "upper end of its 95% interval", values.map(\.upper)),
      ]
    }
    let units = [("row", width), ("column", width)].map {
      AnalysisAxis($0.0, .integers(Array(0..<$0.1)))
    }
    func maps(_ name: String, _ values: Tensor<Double>, _ axes: [String]) -> AnalysisSeries {
      AnalysisSeries(name, .float64(values), axes: axes, longName: "z + A z + b: \(name)")
    }
    return AnalysisData(
      "tuned", title: "KL from the last readout, with and without affine maps",
      axes: [AnalysisAxis("iteration", .integers(tuned.iterations))] + units, signal: all[0],
      extra: all.dropFirst() + [
        maps(
          "matrix", Tensor([count, width, width], tuned.translators.flatMap(\.matrix.elements)),
          ["iteration", "row", "column"]),
        maps(
          "offset", Tensor([count, width], tuned.translators.flatMap(\.offset.elements)),
          ["iteration", "row"]),
        maps("shared_matrix", tuned.sharedTranslator.matrix, ["row", "column"]),
        maps("shared_offset", tuned.sharedTranslator.offset, ["row"]),
      ],
      attributes: [
        "verdict": .text(tuned.verdict.rawValue), "fitted": .integer(Int64(tuned.fitted.count)),
        "held_out": .integer(Int64(tuned.heldOut.count)),
      ])
  }

  private var attributionData: AnalysisData? {
    guard let attribution else { return nil }
    let axes = ["iteration", "component", "example", "position"]
    let places = [attribution.examples.count, attribution.positions]
    func classes(_ name: String, _ value: (DirectAttribution.Pair) -> Int) -> AnalysisSeries {
      AnalysisSeries(
        name, .integers(IntegerArray(places, attribution.pairs.map(value))),
        axes: ["example", "position"], longName: "the class whose logit counts \(name)")
    }
    return AnalysisData(
      "attribution", title: "Shares of the logit difference",
      axes: [
        AnalysisAxis("iteration", .integers(attribution.iterations)),
        AnalysisAxis("component", .integers(Array(attribution.components.indices))),
        AnalysisAxis("example", .integers(attribution.examples)), positionAxis,
      ],
      signal: AnalysisSeries(
        "direct", .float64(attribution.direct), axes: axes,
        longName: "share of the iteration's own logit difference"),
      extra: [
        AnalysisSeries(
          "unrolled", .float64(attribution.unrolled), axes: axes,
          longName: "share of the last logit difference"),
        AnalysisSeries(
          "difference", .float64(attribution.differences),
          axes: ["iteration", "example", "position"], longName: "the logit difference"),
        classes("plus", \.plus), classes("minus", \.minus),
      ],
      attributes: [
        "components": .texts(attribution.components.map(\.description)),
        "residual": .real(attribution.residual),
        "unrolled_residual": .real(attribution.unrolledResidual),
      ])
  }

  private var sourceData: AnalysisData? {
    guard let attribution else { return nil }
    let shape = attribution.sources.shape
    func axis(_ name: String, _ place: Int) -> AnalysisAxis {
      AnalysisAxis(name, .integers(Array(0..<shape[place])))
    }
    return AnalysisData(
      "sources", title: "What each key gives by way of each head",
      axes: [
        AnalysisAxis("iteration", .integers(attribution.iterations)), axis("block", 1),
        axis("head", 2), axis("query", 3), axis("slot", 4),
      ],
      signal: AnalysisSeries(
        "contribution", .float64(attribution.sources),
        axes: ["iteration", "block", "head", "query", "slot"],
        longName: "share of the query's logit difference"),
      extra: [
        AnalysisSeries(
          "key", .integers(attribution.keys), axes: ["query", "slot"],
          longName: "the key's position, −1 for none")
      ], attributes: ["example": .integer(Int64(attribution.examples[0]))])
  }
}
