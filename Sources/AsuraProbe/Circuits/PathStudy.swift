public import AsuraTensor
public import AsuraTrace

/// A sweep of paths with what it made.
public struct PathStudy: Sendable {
  public let sweep: PathSweep
  public let result: PatchResult
  public let metric: PatchMetric
  public let direction: PatchDirection
  public let iterations: Int
  public let excluded: Int
  /// The effects, by the sweep's entries.
  public let effects: [PatchResult.Effect]

  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ sweep: PathSweep, _ result: PatchResult,
    metric: PatchMetric = .logitDifference, resamples: Int = 1000, seed: UInt64 = 0
  ) {
    self.sweep = sweep
    self.result = result
    self.metric = metric
    (direction, iterations, excluded) = (
      experiment.direction, experiment.iterations, experiment.excluded
    )
    effects = result.effects(metric, resamples: resamples, seed: seed)
  }

  /// The entries with the largest effects, largest first.
  public func strongest(_ count: Int) -> [Int] {
    effects.indices.filter { effects[$0].value.isFinite }
      .sorted { (-abs(effects[$0].value), $0) < (-abs(effects[$1].value), $1) }
      .prefix(count).map { $0 }
  }

  /// A kind of path: what its two ends are but for their iterations, and how far apart these are.
  public struct Group: Sendable, Hashable, CustomStringConvertible {
    public let sender: String
    public let senderHead: Int?
    public let receiver: String
    public let receiverHead: Int?
    /// How many iterations later the receiver is; nil for the logits.
    public let lag: Int?

    public var description: String {
      func end(_ name: String, _ head: Int?) -> String {
        name + (head.map { " head \($0)" } ?? "")
      }
      let time: String =
        switch lag {
        case nil, 0: ""
        case .some(let lag): " at t+\(lag)"
        }
      return "\(end(sender, senderHead)) → \(end(receiver, receiverHead))\(time)"
    }
  }

  /// The strongest effect of each kind of path in each of the senders' iterations, kinds in the order of their strongest.
  public var groups: [(group: Group, effects: [Int: Double])] {
    var table: [Group: [Int: Double]] = [:]
    for (entry, effect) in zip(sweep.entries, effects) where effect.value.isFinite {
      let group = Group(
        sender: entry.sender.name, senderHead: entry.sender.head, receiver: entry.receiver.name,
        receiverHead: entry.receiver.head,
        lag: entry.receiver.name == "logits"
          ? nil : entry.receiver.iteration - entry.sender.iteration)
      let known = table[group]?[entry.sender.iteration] ?? 0
      if abs(effect.value) >= abs(known) {
        table[group, default: [:]][entry.sender.iteration] = effect.value
      }
    }
    func strength(_ effects: [Int: Double]) -> Double { effects.values.map(abs).max() ?? 0 }
    return table.map { (group: $0, effects: $1) }.sorted {
      (-strength($0.effects), $0.group.description) < (-strength($1.effects), $1.group.description)
    }
  }
}

extension PathStudy {
  /// The study as a companion file stores it: group `paths`, one row a path over `path`: the numbers of its two sites in the
  /// list that the attribute `sites` gives, their iterations, heads and the sender's position (−1 for all together), the
  /// `effect` with its interval, and every metric's values `[path, pair]`.
  public func analysis(pairNumbers: [Int]) -> Analysis {
    let ends = sweep.entries.map { [$0.sender, $0.receiver] }
    let sites = Set(ends.joined().map(\.name)).sorted()
    let count = sweep.entries.count
    func series(
      _ name: String, _ meaning: String, _ value: (PathSweep.Entry) -> Int
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([count], sweep.entries.map { Double(value($0)) })), axes: ["path"],
        longName: meaning)
    }
    func effect(
      _ name: String, _ meaning: String, _ value: (PatchResult.Effect) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor([count], effects.map(value))), axes: ["path"], longName: meaning)
    }
    func number(_ name: String) -> Int { sites.firstIndex(of: name) ?? -1 }
    let extra = [
      effect("effect_low", "lower end of the effect's 95% interval") { $0.low },
      effect("effect_high", "upper end of the effect's 95% interval") { $0.high },
      series("sender_site", "number of the sender's site") { number($0.sender.name) },
      series("sender_iteration", "the sender's iteration") { $0.sender.iteration },
      series("sender_head", "the sender's head, −1 for all") { $0.sender.head ?? -1 },
      series("receiver_site", "number of the receiver's site") { number($0.receiver.name) },
      series("receiver_iteration", "the receiver's iteration") { $0.receiver.iteration },
      series("receiver_head", "the receiver's head, −1 for all") { $0.receiver.head ?? -1 },
    ]
    // Positions counted from a difference may be below 0: NaN stands for all together.
    let position = AnalysisSeries(
      "sender_position",
      .float64(Tensor([count], sweep.entries.map { $0.sender.position.map(Double.init) ?? .nan })),
      axes: ["path"], longName: "the sender's position, NaN for all together")
    let raw = PatchMetric.allCases.map {
      AnalysisSeries(
        $0.seriesName, .float64(result.raw($0)), axes: ["path", "pair"], longName: $0.longName)
    }
    return Analysis(
      "paths", title: "What goes straight from a sender to a receiver",
      attributes: [
        "direction": .text(direction.rawValue), "metric": .text(metric.rawValue),
        "iterations": .integer(Int64(iterations)), "average": .text(result.average.rawValue),
        "smallest_difference": .real(result.smallestDifference),
        "positions_from_difference": .integer(sweep.isRelative ? 1 : 0),
        "sites": .text(sites.joined(separator: ",")),
      ],
      data: [
        AnalysisData(
          "paths", title: "Direct effect on \(metric.longName)",
          axes: [
            AnalysisAxis("path", .integers(Array(0..<count))),
            AnalysisAxis("pair", .integers(pairNumbers)),
          ],
          signal: effect("effect", "effect: 0 as the base run, 1 as the source's") { $0.value },
          extra: extra + [position] + raw)
      ])
  }
}
