import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// The sweep finds exactly what was built into a model.
@Suite struct CarryCircuitTests {
  private let iterations = 9
  private let circuit: CarryCircuit
  // 999999 + 000001 or 000000, then a column in which nothing happens, lowest digits first: a carry starts at position
  // 1 and comes into the positions 2 to 6; the seventh column takes it up.
  private let a: [Int32] = [9, 9, 9, 9, 9, 3]
  private let clean: [Int32] = [1, 0, 0, 0, 0, 2]
  private let corrupted: [Int32] = [0, 0, 0, 0, 0, 2]
  private let start = 1
  private let end = 6

  init() throws { circuit = try CarryCircuit(iterations: iterations) }

  @Test func itAdds() throws {
    var random = Random(seed: 1, for: "sums")
    for _ in 0..<50 {
      let digits = (0..<12).map { _ in Int32.random(in: 0...9, using: &random) }
      let (a, b) = (Array(digits[..<6]), Array(digits[6...]))
      let input = try ModelInput(
        tokens: CarryCircuit.tokens(a, b), batch: 1, positions: 8, channels: 2)
      let logits = try circuit.model.run(input).logits!
      for (position, digit) in CarryCircuit.answers(a, b).enumerated() where digit >= 0 {
        let row = logits[0][position].elements
        #expect(row.indices.max { row[$0] < row[$1] } == Int(digit))
      }
    }
  }

  /// The share of the pair's whole effect that lies at a position: of logits 2ku − k² the difference between the
  /// classes a and b changes by 2(a − b)² when the digit does.
  private func share(_ position: Int) -> Double {
    let (x, y) = (CarryCircuit.answers(a, clean), CarryCircuit.answers(a, corrupted))
    let squares = zip(x, y).map { Double(($0 - $1) * ($0 - $1)) }
    return squares[position] / squares.reduce(0, +)
  }

  /// What patching head `head` at a position must do: the carry put in there at t has come `T − t` columns further by
  /// the end, if it was there in the clean run and nothing took it up before.
  private func expected(_ t: Int, _ head: Int, _ position: Int) -> Double {
    guard head == CarryCircuit.carryHead, position > start, position <= end,
      // The carry leaves the first column in iteration 1, and comes in j columns on in iteration j + 1.
      t >= position - start + 1
    else { return 0 }
    let reached = position + iterations - t
    return reached <= end ? share(reached) : 0
  }

  @Test(arguments: PatchDirection.allCases) func theSweepFindsTheHeadAndItsIterations(
    _ direction: PatchDirection
  ) throws {
    let experiment = try PatchExperiment(
      circuit.model, CarryCircuit.pair(a, clean: clean, corrupted: corrupted),
      direction: direction)
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    #expect(sweep.entries.count == iterations * 4 * 8)
    let effects = try experiment.result(of: sweep.patches).effects(.logitDifference)
    var found = 0
    for (entry, effect) in zip(sweep.entries, effects) {
      let wanted = expected(entry.iteration, entry.head ?? 0, entry.position ?? 0)
      #expect(abs(effect.value - wanted) < 1e-12, "\(entry)")
      if wanted == 0 { #expect(effect.value == 0, "\(entry)") } else { found += 1 }
    }
    // T − t from 0 to end − position, from positions 2 to 6: 5 + 4 + 3 + 2 + 1.
    #expect(found == 15)
  }

  @Test func heldPatchesKeepTheCarryComing() throws {
    let experiment = try PatchExperiment(
      circuit.model, CarryCircuit.pair(a, clean: clean, corrupted: corrupted))
    let sweep = try PatchSweep(
      experiment, sites: ["core.0.attn.z"], heads: .each, positions: .each, hold: true)
    let effects = try experiment.result(of: sweep.patches).effects(.logitDifference)
    for (entry, effect) in zip(sweep.entries, effects) {
      let wanted = (entry.iteration...iterations).reduce(0) {
        $0 + expected($1, entry.head ?? 0, entry.position ?? 0)
      }
      #expect(abs(effect.value - wanted) < 1e-12, "\(entry)")
    }
  }

  @Test func noBlockOfItIsSpared() throws {
    let experiment = try PatchExperiment(
      circuit.model, CarryCircuit.pair(a, clean: clean, corrupted: corrupted), direction: .noise)
    // Without the core's block there is no carry in any iteration; one iteration fewer does not matter in the end.
    let result = try experiment.result(of: [
      Patch([], schedule: .applying(blocks: [], iterations: 1...iterations)),
      Patch([], schedule: .skipping(iterations: 3...3)),
    ])
    #expect(result.cells[0][0]!.values.exactMatch == 0)
    #expect(result.cells[1][0]!.values == experiment.base(0))
  }
}
