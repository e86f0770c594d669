/// What a run's iterations apply of the core, where that is not each block once and in order: iterations and blocks
/// skipped or repeated, blocks in another order.
///
/// Sites keep their blocks' numbers. Where a block or an iteration is applied several times, hooks see the last time
/// only, so that a site still has one value an iteration.
public struct CoreSchedule: Sendable, Equatable {
  /// The blocks an iteration applies, in order, by iteration; all of them once where there is no entry.
  public var blocks: [Int: [Int]] = [:]
  /// How many times an iteration is made, by iteration: 0 leaves the latent as it is. Once where there is no entry.
  public var applications: [Int: Int] = [:]

  public init(blocks: [Int: [Int]] = [:], applications: [Int: Int] = [:]) {
    self.blocks = blocks
    self.applications = applications
  }

  /// Leaves iterations out: the latent stays as it is.
  public static func skipping(iterations: ClosedRange<Int>) -> Self {
    Self(applications: Dictionary(uniqueKeysWithValues: iterations.map { ($0, 0) }))
  }

  /// Makes iterations several times over.
  public static func repeating(iterations: ClosedRange<Int>, times: Int = 2) -> Self {
    Self(applications: Dictionary(uniqueKeysWithValues: iterations.map { ($0, times) }))
  }

  /// Applies these blocks, in this order, in some iterations.
  public static func applying(blocks: [Int], iterations: ClosedRange<Int>) -> Self {
    Self(blocks: Dictionary(uniqueKeysWithValues: iterations.map { ($0, blocks) }))
  }

  /// The iterations that are not as usual, in order.
  public var iterations: [Int] { Set(blocks.keys).union(applications.keys).sorted() }

  /// Refuses blocks and iterations that a run does not have.
  /// - Parameter last: the run's last iteration.
  package func check(_ configuration: ModelConfiguration, last: Int) throws {
    for (iteration, order) in blocks {
      if let bad = order.first(where: { !(0..<configuration.core).contains($0) }) {
        throw ModelError(
          .input, "the schedule applies block \(bad) in iteration \(iteration)",
          remedy: "The core's blocks count from 0 to \(configuration.core - 1).")
      }
    }
    if let bad = iterations.first(where: { !(1...max(1, last)).contains($0) }) {
      throw ModelError(
        .input, "the schedule changes iteration \(bad) of a run to iteration \(last)",
        remedy: "Iterations count from 1 to \(last).")
    }
    if let bad = applications.first(where: { !(0...1024).contains($0.value) }) {
      throw ModelError(
        .input, "iteration \(bad.key) is to be made \(bad.value) times",
        remedy: "Give a number from 0, which skips it, to 1024.")
    }
  }
}
