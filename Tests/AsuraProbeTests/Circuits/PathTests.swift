import AsuraDiff
import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// Path patching finds the paths that were built into a model, and no others.
@Suite struct PathTests {
  private let iterations = 8
  private let circuit: CarryCircuit
  private let experiment: PatchExperiment<Double>
  // 99993 + 00002 + a carry from the lowest column: it comes into the positions 2 to 5, the last of which takes it up.
  private let a: [Int32] = [9, 9, 9, 9, 3]
  private let clean: [Int32] = [1, 0, 0, 0, 2]
  private let corrupted: [Int32] = [0, 0, 0, 0, 2]
  private let start = 1
  private let end = 5

  init() throws {
    circuit = try CarryCircuit(iterations: iterations)
    experiment = try PatchExperiment(
      circuit.model, CarryCircuit.pair(a, clean: clean, corrupted: corrupted))
  }

  /// The share of the pair's effect at a position: of logits 2ku − k² the difference between the classes a and b
  /// changes by 2(a − b)² when the digit does.
  private func share(_ position: Int) -> Double {
    guard start...end ~= position else { return 0 }
    let (x, y) = (CarryCircuit.answers(a, clean), CarryCircuit.answers(a, corrupted))
    let squares = zip(x, y).map { Double(($0 - $1) * ($0 - $1)) }
    return squares[position] / squares.reduce(0, +)
  }

  /// What a path must do, worked out from how the model was built.
  private func expected(_ path: PathSweep.Entry) -> Double {
    let (sender, receiver) = (path.sender, path.receiver)
    guard let p = sender.position else { return .nan }
    let t = sender.iteration
    switch sender.name {
    case "core.0.attn.z":
      // The carry into p, which only the carrying head brings, and not before it can have come so far.
      guard sender.head == CarryCircuit.carryHead, start + 1...end ~= p, t >= p - start + 1 else {
        return 0
      }
      if receiver.name == "core.0.mlp.pre", receiver.iteration == t {
        // The perceptron passes it on, until at t = T it takes 10 off the digit, of 9 columns' difference: u changes by
        // 1 − 10. The last column passes nothing on.
        if t == iterations { return p == end ? 0 : share(p) * 10 / 9 }
        return p == end ? 0 : share(p + iterations - t)
      }
      // The latent keeps it, but no recall reads it; so the logits see that of the last iteration, as 1 of −9, or of
      // the last column's 1.
      if receiver.name == "logits", t == iterations {
        return p == end ? share(p) : -share(p) / 9
      }
      return 0
    case "core.0.mlp_out":
      // A carry out of p, of the sum with the carry in.
      guard start...end - 1 ~= p, t >= p - start + 1 else { return 0 }
      // At the first column the embedded digit itself differs: its carry is the clean run's there too.
      if receiver.name == "core.0.attn.v", receiver.head == CarryCircuit.carryHead,
        receiver.iteration == t + 1
      {
        return share(p + iterations - t)
      }
      if receiver.name == "logits", t == iterations { return share(p) * 10 / 9 }
      return 0
    default: return .nan
    }
  }

  @Test func exactlyTheBuiltPathsAreFound() throws {
    let sweep = try PathSweep(
      experiment, from: ["core.0.attn.z", "core.0.mlp_out"],
      to: ["core.0.attn.q", "core.0.attn.k", "core.0.attn.v", "core.0.mlp.pre", "logits"],
      lags: 0...2, positions: .each)
    let result = try result(of: sweep.paths)
    let effects = result.effects(.logitDifference)
    var found: [String: Int] = [:]
    for (entry, effect) in zip(sweep.entries, effects) {
      let wanted = expected(entry)
      #expect(abs(effect.value - wanted) < 1e-12, "\(entry): \(effect.value), not \(wanted)")
      if abs(wanted) > 1e-9 {
        found["\(entry.sender.name) \(entry.receiver.name)", default: 0] += 1
      }
    }
    #expect(
      found == [
        // Positions 2, 3 and 4 of a chain that must end at 5 in the last iteration.
        "core.0.attn.z core.0.mlp.pre": 9, "core.0.attn.z logits": 4,
        "core.0.mlp_out core.0.attn.v": 10, "core.0.mlp_out logits": 4,
      ])
  }

  private func result(of paths: [PatchPath]) throws -> PatchResult {
    var result = PatchResult(experiment, patches: paths.count)
    #expect(try experiment.run(paths) { result.add($0) })
    #expect(result.isComplete)
    return result
  }

  @Test func memoryChangesNothing() throws {
    let model: RecurrentTransformer<Float> = try patchModel()
    var experiment = try PatchExperiment(model, patchPairs())
    let sweep = try PathSweep(
      experiment, from: ["core.*.attn.z", "latent"], to: ["core.*.mlp.pre", "recall", "logits"])
    func all() throws -> [PatchCell] {
      var cells: [PatchCell] = []
      try experiment.run(sweep.paths) { cells += $0 }
      return cells.sorted { ($0.patch, $0.pair) < ($1.patch, $1.pair) }
    }
    let expected = try all()
    #expect(expected.count == sweep.paths.count * 4)
    experiment.memory = 1
    #expect(try all() == expected)
  }

  /// From a latent everything after it is reached by the next recall, and from the last one by the logits.
  @Test func theOnlyWayIsTheWholeEffect() throws {
    let model: RecurrentTransformer<Double> = try patchModel()
    let experiment = try PatchExperiment(model, patchPairs())
    let paths = [
      PatchPath(from: PatchPlace(.latent, at: 2), to: PatchPlace(.recall, at: 3)),
      PatchPath(from: PatchPlace(.latent, at: 5), to: PatchPlace(.logits, at: 5)),
    ]
    var result = PatchResult(experiment, patches: 2)
    try experiment.run(paths) { result.add($0) }
    let whole = try experiment.result(of: paths.map { Patch($0.sender) })
    for path in 0..<2 {
      for pair in 0..<4 {
        #expect(result.cells[path][pair]?.values == whole.cells[path][pair]?.values)
      }
    }
  }

  /// With the gates of the base run, the latent after an iteration is affine in the one before.
  @Test func gatesAreHeld() throws {
    let model: RecurrentTransformer<Double> = try patchModel {
      $0.copyGate = CopyGateConfiguration(width: 6)
      $0.neuromodulation = NeuromodulationConfiguration(width: 5)
    }
    let experiment = try PatchExperiment(model, patchPairs())
    let i = Interpreter<Double>.plain
    let weight = Value(model.namedParameters["recall.weight"]!)
    let values = try (0..<4).map { pair -> Tensor<Double> in
      let record = RecordRequest.sites("latent", "neuromodulation")
      let base = try model.run(input(.base, experiment, pair: pair), record: record).recorded
      let source = try model.run(input(.source, experiment, pair: pair), record: record).recorded
      let change = Value(source["latent", 2]! - base["latent", 2]!)
      let gated = i.interpolate(
        change, i.linear(change, weight, offset: 12), gate: Value(base["neuromodulation", 3]!))
      return base["latent", 3]! + gated.tensor
    }
    let latent = PatchPlace(.latent, at: 3)
    var found = PatchResult(experiment, patches: 1)
    try experiment.run([PatchPath(from: PatchPlace(.latent, at: 2), to: latent)]) { found.add($0) }
    let expected = try experiment.result(of: [Patch(latent, .value { pair, _ in values[pair] })])
    let (a, b) = (found.effects(.logitDifference)[0], expected.effects(.logitDifference)[0])
    #expect(abs(a.value - b.value) < 1e-10 && abs(b.value) > 1e-3, "\(a.value) \(b.value)")
  }

  @Test func whatIsNoPathIsRefused() throws {
    let z = PatchPlace(.block(.core, index: 0, .z), at: 3)
    func fails(_ from: PatchPlace, _ to: PatchPlace) {
      #expect(throws: ProbeError.self) { try experiment.check(PatchPath(from: from, to: to)) }
    }
    fails(z, PatchPlace(.block(.core, index: 0, .v), at: 3))
    fails(z, PatchPlace(.block(.core, index: 0, .mlpPre), at: 2))
    fails(z, PatchPlace(.block(.core, index: 0, .mlpOut), at: 3))
    fails(z, PatchPlace(.block(.core, index: 0, .residPost), at: 3))
    fails(PatchPlace(.embed, iterations: 3...8), PatchPlace(.recall, at: 4))
    fails(PatchPlace(.latent, iterations: 3...4), PatchPlace(.recall, at: 6))
    #expect(throws: ProbeError.self) {
      try PathSweep(experiment, from: ["latent"], to: ["core.0.attn.v"], lags: 0...0)
    }
  }
}
