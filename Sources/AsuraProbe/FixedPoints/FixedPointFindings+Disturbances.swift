internal import AsuraTensor
internal import AsuraTrace

/// What a companion file stores of starts elsewhere, pushes, basins and long runs.
extension FixedPointFindings {
  var pathData: AnalysisData? {
    let paths = examples.flatMap { one in (one.paths?.paths ?? []).map { (one.example, $0) } }
    guard !paths.isEmpty else { return nil }
    let table = AnalysisTable("path", Array(paths.indices))
    let (ends, kinds) = (SearchEnd.allCases, FixedPointStarts.Kind.allCases)
    return AnalysisData(
      "paths", title: "Path independence", axes: [table.axis],
      signal: table.numbers("cosine", "cosine with the trajectory's end", paths.map(\.1.cosine)),
      extra: [
        table.counts("example", "example", paths.map(\.0)),
        table.numbers("distance", "relative distance to that end", paths.map(\.1.distance)),
        table.numbers(
          "answers_alike", "share of equal answers", paths.map { $0.1.answersAlike ?? .nan }),
        table.counts("iterations", "iterations until the end", paths.map(\.1.iterations)),
        table.counts(
          "end", "index into the attribute ends",
          paths.map { ends.firstIndex(of: $0.1.end) ?? -1 }),
        table.counts(
          "kind", "index into the attribute kinds",
          paths.map { kinds.firstIndex(of: $0.1.kind) ?? -1 }),
      ],
      attributes: [
        "ends": .texts(ends.map(\.rawValue)), "kinds": .texts(kinds.map(\.rawValue)),
      ])
  }

  var pushData: AnalysisData? {
    let pushes = examples.flatMap { one in
      (one.perturbation?.pushes ?? []).map { (one.example, $0) }
    }
    guard !pushes.isEmpty else { return nil }
    let table = AnalysisTable("push", Array(pushes.indices))
    return AnalysisData(
      "pushes", title: "Latents pushed half-way", axes: [table.axis],
      signal: table.numbers(
        "final_distance", "relative distance at the end", pushes.map(\.1.finalDistance)),
      extra: [
        table.counts("example", "example", pushes.map(\.0)),
        table.numbers("size", "push relative to the norm", pushes.map(\.1.size)),
        table.numbers("growth", "largest distance over the push", pushes.map(\.1.growth)),
        table.counts(
          "returned", "iterations until it was forgotten", pushes.map { $0.1.returned ?? -1 }),
        table.numbers(
          "answers_changed", "share of changed answers", pushes.map { $0.1.answersChanged ?? .nan }),
      ])
  }

  var basinData: AnalysisData? {
    let basins = examples.compactMap { one in one.basin.map { (one.example, $0) } }
    guard let count = basins.first?.1.directions.count, count > 0 else { return nil }
    func radii(
      _ name: String, _ meaning: String, _ value: (Basin.Direction) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name,
        .float64(Tensor([basins.count, count], basins.flatMap { $0.1.directions.map(value) })),
        axes: ["example", "direction"], longName: meaning)
    }
    return AnalysisData(
      "basin", title: "Basin of the resting place along random directions",
      axes: [
        AnalysisAxis("example", .integers(basins.map(\.0))),
        AnalysisAxis("direction", .integers(Array(0..<count))),
      ],
      signal: radii("inside", "largest relative radius that returns", \.inside),
      extra: [radii("outside", "smallest that does not") { $0.outside ?? .nan }])
  }
}

extension Overthinking {
  var data: AnalysisData? {
    guard !iterations.isEmpty else { return nil }
    let table = AnalysisTable("iteration", iterations)
    var extra = [
      table.numbers(
        "confidence", "mean probability of the likeliest class", confidence),
      table.counts("answer_changes", "answers that changed", answerChanges),
    ]
    let change = table.numbers("readout_change", "mean total variation", readoutChange)
    if exactMatch.isEmpty {
      return AnalysisData(
        "overthinking", title: "Far past training", axes: [table.axis], signal: change,
        extra: extra, attributes: ["trained": .integer(Int64(trained))])
    }
    extra += [change, table.numbers("per_symbol", "share of right positions", perSymbol)]
    return AnalysisData(
      "overthinking", title: "Far past training", axes: [table.axis],
      signal: table.numbers("exact_match", "share of right examples", exactMatch), extra: extra,
      attributes: ["trained": .integer(Int64(trained))])
  }
}
