internal import AsuraModel

/// A change of what iterations apply of the core.
public enum PatchOrder: String, Sendable, CaseIterable {
  /// The latent stays as it is.
  case skipIteration = "skip-iteration"
  /// It is made twice.
  case repeatIteration = "repeat-iteration"
  /// Each of the core's blocks is left out.
  case skipBlock = "skip-block"
  /// Each of the core's blocks is applied twice in a row.
  case repeatBlock = "repeat-block"
  /// Each block changes places with the next.
  case swapBlocks = "swap-blocks"

  /// What it comes to for a core of so many blocks: each change by name.
  func schedules(
    blocks count: Int
  ) throws -> [(name: String, schedule: (ClosedRange<Int>) -> CoreSchedule)] {
    let all = Array(0..<count)
    func ordered(_ name: String, _ blocks: [Int]) -> (String, (ClosedRange<Int>) -> CoreSchedule) {
      (name, { .applying(blocks: blocks, iterations: $0) })
    }
    switch self {
    case .skipIteration: return [("skip_iteration", { .skipping(iterations: $0) })]
    case .repeatIteration: return [("repeat_iteration", { .repeating(iterations: $0) })]
    case .skipBlock: return all.map { b in ordered("skip_block_\(b)", all.filter { $0 != b }) }
    case .repeatBlock:
      return all.map { b in ordered("repeat_block_\(b)", all.flatMap { $0 == b ? [b, b] : [$0] }) }
    case .swapBlocks:
      guard count > 1 else {
        throw ProbeError(
          .badPatch, "the core has one block: there are none to swap",
          remedy: "Skip or repeat it, or an iteration.")
      }
      return all.dropLast().map { b in
        var order = all
        order.swapAt(b, b + 1)
        return ordered("swap_blocks_\(b)_\(b + 1)", order)
      }
    }
  }
}
