import AsuraDiff
import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Testing

/// Runs that compute only the positions for which something has changed.
@Suite struct ActiveSetTests {
  /// A model whose latent comes to rest within some dozens of iterations, at different times in different places.
  private func settlingModel<S: Scalar>(
    _: S.Type = S.self, seed: UInt64 = 3, recall factor: Double = 0.3,
    _ change: (inout ModelConfiguration) -> Void
  ) throws -> RecurrentTransformer<S> {
    let configuration = try smallConfiguration {
      $0.prelude = 0
      $0.coda = 0
      change(&$0)
    }
    var parameters = RecurrentTransformer<S>(configuration, seed: seed).namedParameters
    for (name, value) in parameters
    where name.contains("out.weight") || name.contains("down.weight") {
      parameters[name] = value.scaled(by: 0.5)
    }
    if var recall = parameters["recall.weight"] {
      // The half that reads the latent.
      let columns = configuration.width..<2 * configuration.width
      recall.setColumns(columns, to: recall.columns(columns).scaled(by: S(factor)))
      parameters["recall.weight"] = recall
    }
    return try RecurrentTransformer(configuration, parameters: parameters)
  }

  private func grid(_ c: inout ModelConfiguration, radius: Int = 1) {
    c.attention.positions = .relative
    c.attention.mask = .neighbourhood
    c.attention.radius = radius
  }

  private func run<S: Scalar>(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, iterations: Int, activeSet: Double?
  ) throws -> Run<S> {
    var options = RunOptions<S>()
    options.iterations = iterations
    options.readout = .iterations(.only([0, 1, iterations / 2, iterations]))
    options.activeSet = activeSet
    return try model.run(input, options)
  }

  private func expectTheSameBits<S: Scalar>(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, iterations: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let dense = try run(model, input, iterations: iterations, activeSet: nil)
    let sparse = try run(model, input, iterations: iterations, activeSet: 0)
    #expect(
      sparse.latent.isIdentical(to: dense.latent), "\(S.self) \(currentCase)",
      sourceLocation: sourceLocation)
    #expect(Set(sparse.readout.keys) == Set(dense.readout.keys))
    for (t, logits) in dense.readout {
      #expect(
        sparse.readout[t]!.isIdentical(to: logits), "readout \(t) \(S.self) \(currentCase)",
        sourceLocation: sourceLocation)
    }
    #expect(sparse.iterations == dense.iterations)
    #expect(sparse.work.count == input.batch && dense.work.isEmpty)
  }

  /// Widths that our own products take and ones that the linear algebra library does.
  @Test(arguments: [(12, 4, 20), (32, 4, 64), (16, 1, 24)])
  func withoutToleranceTheBitsAreTheSame(width: Int, heads: Int, hidden: Int) throws {
    try withEvery("grid", in: [(1, 1), (1, 40), (6, 7), (23, 11)]) { rows, columns in
      try withEvery("blocks", in: [1, 2]) { blocks in
        try withEvery("seed", in: [UInt64(1), 2, 3]) { seed in
          let input = try tokens(batch: 2, positions: rows * columns, rows: rows, seed: seed)
          func check<S: Scalar>(_: S.Type, _ iterations: Int) throws {
            let model: RecurrentTransformer<S> = try settlingModel(seed: seed) {
              grid(&$0)
              ($0.width, $0.core, $0.mlp.width) = (width, blocks, hidden)
              ($0.attention.heads, $0.attention.keyValueHeads) = (heads, heads)
            }
            try expectTheSameBits(model, input, iterations: iterations)
          }
          try check(Float.self, 40)
          try check(Double.self, 12)
        }
      }
    }
  }

  @Test func everyKindOfModel() throws {
    let kinds: [(String, (inout ModelConfiguration) -> Void)] = [
      ("window", { $0.attention.window = 2 }),
      ("causal window", { ($0.attention.window, $0.attention.mask) = (2, .causal) }),
      ("rope", { ($0.attention.window, $0.attention.positions) = (3, .rope) }),
      (
        "coupled",
        { ($0.attention.window, $0.positionIDs, $0.attention.positions) = (1, .coupled, .relative) }
      ),
      (
        "directed",
        {
          grid(&$0, radius: 2)
          $0.attention.directions = [.backward, .forward, .both, .backward]
        }
      ),
      (
        "euler",
        {
          grid(&$0)
          $0.update = Update(kind: .euler)
        }
      ),
      (
        "post norms",
        {
          grid(&$0)
          $0.norm.placement = .post
          $0.outerNorm = true
        }
      ),
      (
        "sandwich",
        {
          grid(&$0)
          $0.norm.placement = .sandwich
          $0.mlp.activation = .swiglu
        }
      ),
      (
        "add",
        {
          grid(&$0)
          $0.recall = .add
          $0.initialLatent = .noise
          $0.prelude = 1
        }
      ),
      (
        "coda",
        {
          grid(&$0)
          $0.coda = 1
          $0.initialLatent = .input
        }
      ),
    ]
    try withEvery("kind", in: kinds) { kind in
      let ids = (0..<30).map { Int32($0 * 7 % 12) }
      let input = try tokens(batch: 2, positions: 30, ids: ids, rows: 5)
      let model: RecurrentTransformer<Float> = try settlingModel { kind.1(&$0) }
      try expectTheSameBits(model, input, iterations: 30)
    }
  }

  /// What is computed, against the definition: a position is when a latent that it sees has changed in the iteration
  /// before.
  @Test func workIsWhatTheDefinitionSays() throws {
    try withEvery("blocks", in: [1, 2]) { blocks in
      let (rows, columns, iterations) = (12, 9, 60)
      let model: RecurrentTransformer<Float> = try settlingModel(recall: 1e-3) {
        grid(&$0)
        $0.core = blocks
      }
      let input = try tokens(batch: 1, positions: rows * columns, rows: rows)
      let recorded = try model.run(
        input, iterations: iterations, record: .sites("latent", iterations: .all))
      var (expected, last) = (rows * columns, 1)
      for t in 2...iterations {
        let (now, before) = (
          recorded.recorded["latent", t - 1]!, recorded.recorded["latent", t - 2]!
        )
        let moved = (0..<rows * columns).filter { !now[0][$0].isIdentical(to: before[0][$0]) }
        let active = (0..<rows * columns).count { p in
          moved.contains { q in
            abs(q / columns - p / columns) <= blocks && abs(q % columns - p % columns) <= blocks
          }
        }
        expected += active
        if active > 0 { last = t }
      }
      let work = try run(model, input, iterations: iterations, activeSet: 0).work[0]
      #expect(work.passes == Double(expected) / Double(rows * columns), "\(currentCase)")
      #expect(work.lastActive == last && last < iterations, "\(currentCase)")
      #expect(work.iterations == iterations && work.share < 0.9)
    }
  }

  @Test func toleranceSavesWorkAndStaysNear() throws {
    let model: RecurrentTransformer<Double> = try settlingModel { grid(&$0) }
    let input = try tokens(batch: 1, positions: 20 * 20, rows: 20)
    let dense = try run(model, input, iterations: 80, activeSet: nil)
    var saved = Double.infinity
    for tolerance in [1e-9, 1e-6, 1e-3] {
      let sparse = try run(model, input, iterations: 80, activeSet: tolerance)
      let error = zip(sparse.latent.elements, dense.latent.elements).map { abs($0 - $1) }.max()!
      #expect(error > 0 && error < 100 * tolerance, "\(tolerance): \(error)")
      #expect(sparse.work[0].passes < saved)
      saved = sparse.work[0].passes
    }
  }

  @Test func doesNotDependOnTheWorkers() throws {
    let model: RecurrentTransformer<Float> = try settlingModel { grid(&$0) }
    let input = try tokens(batch: 1, positions: 40 * 50, rows: 40)
    func run(_ workers: Int, _ tolerance: Double?) throws -> Run<Float> {
      try Workers.$current.withValue(Workers(count: workers)) {
        try self.run(model, input, iterations: 30, activeSet: tolerance)
      }
    }
    for tolerance in [nil, 0, 1e-3] {
      let (one, three) = (try run(1, tolerance), try run(3, tolerance))
      #expect(one.latent.isIdentical(to: three.latent))
      #expect(one.work == three.work)
    }
  }

  /// Examples large enough to be shared by the workers come to the bits that a watched run has.
  @Test func largeExamplesGoPositionByPosition() throws {
    try withEvery("width", in: [12, 32]) { width in
      let model: RecurrentTransformer<Float> = try settlingModel {
        grid(&$0)
        ($0.width, $0.attention.keyValueHeads, $0.shared) = (width, 4, false)
      }
      let input = try tokens(batch: 2, positions: 37 * 41, rows: 37)
      let watched = try model.run(input, edit: [.observe("recall") { _, _ in }])
      let run = try model.run(input)
      #expect(run.latent.isIdentical(to: watched.latent), "\(currentCase)")
      #expect(run.logits!.isIdentical(to: watched.logits!), "\(currentCase)")
      try expectTheSameBits(
        settlingModel(Float.self) {
          grid(&$0)
          $0.width = width
        }, input, iterations: 20)
    }
  }

  @Test func asInTheArticle() throws {
    var options = RunOptions<Float>()
    options.iterations = 200
    options.activeSet = 0
    let model: RecurrentTransformer<Float> = try settlingModel(recall: 1e-3) { grid(&$0) }
    let input = try tokens(batch: 1, positions: 30, rows: 5)
    let work = try model.run(input, options).work[0]
    #expect(work.share < 1 && work.lastActive < 200)
  }

  /// A run goes on from a latent as from one of its own.
  @Test func goesOnFromALatent() throws {
    let model: RecurrentTransformer<Float> = try settlingModel { grid(&$0) }
    let input = try tokens(batch: 2, positions: 30, rows: 5)
    let whole = try run(model, input, iterations: 20, activeSet: 0)
    let half = try run(model, input, iterations: 8, activeSet: 0)
    var options = RunOptions<Float>()
    options.iterations = 12
    options.start = (half.latent, 8)
    options.activeSet = 0
    let rest = try model.run(input, options)
    #expect(rest.latent.isIdentical(to: whole.latent))
    #expect(rest.iterations == 20 && rest.work[0].iterations == 12)
  }

  @Test func whatCannotBe() throws {
    let input = try tokens(batch: 1, positions: 6)
    func message(
      _ tolerance: Double = 0, _ change: (inout ModelConfiguration) -> Void,
      _ ask: (inout RunOptions<Float>) -> Void = { _ in }
    ) throws -> String {
      let model: RecurrentTransformer<Float> = try smallModel(change)
      var options = RunOptions<Float>()
      options.activeSet = tolerance
      ask(&options)
      do {
        _ = try model.run(input, options)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(try message { $0.attention.window = 1 } == "accepted")
    #expect(try message { _ in }.contains("attention.window, or attention.mask: neighbourhood"))
    #expect(try message(-1) { grid(&$0) }.contains("tolerance -1.0"))
    #expect(try message(.nan) { grid(&$0) }.contains("tolerance nan"))
    #expect(
      try message {
        grid(&$0)
        $0.shared = false
      }.contains("shared: true"))
    #expect(
      try message {
        grid(&$0)
        $0.recall = .cross
      }.contains("recall: cross"))
    #expect(
      try message {
        grid(&$0)
      } _: {
        $0.record = [.sites("latent")]
      }.contains("recorded"))
    #expect(
      try message {
        grid(&$0)
      } _: {
        $0.edits = [.observe("latent") { _, _ in }]
      }
      .contains("recorded or edited"))
    #expect(
      try message {
        grid(&$0)
      } _: {
        $0.schedule = .skipping(iterations: 1...1)
      }
      .contains("schedule"))
  }
}
