import AsuraTasks
import AsuraTraining
import Testing

/// Recipes whose attention cannot bring the input to the answer: trained, but with a warning.
///
/// Expected values are closed forms: a window of w brings what is n positions away in n/w iterations of one block.
struct SightTests {
  private func warning(_ overrides: String...) throws -> String? {
    try Trainer<Float>(try small(overrides)).warning()
  }

  private let parity = "task={kind: parity, lengths: 32, bos: false, heldOut: 0}"

  /// Of 32 bits the one in the middle, number 17, has the first 16 before it; one block an iteration.
  @Test(arguments: [(window: 1, enough: 16), (window: 3, enough: 6), (window: 16, enough: 1)])
  func windowsBringBitsSoFarInAnIteration(_ window: Int, _ enough: Int) throws {
    let narrow = "model.attention.window=\(window)"
    #expect(try warning(parity, narrow, "depth=\(enough)") == nil)
    guard enough > 1 else { return }
    let found = try #require(try warning(parity, narrow, "depth=\(enough - 1)"))
    #expect(found.contains("\(enough - 1) iterations"), "\(found)")
    #expect(found.contains("of the 32 positions"), "\(found)")
  }

  @Test func aWindowOfNothingNeverDoes() throws {
    let found = try #require(try warning(parity, "model.attention.window=0", "depth=1000"))
    #expect(found.contains("at most 1 of the 32"), "\(found)")
  }

  /// The last bit's answer alone has all bits before it: the first is 31 away.
  @Test func headsThatLookOneWay() throws {
    let narrow = ["model.attention.window=1", "model.attention.directions=[backward, backward]"]
    #expect(try warning(parity, narrow[0], narrow[1], "depth=31") == nil)
    #expect(try warning(parity, narrow[0], narrow[1], "depth=30") != nil)
    // The answer of hops is read at the last position, and what lies ahead of it is nothing.
    let hops = "task={kind: hops, symbols: 32, lengths: 2}"
    #expect(try warning(hops, "model.attention.directions=[forward, forward]") != nil)
    #expect(try warning(hops, "model.attention.directions=[backward, forward]") == nil)
  }

  /// The pixel in the middle of a maze of 7 × 7 has all others within 3 rows and columns.
  @Test func neighbourhoods() throws {
    let maze = "task={kind: mazes, lengths: 7}"
    let near = ["model.attention.mask=neighbourhood", "model.attention.radius=1"]
    #expect(try warning(maze, near[0], near[1], "depth=3") == nil)
    #expect(try warning(maze, near[0], near[1], "depth=2") != nil)
  }

  /// Recall by attention reads the input once more, an iteration's other blocks go on from there.
  @Test func blocksAndRecallCountToo() throws {
    let narrow = "model.attention.window=1"
    #expect(try warning(parity, narrow, "depth=15", "model.recall=cross") == nil)
    #expect(try warning(parity, narrow, "depth=14", "model.recall=cross") != nil)
    #expect(try warning(parity, narrow, "depth=8", "model.core=2") == nil)
    #expect(try warning(parity, narrow, "depth=14", "model.prelude=1", "model.coda=1") == nil)
  }

  /// Copying needs no way from place to place, and full attention sees everything.
  @Test func nothingToWarnOf() throws {
    #expect(try warning("model.attention.window=0") == nil)
    #expect(try warning(parity, "depth=1") == nil)
    #expect(
      try warning(
        "task={kind: addition, format: plain, lengths: 1...9, targets: nextToken}",
        "model.attention.mask=causal") == nil)
  }
}
