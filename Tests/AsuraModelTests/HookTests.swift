import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Dispatch
import Synchronization
import Testing

private struct Stop: Error, Equatable { let code: Int }

@Suite struct HookTests {
  private let model: RecurrentTransformer<Float>
  private let input: ModelInput
  init() throws {
    model = try smallModel {
      $0.attention.positions = .rope
      $0.attention.mask = .causal
    }
    input = try severalParts()
  }

  private func expectSame(
    _ a: Run<Float>, _ b: Run<Float>, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(a.latent.isIdentical(to: b.latent), "\(what)", sourceLocation: sourceLocation)
    #expect(a.logits!.isIdentical(to: b.logits!), "\(what)", sourceLocation: sourceLocation)
  }

  @Test func recordingChangesNoBit() throws {
    let plain = try model.run(input)
    expectSame(try model.run(input, record: .sites("*")), plain, "all sites")
    for site in model.siteList {
      let run = try model.run(input, record: .sites(site.description))
      expectSame(run, plain, "\(site)")
      #expect(run.recorded.keys.allSatisfy { $0.site == site })
    }
  }

  @Test func everySiteIsRecordedOncePerIteration() throws {
    let run = try model.run(input, record: .sites("*"))
    for site in model.siteList {
      let iterations = run.recorded.keys.filter { $0.site == site }.map(\.iteration)
      let expected: [Int]
      switch site {
      case .embed, .block(.prelude, _, _): expected = [0]
      case .latent, .logits, .block(.coda, _, _): expected = [0, 1, 2, 3, 4]
      case .recall, .recalling, .neuromodulation, .block(.core, _, _): expected = [1, 2, 3, 4]
      case .custom: expected = []
      }
      #expect(iterations == expected, "\(site)")
      for t in iterations { #expect(run.recorded[site, t]!.shape[0] == 20, "\(site)") }
    }
    #expect(run.recorded[.latent, 4]!.isIdentical(to: run.latent))
    #expect(run.recorded[.logits, 4]!.isIdentical(to: run.logits!))
    #expect(run.recorded["core.1.attn.pattern", 2]!.shape == [20, 4, 30, 30])
    #expect(run.recorded["core.1.attn.k", 2]!.shape == [20, 30, 6])
    #expect(run.recorded["core.1.mlp.pre", 2]!.shape == [20, 30, 20])
  }

  @Test func recordedValuesAgreeWithEachOther() throws {
    let r = try model.run(input, record: .sites("*")).recorded
    func at(_ name: String, _ t: Int) -> Tensor<Float> { r[name, t]! }
    for t in 1...4 {
      #expect(at("core.0.resid_pre", t).isIdentical(to: at("recall", t)))
      #expect(at("core.1.resid_pre", t).isIdentical(to: at("core.0.resid_post", t)))
      #expect(at("latent", t).isIdentical(to: at("core.1.resid_post", t)))
      #expect(
        at("core.0.resid_mid", t)
          .isIdentical(to: at("core.0.resid_pre", t) + at("core.0.attn_out", t)))
      #expect(
        at("core.0.resid_post", t)
          .isIdentical(to: at("core.0.resid_mid", t) + at("core.0.mlp_out", t)))
    }
  }

  @Test func replacingAValueByItselfChangesNoBit() throws {
    let plain = try model.run(input)
    for site in model.siteList {
      let run = try model.run(input, edit: [.replace(site.description) { value, _ in value }])
      expectSame(run, plain, "\(site)")
    }
  }

  @Test func editsOnEverySiteHaveAnEffect() throws {
    let plain = try model.run(input)
    for site in model.siteList {
      let run = try model.run(
        input,
        edit: [
          .replace(site.description) { x, _ in
            x.scaled(by: 1.5)
          }
        ])
      #expect(!run.logits!.isIdentical(to: plain.logits!), "\(site)")
      #expect(run.logits!.isFinite, "\(site)")
    }
  }

  @Test func editsAreAppliedInTheirOrder() throws {
    let one = Tensor<Float>([20, 30, 12], repeating: 1)
    let double = Edit<Float>.replace("latent", at: 4) { x, _ in x.scaled(by: 2) }
    let plain = try model.run(input).latent
    let first = try model.run(input, edit: [.add("latent", at: 4, one), double])
    #expect(first.latent.isIdentical(to: (plain + one).scaled(by: 2)))
    let second = try model.run(input, edit: [double, .add("latent", at: 4, one)])
    #expect(second.latent.isIdentical(to: plain.scaled(by: 2) + one))
  }

  @Test func whatIsRecordedIsWhatTheRunGoesOnWith() throws {
    let value: Tensor<Float> = normal([20, 30, 12])
    let run = try model.run(
      input, record: .sites("latent"), edit: [.replace("latent", at: 2, with: value)])
    #expect(run.recorded["latent", 2]!.isIdentical(to: value))
    var options = RunOptions<Float>()
    options.start = (value, 2)
    options.iterations = 2
    #expect(try model.run(input, options).latent.isIdentical(to: run.latent))
  }

  @Test func observersSeeTheirContext() throws {
    let seen = Mutex<[String]>([])
    _ = try model.run(
      try tokens(batch: 2, positions: 3), iterations: 1,
      edit: [
        .observe("*.resid_pre") { value, c in
          seen.withLock {
            $0.append(
              "\(c.site) \(c.iteration) \(c.block!) \(c.phase) \(c.examples) \(value.shape)")
          }
        }
      ])
    // The coda runs once, for the last readout and, being hooked, for the initial latent.
    #expect(
      seen.withLock { $0 } == [
        "prelude.0.resid_pre 0 0 prelude 0..<2 [2, 3, 12]",
        "coda.0.resid_pre 0 0 readout 0..<2 [2, 3, 12]",
        "core.0.resid_pre 1 0 recurrence 0..<2 [2, 3, 12]",
        "core.1.resid_pre 1 1 recurrence 0..<2 [2, 3, 12]",
        "coda.0.resid_pre 1 0 readout 0..<2 [2, 3, 12]",
      ])
  }

  @Test func wholeBatchesAreSeenTogether() throws {
    var options = RunOptions<Float>()
    let seen = Mutex<[Range<Int>]>([])
    options.edits = [.observe("latent", at: 1) { _, c in seen.withLock { $0.append(c.examples) } }]
    _ = try model.run(input, options)
    #expect(
      seen.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound } == [
        0..<5, 5..<10, 10..<15, 15..<20,
      ])
    seen.withLock { $0 = [] }
    options.wholeBatch = true
    _ = try model.run(input, options)
    #expect(seen.withLock { $0 } == [0..<20])
  }

  @Test func iterationsAreSelected() throws {
    let run = try model.run(input, record: .sites("latent", iterations: .range(2...3)))
    #expect(run.recorded.keys.map(\.iteration) == [2, 3])
    #expect(run.hookFirings.map(\.pattern) == ["latent"])
    #expect(run.hookFirings.map(\.count) == [8])
  }

  @Test func overlappingRequestsRecordOnce() throws {
    var options = RunOptions<Float>()
    options.record = [
      .sites("latent", "lat*", "core.*.attn.pattern"), .sites("latent", iterations: .range(1...2)),
      .sites("core.0.attn.pattern", iterations: 2),
    ]
    let run = try model.run(input, options)
    #expect(run.recorded["latent", 1]!.shape == [20, 30, 12])
    #expect(run.recorded["core.0.attn.pattern", 2]!.shape == [20, 4, 30, 30])
    #expect(run.hookFirings.allSatisfy { $0.count > 0 })
  }

  @Test func patternsThatMatchNothingSuggest() throws {
    #expect {
      try model.run(input, record: .sites("core.0.attn.patern"))
    } throws: {
      "\($0)" == "no site matches \"core.0.attn.patern\"\nDid you mean core.0.attn.pattern?"
    }
    #expect {
      try model.run(input, edit: [.replace("core.2.resid_mid") { x, _ in x }])
    } throws: { "\($0)".contains("Did you mean core.") }
    #expect {
      try model.run(input, record: .sites("something else altogether"))
    } throws: { "\($0)".contains("embed, recall, latent, logits") }
    #expect(throws: ModelError.self) { try model.run(input, record: .sites([])) }
    #expect(throws: ModelError.self) { try model.run(input, record: .sites("")) }
  }

  @Test func hooksThatNeverFireAreErrors() throws {
    #expect {
      try model.run(input, edit: [.observe("latent", at: 99) { _, _ in }])
    } throws: { "\($0)".contains("the hook on \"latent\" never fired in 4 iterations") }
    #expect(throws: ModelError.self) {
      try model.run(input, record: .sites("core.0.attn_out", iterations: 0))
    }
    #expect(throws: ModelError.self) {
      try model.run(input, iterations: 0, record: .sites("recall"))
    }
  }

  @Test func aThrowingHookEndsTheRun() throws {
    let calls = Mutex(0)
    #expect(throws: Stop(code: 3)) {
      try model.run(
        input,
        edit: [
          .observe("latent", at: 2) { _, _ in throw Stop(code: 3) },
          .observe("latent", at: 3) { _, _ in calls.withLock { $0 += 1 } },
        ])
    }
    #expect(calls.withLock { $0 } == 0)
    #expect(throws: Stop(code: 4)) {
      try model.run(input, RunOptions()) { _, _ in throw Stop(code: 4) }
    }
  }

  @Test func misshapenEditsAreErrors() throws {
    #expect {
      try model.run(input, edit: [.replace("latent", at: 1) { _, _ in .zeros([1]) }])
    } throws: {
      "\($0)".hasPrefix("an edit of latent at iteration 1 gave shape [1], expected [")
    }
    for small in [Tensor<Float>.zeros([]), .zeros([2, 30, 12]), .zeros([20, 30, 11])] {
      #expect(throws: ModelError.self) {
        try model.run(input, edit: [.replace("latent", at: 1, with: small)])
      }
      #expect(throws: ModelError.self) {
        try model.run(input, edit: [.add("latent", at: 1, small)])
      }
    }
  }

  @Test func runsOnSeveralThreadsKeepTheirHooks() throws {
    let (model, input) = (model, input)
    @Sendable func run(_ i: Int) throws -> Run<Float> {
      try model.run(
        input, record: .sites(i % 2 == 0 ? "latent" : "recall"),
        edit: i % 3 == 0 ? [] : [.replace("recall") { x, _ in x.scaled(by: Float(i)) }])
    }
    let expected = try (0..<6).map { try run($0) }
    let results = Mutex<[Int: Run<Float>]>([:])
    DispatchQueue.concurrentPerform(iterations: 6) { i in
      let result = try? run(i)
      results.withLock { $0[i] = result }
    }
    for i in 0..<6 {
      let result = try #require(results.withLock { $0[i] })
      expectSame(result, expected[i], "run \(i)")
      #expect(result.recorded.keys.map(\.site) == expected[i].recorded.keys.map(\.site))
      #expect(result.hookFirings.map(\.count) == expected[i].hookFirings.map(\.count))
    }
  }

  @Test func transformerLensNamesAreUnderstood() throws {
    let names = [
      "blocks.0.attn.hook_pattern": "core.0.attn.pattern",
      "blocks.1.attn.hook_attn_scores": "core.1.attn.scores",
      "blocks.0.hook_resid_pre": "core.0.resid_pre", "blocks.0.hook_attn_out": "core.0.attn_out",
      "blocks.0.mlp.hook_pre": "core.0.mlp.pre", "blocks.0.mlp.hook_post": "core.0.mlp.post",
      "blocks.1.hook_mlp_out": "core.1.mlp_out", "blocks.1.attn.hook_q": "core.1.attn.q",
      "blocks.1.attn.hook_z": "core.1.attn.z", "hook_embed": "embed",
    ]
    for (alias, name) in names {
      #expect(try model.sites(matching: alias).map(\.description) == [name])
      let t = name == "embed" ? 0 : 1
      let run = try model.run(input, iterations: 1, record: .sites(alias))
      #expect(run.recorded[alias, t]!.isIdentical(to: run.recorded[name, t]!))
    }
    #expect(try model.sites(matching: "blocks.*.attn.hook_pattern").count == 2)
    #expect(try model.sites(matching: "*.?.attn.pattern").count == 4)
  }

  @Test func receivedValuesComeInOrderAndAreNotKept() throws {
    var options = RunOptions<Float>()
    options.record = [.sites("latent", "embed", "core.1.attn_out")]
    options.iterations = 6
    var received: [(Int, [String])] = []
    var latents: [Tensor<Float>] = []
    let run = try model.run(input, options) { t, values in
      received.append((t, values.map(\.site.description)))
      latents += values.filter { $0.site == .latent }.map(\.tensor)
    }
    #expect(received.map(\.0) == Array(0...6))
    #expect(received[0].1 == ["embed", "latent"])
    #expect(received.dropFirst().allSatisfy { $0.1 == ["core.1.attn_out", "latent"] })
    #expect(run.recorded.keys.isEmpty)
    let kept = try model.run(input, options)
    for (t, latent) in latents.enumerated() {
      #expect(latent.isIdentical(to: kept.recorded[.latent, t]!))
    }
  }

  @Test func globsCannotTakeLong() throws {
    let hostile = String(repeating: "*a", count: 500) + "*b"
    #expect(throws: ModelError.self) { try model.sites(matching: hostile) }
  }
}
