import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// The search finds the circuit that was built into a model.
@Suite struct CircuitTests {
  private let iterations = 9
  private let experiment: PatchExperiment<Double>
  private let sweep: PatchSweep
  // A carry comes into the positions 2 to 6; at 2 to 5 the digit goes from 9 to 0, at 6 from 5 to 6.
  private let whole = Double(4 * 81 + 1)

  init() throws {
    let circuit = try CarryCircuit(iterations: iterations)
    experiment = try PatchExperiment(
      circuit.model,
      CarryCircuit.pair(
        [9, 9, 9, 9, 9, 3], clean: [1, 0, 0, 0, 0, 2], corrupted: [0, 0, 0, 0, 0, 2]))
    sweep = try PatchSweep(experiment, sites: ["core.0.attn.z"], heads: .each, positions: .each)
  }

  private func circuit(
    keep: Double, scored: Bool = true, isCancelled: @escaping () -> Bool = { false }
  ) throws -> Circuit {
    let effects = try experiment.result(of: sweep.patches).effects(.logitDifference)
    var options = Circuit.Options()
    options.keep = keep
    return try Circuit(
      experiment, sweep, scores: scored ? effects.map(\.value) : effects.map { _ in 0 }, options,
      isCancelled: isCancelled)
  }

  /// The position a unit's carry has come to in the last iteration.
  private func reached(_ circuit: Circuit) -> [Int] {
    circuit.units.map { unit in
      let entry = sweep.entries[unit]
      #expect(entry.head == CarryCircuit.carryHead)
      return (entry.position ?? 0) + iterations - entry.iteration
    }.sorted()
  }

  /// One unit for each column that the carry comes into, at any place on its way there; with `scored` false nothing is
  /// known of the units beforehand.
  @Test(arguments: [true, false]) func theWholeCircuitIsFiveUnits(_ scored: Bool) throws {
    let circuit = try circuit(keep: 0.999, scored: scored)
    #expect(circuit.isComplete && reached(circuit) == [2, 3, 4, 5, 6])
    // The first column's own digit is embedded, not carried: patching all units leaves it as it is.
    #expect(abs(circuit.fullEffect - whole / (whole + 81)) < 1e-12)
    #expect(abs(circuit.faithfulness - 1) < 1e-12)
    #expect(abs(circuit.effect.value - circuit.fullEffect) < 1e-12)
    for (unit, loss) in zip(circuit.units, circuit.losses) {
      let entry = sweep.entries[unit]
      let isLast = (entry.position ?? 0) + iterations - entry.iteration == 6
      #expect(abs(loss - (isLast ? 1 : 81) / whole) < 1e-12)
    }
    #expect(circuit.randomShares.count == 20 && circuit.randomMean < 0.5)
    #expect(circuit.steps.map(\.units) == circuit.steps.map(\.units).sorted(by: >))
  }

  @Test func aSmallerShareNeedsFewer() throws {
    let circuit = try circuit(keep: 0.9)
    #expect(reached(circuit) == [2, 3, 4, 5])
    #expect(abs(circuit.faithfulness - (whole - 1) / whole) < 1e-12)
    #expect(circuit.losses.allSatisfy { abs($0 - 81 / whole) < 1e-12 })
    // A column is reached from several places, but position 2 from one only: the other units do the rest without the
    // circuit, and completeness says so.
    #expect(abs(circuit.completeness - (whole - 81) / whole) < 1e-12)
  }

  @Test func whatIsCancelledKeepsWhatItHas() throws {
    var asked = 0
    let circuit = try circuit(keep: 0.9) {
      asked += 1
      return asked > 20
    }
    #expect(!circuit.isComplete && circuit.losses.isEmpty && circuit.completeness.isNaN)
    #expect(circuit.faithfulness >= 0.9 && circuit.units.count >= 4)
  }

  @Test func equalSeedsAndAnyWorkersGiveEqualCircuits() throws {
    let one = try Workers.$current.withValue(Workers(count: 1)) { try circuit(keep: 0.95) }
    let two = try circuit(keep: 0.95)
    #expect(one.units == two.units && one.randomShares == two.randomShares)
    #expect(one.losses == two.losses)
  }

  @Test func mistakesAreTold() throws {
    #expect(throws: ProbeError.self) { try circuit(keep: 0) }
    let busy = try PatchSweep(experiment, sites: ["core.0.attn.q"])
    #expect(throws: ProbeError.self) {
      try Circuit(experiment, busy, scores: busy.entries.map { _ in 0 })
    }
    let held = try PatchSweep(experiment, sites: ["core.0.attn.z"], hold: true)
    #expect(throws: ProbeError.self) {
      try Circuit(experiment, held, scores: held.entries.map { _ in 0 })
    }
  }
}
