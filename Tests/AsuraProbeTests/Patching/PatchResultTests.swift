import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTrace
import Foundation
import Testing

/// Effects of made-up values, and the sweep's bookkeeping.
@Suite struct PatchResultTests {
  private let experiment: PatchExperiment<Double>

  init() throws { experiment = try PatchExperiment(patchModel(), patchPairs()) }

  private func cell(_ patch: Int, _ pair: Int, _ share: Double) -> PatchCell {
    let (base, source) = (experiment.base(pair), experiment.source(pair))
    func between(_ metric: PatchMetric) -> Double {
      base[metric] + share * (source[metric] - base[metric])
    }
    return PatchCell(
      patch: patch, pair: pair,
      values: PatchValues(
        logitDifference: between(.logitDifference), logProbability: between(.logProbability),
        divergence: between(.divergence), exactMatch: between(.exactMatch)),
      rejoined: nil, iterations: 5)
  }

  @Test func averagesAreWhatTheyAreCalled() throws {
    var result = PatchResult(experiment, patches: 1)
    result.smallestDifference = 0
    let shares = [0.1, 0.5, -0.2, 1]
    result.add(shares.indices.map { cell(0, $0, shares[$0]) })
    let gaps = result.baselines.map { $0.source.logitDifference - $0.base.logitDifference }
    let weighted =
      zip(shares, gaps).reduce(0) { $0 + $1.0 * $1.1 } / gaps.reduce(0, +)
    #expect(abs(result.effects(.logitDifference)[0].value - weighted) < 1e-12)
    result.average = .meanOfRatios
    let effect = result.effects(.logitDifference)[0]
    #expect(abs(effect.value - 0.35) < 1e-12)
    // Means of four of these lie between their extremes, and the interval about the mean.
    #expect(effect.low < 0.35 && effect.high > 0.35 && effect.low >= -0.2 && effect.high <= 1)
    // The standard error of the mean is s/√n with n in place of n − 1: 0.45 / 2; 95% of a bell are 1.96 of them.
    let deviation = (shares.reduce(0) { $0 + ($1 - 0.35) * ($1 - 0.35) } / 4).squareRoot()
    #expect(abs((effect.high - effect.low) / (2 * 1.96 * deviation / 2) - 1) < 0.2)
    #expect(effect.pairs == 4 && effect.masked == 0)
    let again = result.effects(.logitDifference)[0]
    #expect(again == effect)
    let few = (0..<4).map {
      result.effects(.logitDifference, resamples: 3, seed: $0)[0].low
    }
    #expect(Set(few).count > 1)
  }

  @Test func smallDifferencesAreMaskedAndCounted() throws {
    var result = PatchResult(experiment, patches: 1)
    result.add((0..<4).map { cell(0, $0, $0 == 0 ? 100 : 0.5) })
    let gaps = result.baselines.map {
      abs($0.source.logitDifference - $0.base.logitDifference)
    }
    result.smallestDifference = gaps[0] * (1 + 1e-9)
    let small = gaps.count { $0 < result.smallestDifference }
    let effect = result.effects(.logitDifference)[0]
    #expect(effect.masked == small && effect.pairs == 4 - small)
    if small < 4 { #expect(abs(effect.value - 0.5) < 1e-12) }
    result.smallestDifference = 1e9
    #expect(result.effects(.logitDifference)[0].value.isNaN)
  }

  @Test func whatIsNotRunDoesNotCount() throws {
    var result = PatchResult(experiment, patches: 2)
    result.smallestDifference = 0
    result.add([cell(0, 1, 0.25), cell(0, 2, 0.25)])
    #expect(result.done == 2 && result.total == 8 && !result.isComplete)
    let effects = result.effects(.logProbability)
    #expect(abs(effects[0].value - 0.25) < 1e-12 && effects[0].pairs == 2)
    #expect(abs(effects[0].low - 0.25) < 1e-12)
    #expect(effects[1].value.isNaN && effects[1].pairs == 0)
    #expect(result.raw(.logProbability)[[1, 0]].isNaN)
  }

  @Test func relativePlacesAreThoseOfEachPair() throws {
    var pairs = try patchPairs()
    #expect(pairs.anchors == [1, 1, 1, 1])
    pairs.anchors = [1, 2, 0, 4]
    let experiment = try PatchExperiment(patchModel(as: Double.self), pairs)
    let sweep = try PatchSweep(
      experiment, sites: ["latent"], iterations: [3], positions: .each, isRelative: true)
    #expect(sweep.tables[0].positions == (-4...4).map { $0 })
    let absolute = try PatchSweep(
      experiment, sites: ["latent"], iterations: [3], positions: .each)
    let relative = try experiment.result(of: sweep.patches)
    let plain = try experiment.result(of: absolute.patches)
    for (row, offset) in (-4...4).enumerated() {
      for pair in 0..<4 {
        let position = pairs.anchors[pair] + offset
        let found = try #require(relative.cells[row][pair]).values
        if 0..<5 ~= position {
          #expect(found == plain.cells[position][pair]?.values)
        } else {
          #expect(found.logitDifference.isNaN)
        }
      }
    }
    // Only the last pair has a position four before its anchor.
    #expect(relative.effects(.logitDifference)[0].pairs <= 1)
  }

  @Test func ordersAreTheBlocksOnes() throws {
    let sweep = try PatchSweep(experiment, order: .swapBlocks, iterations: [2, 4])
    #expect(sweep.tables.map(\.name) == ["swap_blocks_0_1"])
    #expect(sweep.patches.map { $0.schedule?.blocks } == [[2: [1, 0]], [4: [1, 0]]])
    let held = try PatchSweep(experiment, order: .skipBlock, iterations: [4], hold: true)
    #expect(held.patches.map { $0.schedule?.blocks } == [[4: [1], 5: [1]], [4: [0], 5: [0]]])
    let one = try PatchExperiment(patchModel(as: Double.self) { $0.core = 1 }, patchPairs())
    #expect(throws: ProbeError.self) { try PatchSweep(one, order: .swapBlocks) }
  }

  @Test func aStudyIsStored() throws {
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.z", "latent"], iterations: [1, 2], heads: .each,
      positions: .only([1, 3]))
    let study = PatchStudy(
      experiment, sweep, try experiment.result(of: sweep.patches), resamples: 20)
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let analysis = study.analysis(pairNumbers: [0, 1, 2, 3])
    try CompanionFile(at: folder.appending(path: "x.probe.h5")).write(analysis)
    #expect(analysis.data.map(\.name) == ["core.0.attn.z", "core.1.attn.z", "latent", "pairs"])
    #expect(analysis.data[0].signal.values.shape == [2, 3, 2])
    #expect(analysis.data[2].signal.values.shape == [2, 2])
    let strongest = study.strongest(.logitDifference, 3).map {
      abs(study.effects[.logitDifference]![$0].value)
    }
    #expect(strongest == strongest.sorted(by: >) && strongest.count == 3)
  }
}

/// The journal of a sweep on the disk.
@Suite struct PatchJournalTests {
  private let url = FileManager.default.temporaryDirectory
    .appending(path: "asura-journal-\(UUID().uuidString)")

  private let cells = (0..<3).map { i in
    PatchCell(
      patch: i, pair: 2 * i,
      values: PatchValues(
        logitDifference: 0.1 * Double(i), logProbability: -1e-300, divergence: .infinity,
        exactMatch: 1), rejoined: i == 1 ? 7 : nil, iterations: 10 + i)
  }

  private func open(
    _ identity: String = "a", resuming: Bool
  ) throws -> (journal: PatchJournal, cells: [PatchCell]) {
    try PatchJournal.open(url, identity: identity, patches: 9, pairs: 9, resuming: resuming)
  }

  @Test func whatWasWrittenComesBack() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    let (journal, none) = try open(resuming: true)
    #expect(none.isEmpty)
    try journal.append(Array(cells[..<2]))
    try journal.append([cells[2]])
    #expect(try open(resuming: true).cells == cells)
    // A record cut short, and one damaged, are left out with all that comes after.
    var data = try Data(contentsOf: url)
    try data.dropLast(5).write(to: url)
    #expect(try open(resuming: true).cells == Array(cells[..<2]))
    data[data.count - 52 - 20] ^= 1
    try data.write(to: url)
    #expect(try open(resuming: true).cells == Array(cells[..<1]))
    #expect(throws: ProbeError.self) { try open("b", resuming: true) }
    #expect(try open(resuming: false).cells.isEmpty)
  }
}

/// Pairs that do not fit.
@Suite struct ContrastPairsTests {
  private func input(_ positions: Int, batch: Int = 1) throws -> ModelInput {
    try ModelInput(
      tokens: (0..<batch * positions).map { Int32($0 % 9) }, batch: batch, positions: positions)
  }

  @Test func unequalLengthsNeedAMap() throws {
    do {
      _ = try ContrastPairs(clean: input(4), corrupted: input(5))
      Issue.record("they were taken")
    } catch let error as ProbeError {
      #expect("\(error)".contains("4 positions") && "\(error)".contains("correspond"))
    }
    #expect(throws: ProbeError.self) {
      try ContrastPairs(clean: input(4), corrupted: input(5), alignment: [[0, 1, 1, nil]])
    }
    #expect(throws: ProbeError.self) {
      try ContrastPairs(clean: input(4), corrupted: input(4, batch: 2))
    }
  }

  /// A symbol more at the front: position p of the clean input is p + 1 of the corrupted one.
  @Test(arguments: PatchDirection.allCases) func mappedPositionsArePatchedWithOneAnother(
    _ direction: PatchDirection
  ) throws {
    let model: RecurrentTransformer<Double> = try patchModel()
    let (clean, corrupted) = (
      try ModelInput(tokens: [1, 2, 3, 4], batch: 1, positions: 4),
      try ModelInput(tokens: [7, 1, 2, 3, 5], batch: 1, positions: 5)
    )
    let pairs = try ContrastPairs(
      clean: clean, corrupted: corrupted, cleanAnswers: [-1, -1, 0, 1],
      corruptedAnswers: [-1, -1, -1, 2, 3], alignment: [[1, 2, 3, 4]])
    let experiment = try PatchExperiment(model, pairs, direction: direction)
    let isClean = direction == .noise
    let (base, source) = isClean ? (clean, corrupted) : (corrupted, clean)
    let site = Site.block(.core, index: 0, .residPost)
    let value = try model.run(source, record: .sites(site.description)).recorded[site, 3]!
    let found = try cells(experiment, [Patch(PatchPlace(site, at: 3, position: isClean ? 2 : 3))])
    let (from, to) = isClean ? (3, 2) : (2, 3)
    let run = try model.run(
      base,
      edit: [
        .replace(site.description, at: 3) { now, _ in
          var now = now
          now.update { v in for i in 0..<12 { v[to * 12 + i] = value[[0, from, i]] } }
          return now
        }
      ])
    let logits = run.logits!
    let first = isClean ? 2 : 3
    // Answers 0 against 2, and 1 against 3, at the last two positions.
    let wanted =
      (logits[[0, first, 0]] - logits[[0, first, 2]] + logits[[0, first + 1, 1]]
        - logits[[0, first + 1, 3]]) / 2
    #expect(abs(found[0].values.logitDifference - wanted) < 1e-10)
    // The corrupted run's first position has no counterpart: nothing is put there.
    if !isClean {
      let nothing = try cells(experiment, [Patch(PatchPlace(site, at: 3, position: 0))])
      #expect(nothing[0].values == experiment.base(0))
    }
    #expect(throws: ProbeError.self) {
      try experiment.check(Patch(PatchPlace(.block(.core, index: 0, .pattern), at: 1)))
    }
  }

  @Test func pairsWithEqualAnswersAreLeftOut() throws {
    let model: RecurrentTransformer<Double> = try patchModel()
    let both = try input(3, batch: 2)
    let experiment = try PatchExperiment(
      model,
      ContrastPairs(
        clean: both, corrupted: both, cleanAnswers: [0, 1, 2, 0, 1, 2],
        corruptedAnswers: [0, 1, 2, 0, 1, 3]))
    #expect(experiment.pairs.map(\.number) == [1] && experiment.excluded == 1)
    #expect(throws: ProbeError.self) {
      // The model's own answers to the same input are the same.
      try PatchExperiment(model, ContrastPairs(clean: both, corrupted: both))
    }
  }
}
