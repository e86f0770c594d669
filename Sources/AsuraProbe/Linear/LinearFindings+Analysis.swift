internal import AsuraTensor
public import AsuraTrace

extension LinearFindings {
  /// The name its group has in a companion file: `linear_carry`, and with a site other than the latent
  /// `linear_carry_core.0.mlp.post`.
  public static func analysisName(fact: String, site: String) -> String {
    let plain = fact.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" }
    return "linear_\(String(plain))" + (site == "latent" ? "" : "_\(site)")
  }

  /// The findings as a companion file stores them: group `linear_FACT` with
  /// - `score`: accuracy and its kin `[iteration, position]`, of held-out examples, with intervals, null and control;
  /// - `weights`: `weights`, `bias` and `mean` of the probes of all rows, in the site's own coordinates;
  /// - `transfer`: `[fitted_at, iteration, position]`, where asked for;
  /// - `effects`: accuracies of the answers after changes of the site, where asked for.
  public func analysis() -> Analysis {
    Analysis(
      Self.analysisName(fact: fact, site: site), title: "Linear probes of \(fact) in \(site)",
      attributes: [
        "site": .text(site), "fact": .text(fact), "classes": .texts(classes ?? []),
        "estimator": .text(probe.estimator.rawValue), "penalties": .reals(probe.penalties),
        "folds": .integer(Int64(probe.folds)), "seed": .integer(Int64(bitPattern: probe.seed)),
        "shuffles": .integer(Int64(probe.shuffleCount)),
        "replicates": .integer(Int64(probe.replicates)), "notes": .texts(notes),
      ], data: [scoreData, weightData] + [transferData, effectData].compactMap { $0 })
  }

  private var iterationAxis: AnalysisAxis { AnalysisAxis("iteration", .integers(iterations)) }
  private var positionAxis: AnalysisAxis {
    AnalysisAxis(
      "position", .integers(positions),
      longName: positions == [ProbeWeights.pooled] ? "all positions" : "position")
  }

  private var scoreData: AnalysisData {
    func series(
      _ name: String, _ meaning: String, _ value: @escaping (ProbeCell) -> Double?
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([iterations.count, positions.count], map(value).flatMap { $0 })),
        axes: ["iteration", "position"], longName: meaning)
    }
    let isClass = classes != nil
    var extra = [
      series("low", "lower end of its 95% interval") { $0.interval?.lowerBound },
      series("high", "upper end of its 95% interval") { $0.interval?.upperBound },
      series("baseline", "the commonest class's share, or R² of the mean") { $0.baseline },
      series("null_mean", "mean over shuffled labels") { $0.null?.mean },
      series("null_highest", "highest of shuffled labels") { $0.null?.highest },
      series("p_value", "share of labellings that do as well, the real one too") { cell in
        cell.null?.pValue(cell.score)
      },
      series("control", "\(classes == nil ? "R²" : "balanced accuracy") at the control task") {
        $0.control?.fair
      },
      series("selectivity", "the same of the fact, less the control task's") { $0.selectivity },
      series("penalty", "penalty of the probe of all rows") { $0.penalty },
      series("rows", "rows with a label") { Double($0.rows) },
    ]
    if isClass {
      extra += [
        series("balanced_accuracy", "mean over classes") { $0.score.balancedAccuracy },
        series("balanced_low", "lower end of its 95% interval") {
          $0.balancedInterval?.lowerBound
        },
        series("balanced_high", "upper end of its 95% interval") {
          $0.balancedInterval?.upperBound
        },
        series("auc", "area under the curve, mean over classes") { $0.score.auc },
        series("description_bits", "length of the online code in bits") { $0.code?.bits },
        series("uniform_bits", "length of the uniform code in bits") { $0.code?.uniformBits },
        series("share_bits", "length of the code by class shares in bits") { $0.code?.shareBits },
        series("compression", "uniform code over online code") { $0.code?.compression },
      ]
    }
    return AnalysisData(
      "score", title: "\(isClass ? "Accuracy" : "R²") of linear probes of \(fact)",
      axes: [iterationAxis, positionAxis],
      signal: series(
        isClass ? "accuracy" : "r2", isClass ? "accuracy" : "share of variance explained"
      ) { $0.score.headline }, extra: extra)
  }

  private var weightData: AnalysisData {
    AnalysisData(
      "weights", title: "Weights of linear probes of \(fact)",
      axes: [
        iterationAxis, positionAxis,
        AnalysisAxis("class", .integers(Array(weights.classes.indices))),
        AnalysisAxis("width", .integers(Array(0..<weights.width))),
      ],
      signal: AnalysisSeries(
        "weights", .float64(weights.weights), axes: ["iteration", "position", "class", "width"]),
      extra: [
        AnalysisSeries("bias", .float64(weights.bias), axes: ["iteration", "position", "class"]),
        AnalysisSeries(
          "mean", .float64(weights.mean), axes: ["iteration", "position", "width"],
          longName: "mean of what the probe was fitted to"),
      ], attributes: ["classes": .texts(weights.classes)])
  }

  private var transferData: AnalysisData? {
    guard let transfer else { return nil }
    let count = iterations.count
    return AnalysisData(
      "transfer", title: "Probes fitted at one iteration and tested at another",
      axes: [
        AnalysisAxis("fitted_at", .integers(iterations), longName: "fitted at iteration"),
        iterationAxis, positionAxis,
      ],
      signal: AnalysisSeries(
        "mean", .float64(Tensor([count, count], transfer.mean.flatMap { $0 })),
        axes: ["fitted_at", "iteration"],
        longName: (classes == nil ? "R²" : "balanced accuracy") + ", mean over positions"),
      extra: [
        AnalysisSeries(
          "score", .float64(transfer.scores), axes: ["fitted_at", "iteration", "position"])
      ])
  }

  private var effectData: AnalysisData? {
    guard !effects.isEmpty else { return nil }
    typealias Share = (CausalEffect.Answers) -> Double
    func series(
      _ name: String, _ meaning: String, _ value: (CausalEffect) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([effects.count], effects.map(value))), axes: ["change"],
        longName: meaning)
    }
    func three(_ name: String, _ meaning: String, _ share: @escaping Share) -> [AnalysisSeries] {
      [
        series("\(name)_original", "\(meaning), as it was") { share($0.original) },
        series("\(name)_changed", "\(meaning), changed") { share($0.edited) },
        series("\(name)_random", "\(meaning), mean over random directions") {
          $0.randomMean(share)
        },
      ]
    }
    return AnalysisData(
      "effects", title: "Answers after changes of \(site)",
      axes: [AnalysisAxis("change", .integers(Array(effects.indices)))],
      signal: series("symbols", "share of positions right") { $0.edited.symbols },
      extra: three("symbols", "share of positions right", \.symbols)
        + three("exact", "share of examples all right", \.exact)
        + three("at_changed", "share right of the changed positions", \.atChanged)
        + three("moved", "share of answers that changed", \.changed) + [
          series("relative_size", "mean size of the change over that of the values") {
            $0.relativeSize
          }
        ],
      attributes: [
        "changes": .texts(effects.map(\.change.name)),
        "at": .texts(effects.map { $0.at.map(String.init).joined(separator: ",") }),
      ])
  }
}
