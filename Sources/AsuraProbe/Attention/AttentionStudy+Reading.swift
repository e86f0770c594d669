internal import Foundation

extension AttentionStudy {
  /// What the study says, in a few sentences that claim no more than it shows.
  public var reading: [String] {
    [kindReading, changedKindReading, settlingReading, groupReading].compactMap { $0 } + notes
  }

  private func percent(_ share: Double) -> String { "\(Int((100 * share).rounded()))%" }

  private func list(_ heads: [Head]) -> String {
    let shown = heads.prefix(4).map(\.name).joined(separator: ", ")
    return heads.count > 4 ? "\(shown) and \(heads.count - 4) more" : shown
  }

  private var kindReading: String? {
    guard let last = iterations.last else { return nil }
    let parts = kinds.map { kind, heads in "\(kind.rawValue) (\(list(heads)))" }
    return "At t=\(last) the heads are: \(parts.joined(separator: "; "))."
  }

  /// Heads that were of another kind earlier.
  private var changedKindReading: String? {
    let changed = heads.filter { head in
      Set(head.moments.map(\.kind)).count > 1
    }
    guard !changed.isEmpty, iterations.count > 1 else { return nil }
    let parts = changed.prefix(3).map { head in
      let kinds = head.moments.map(\.kind)
      let since = (kinds.lastIndex { $0 != kinds.last } ?? -1) + 1
      return "\(head.name) is \(kinds[kinds.count - 1].rawValue) only from t=\(iterations[since])"
    }
    return "Not all are so throughout: \(parts.joined(separator: "; "))"
      + (changed.count > 3 ? "; and \(changed.count - 3) more." : ".")
  }

  private var settlingReading: String? {
    guard iterations.count > 1, let last = iterations.last else { return nil }
    let settled = heads.filter { $0.settledFrom != nil }
    let limit = "at most \(Self.settled) in total variation"
    guard let latest = settled.compactMap(\.settledFrom).max() else {
      return
        "No head's pattern has settled by t=\(last): each still changes by more than \(Self.settled) in total "
        + "variation from one iteration looked at to the next."
    }
    return settled.count == heads.count
      ? "From t=\(latest) no head's pattern changes by more: \(limit) an iteration."
      : "\(settled.count) of \(heads.count) heads settle, the last at t=\(latest): \(limit) an iteration after that."
  }

  /// Which head looks most at each group, as far as it is beyond chance.
  private var groupReading: String? {
    let parts = groups.enumerated().compactMap { index, group -> String? in
      func share(_ head: Head) -> Double { head.moments.last?.concentration[index] ?? .nan }
      guard let head = heads.filter({ !share($0).isNaN }).max(by: { share($0) < share($1) }),
        // Clearly more than even attention would give.
        share(head) > group.chance + 0.05 * (1 - group.chance)
      else { return nil }
      return
        "\(group.name) \(percent(share(head))) by \(head.name) (even attention: \(percent(group.chance)))"
    }
    return parts.isEmpty ? nil : "Most attention to \(parts.joined(separator: "; "))."
  }
}
