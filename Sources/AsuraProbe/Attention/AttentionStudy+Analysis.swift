internal import AsuraTensor
public import AsuraTrace

extension AttentionStudy {
  /// The study as a companion file stores it: group `attention` with
  /// - `heads`, `[iteration, block, head]`: `entropy` with its deviation over examples, `relative_entropy`, `change`, and
  ///   `kind`, the place in the attribute `kinds`;
  /// - `profile`: mean attention by offset, `[iteration, block, head, offset]`;
  /// - `kinds`: attention beyond chance to the keys of each kind, `[iteration, block, head, kind]`;
  /// - `keys`: mean attention to each group of keys, `[iteration, block, head, group]`, where there are any.
  public func analysis() -> Analysis {
    Analysis(
      "attention", title: "What attention does at each iteration",
      attributes: [
        "examples": .integer(Int64(examples.count)), "positions": .integer(Int64(positions)),
        "kinds": .texts(HeadKind.allCases.map(\.rawValue)), "notes": .texts(notes),
      ], data: [headData, profileData, kindData] + (groups.isEmpty ? [] : [groupData]))
  }

  private var blocks: [Int] { Array(Set(heads.map(\.block))).sorted() }
  private var headCount: Int { heads.count / max(1, blocks.count) }

  private var axes: [AnalysisAxis] {
    [
      AnalysisAxis("iteration", .integers(iterations)), AnalysisAxis("block", .integers(blocks)),
      AnalysisAxis("head", .integers(Array(0..<headCount))),
    ]
  }

  /// A value of each head at each iteration, with `values` numbers each.
  private func series(
    _ name: String, _ meaning: String, over axis: String? = nil, unit: String = "",
    _ values: (Moment) -> [Double]
  ) -> AnalysisSeries {
    let rows = iterations.indices.flatMap { t in heads.flatMap { values($0.moments[t]) } }
    let shape = [iterations.count, blocks.count, headCount]
    let length = rows.count / max(1, shape.reduce(1, *))
    return AnalysisSeries(
      name, .float64(Tensor(shape + (axis == nil ? [] : [length]), rows)),
      axes: axes.map(\.name) + (axis.map { [$0] } ?? []), unit: unit, longName: meaning)
  }

  private var headData: AnalysisData {
    let kinds = iterations.indices.flatMap { t in
      heads.map { HeadKind.allCases.firstIndex(of: $0.moments[t].kind) ?? -1 }
    }
    return AnalysisData(
      "heads", title: "Entropy of attention", axes: axes,
      signal: series("entropy", "entropy of attention", unit: "nat") { [$0.entropy] },
      extra: [
        series("entropy_deviation", "standard deviation over examples", unit: "nat") {
          [$0.entropyDeviation]
        },
        series("relative_entropy", "entropy over that of even attention") {
          [$0.relativeEntropy]
        },
        series("change", "total variation distance from the iteration before") { [$0.change] },
        AnalysisSeries(
          "kind", .integers(IntegerArray([iterations.count, blocks.count, headCount], kinds)),
          axes: axes.map(\.name), longName: "place in the attribute kinds of the group above"),
      ])
  }

  private var profileData: AnalysisData {
    AnalysisData(
      "profile", title: "Mean attention by distance",
      axes: axes + [
        AnalysisAxis("offset", .integers(offsets), longName: "key position − query position")
      ], signal: series("attention", "mean attention", over: "offset", \.profile))
  }

  private var kindData: AnalysisData {
    AnalysisData(
      "kinds", title: "Attention beyond chance to the keys of each kind",
      axes: axes + [AnalysisAxis("kind", .integers(Array(HeadKind.keyed.indices)))],
      signal: series("excess", "attention beyond chance", over: "kind", \.excess),
      attributes: ["names": .texts(HeadKind.keyed.map(\.rawValue))])
  }

  private var groupData: AnalysisData {
    AnalysisData(
      "keys", title: "Mean attention to named keys",
      axes: axes + [AnalysisAxis("group", .integers(Array(groups.indices)))],
      signal: series("attention", "mean attention", over: "group", \.concentration),
      attributes: [
        "names": .texts(groups.map(\.name)), "chance": .reals(groups.map(\.chance)),
      ])
  }
}
