internal import AsuraModel
public import AsuraTensor

/// All paths from some senders to some receivers.
public struct PathSweep: Sendable {
  /// A path's two ends.
  public struct Entry: Sendable, Hashable {
    public let sender: PatchSweep.Entry
    public let receiver: PatchSweep.Entry
  }

  public let entries: [Entry]
  /// Every entry's path.
  public let paths: [PatchPath]
  /// Whether the senders' positions are counted from where a pair's inputs first differ.
  public let isRelative: Bool

  /// - Parameters:
  ///   - senders, receivers: names or patterns of sites, those that no path begins or ends at left out.
  ///   - iterations: the senders'; all when nil.
  ///   - lags: how many iterations a receiver may be after its sender; the logits, which come once, always may.
  ///   - heads: of senders and receivers alike.
  ///   - positions: the senders'; receivers take in what comes wherever it comes.
  /// - Throws: `ProbeError` when there is no path.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, from senders: [String], to receivers: [String],
    iterations: [Int]? = nil, lags: ClosedRange<Int> = 0...1, heads: PatchSweep.Choice = .each,
    positions: PatchSweep.Choice = .together, isRelative: Bool = false
  ) throws {
    let starts = try PatchSweep(
      experiment, sites: senders, iterations: iterations, heads: heads, positions: positions,
      isRelative: isRelative)
    let ends = try PatchSweep(experiment, sites: receivers, heads: heads)
    var entries: [Entry] = []
    var paths: [PatchPath] = []
    for (sender, start) in zip(starts.entries, starts.patches) {
      for (receiver, end) in zip(ends.entries, ends.patches) {
        let path = PatchPath(from: start.changes[0].place, to: end.changes[0].place)
        let isNear =
          path.receiver.site == .logits || lags.contains(receiver.iteration - sender.iteration)
        guard isNear, experiment.isPath(path) else { continue }
        entries.append(Entry(sender: sender, receiver: receiver))
        paths.append(path)
      }
    }
    guard !paths.isEmpty else {
      throw ProbeError(
        .badPatch,
        "no path leads from \(senders.joined(separator: ", ")) to \(receivers.joined(separator: ", "))",
        remedy:
          "Receivers come after their senders, in the same iteration or so many later as is asked for."
      )
    }
    self.entries = entries
    self.paths = paths
    self.isRelative = isRelative
  }
}

extension PatchExperiment {
  fileprivate func isPath(_ path: PatchPath) -> Bool { (try? check(path)) != nil }
}
