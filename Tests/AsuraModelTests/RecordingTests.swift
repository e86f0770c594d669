import AsuraDiff
import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Foundation
import Synchronization
import Testing

/// Keeps all it is given, and the order in which it came.
private final class Ledger: RecordingSink {
  struct Entry {
    let values: Tensor<Float>
    let quantity: RecordedQuantity
    let iteration: Int
    let rows: Range<Int>
  }
  enum Event: Equatable {
    case recorded(Int)
    case finished(Int)
  }
  let state = Mutex<(entries: [Entry], events: [Event], isTelling: Bool)>(([], [], false))

  func record(
    _ values: Tensor<Float>, of quantity: RecordedQuantity, iteration: Int, rows: Range<Int>
  ) {
    state.withLock {
      $0.entries.append(
        Entry(values: values, quantity: quantity, iteration: iteration, rows: rows))
      $0.events.append(.recorded(iteration))
    }
  }

  func finished(_ iteration: Int) {
    state.withLock {
      #expect(!$0.isTelling)
      $0.isTelling = true
    }
    state.withLock {
      $0.events.append(.finished(iteration))
      $0.isTelling = false
    }
  }
}

private struct Stop: Error, Equatable {}

@Suite struct RecordingTests {
  private let model: RecurrentTransformer<Float>
  private let input: ModelInput
  init() throws {
    model = try smallModel()
    input = try severalParts()
  }

  // MARK: Parts

  @Test func partsAreDeliveredWholeAndIterationsFinishInOrder() throws {
    try withEvery("threads", in: [1, 2, 5]) { threads in
      let ledger = Ledger()
      var options = RunOptions<Float>()
      options.record = [.sites("*")]
      let run = try Workers.$current.withValue(Workers(count: threads)) {
        try model.run(input, options, into: ledger)
      }
      let plain = try model.run(input)
      #expect(run.latent.isIdentical(to: plain.latent), "\(currentCase)")
      #expect(run.logits!.isIdentical(to: plain.logits!), "\(currentCase)")
      #expect(run.readout.count == 1 && run.recorded.values.isEmpty, "\(currentCase)")

      let (entries, events, _) = ledger.state.withLock { $0 }
      let finished = events.compactMap { if case .finished(let t) = $0 { t } else { nil } }
      #expect(finished == [0, 1, 2, 3, 4], "\(currentCase)")
      for t in finished {
        let end = try #require(events.firstIndex(of: .finished(t)))
        #expect(!events[end...].contains(.recorded(t)), "\(currentCase): \(t)")
      }

      let kept = try model.run(input, record: .sites("*")).recorded
      let grid = (0..<4).map { $0 * 5..<$0 * 5 + 5 }
      for value in kept.values {
        let parts = entries.filter {
          $0.quantity.name == value.name && $0.iteration == value.iteration
        }.sorted { $0.rows.lowerBound < $1.rows.lowerBound }
        #expect(parts.map(\.rows) == grid, "\(currentCase): \(value.name)")
        #expect(
          Tensor.concatenating(parts.map(\.values)).isIdentical(to: value.tensor),
          "\(currentCase): \(value.name)")
        #expect(value.quantity.shape == value.tensor.shape, "\(currentCase): \(value.name)")
      }
      #expect(entries.count == 4 * kept.values.count, "\(currentCase)")
    }
  }

  @Test func noPartGoesFarAhead() throws {
    let ledger = Ledger()
    var options = RunOptions<Float>()
    options.record = [.sites("latent")]
    options.iterations = 40
    _ = try Workers.$current.withValue(Workers(count: 1)) {
      try model.run(input, options, into: ledger)
    }
    let events = ledger.state.withLock { $0.events }
    let inTurn = (0...40).flatMap { t in
      Array(repeating: Ledger.Event.recorded(t), count: 4) + [.finished(t)]
    }
    #expect(events == inTurn)
  }

  @Test func aSinkThatThrowsEndsTheRun() throws {
    struct Failing: RecordingSink {
      let calls = Counter()
      let inFinished: Bool
      func record(_: Tensor<Float>, of _: RecordedQuantity, iteration: Int, rows: Range<Int>) throws
      {
        calls.count.withLock { $0 = max($0, iteration) }
        if !inFinished && iteration == 2 { throw Stop() }
      }
      func finished(_ iteration: Int) throws { if inFinished && iteration == 2 { throw Stop() } }
    }
    final class Counter: Sendable { let count = Mutex(0) }
    for inFinished in [true, false] {
      let sink = Failing(inFinished: inFinished)
      var options = RunOptions<Float>()
      options.record = [.sites("latent")]
      options.iterations = 1000
      #expect(throws: Stop()) { try model.run(input, options, into: sink) }
      #expect(sink.calls.count.withLock { $0 } < 1000)
    }
  }

  @Test func partsAreAUniformGrid() throws {
    for batch in 1...70 {
      for positions in [1, 7, 30, 100, 900] {
        let (size, parts) = (
          model.partSize(batch: batch, positions: positions),
          model.parts(batch: batch, positions: positions)
        )
        #expect(parts.first?.lowerBound == 0 && parts.last?.upperBound == batch)
        #expect(parts.dropLast().allSatisfy { $0.count == size })
        #expect(parts.last.map { (1...size).contains($0.count) } == true)
        #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      }
    }
    #expect(model.parts(batch: 20, positions: 30, whole: true) == [0..<20])
  }

  @Test func recordedReadoutsAreNotKeptBesides() throws {
    let run = try model.run(input, iterations: 9, record: .sites("logits"))
    #expect(Set(run.readout.keys) == [9])
    #expect(run.recorded.keys.count == 10)
  }

  // MARK: Selections

  private func quantity(_ request: RecordRequest) throws -> RecordedValue<Float> {
    let values = try model.run(input, record: request).recorded.values
    let value = try #require(values.first)
    #expect(value.quantity.shape == value.tensor.shape)
    #expect(try model.quantities(recording: [request], of: input).first == value.quantity)
    return value
  }

  @Test func positionsAndExamplesAreSelected() throws {
    let whole = try model.run(input, record: .sites("latent", "core.0.attn.pattern")).recorded
    let examples = [1, 6, 7, 19]
    let some = try quantity(
      .sites(
        "latent", iterations: 3, positions: .only([4, 2, 29]), examples: .only(Set(examples))))
    #expect(some.quantity.axes.map(\.name) == ["batch", "position", "width"])
    #expect(some.quantity.axes[0].values == examples)
    #expect(some.quantity.axes[1].values == [2, 4, 29])
    let latent = whole["latent", 3]!
    for (i, example) in examples.enumerated() {
      for (j, position) in [2, 4, 29].enumerated() {
        #expect(some.tensor[i][j].isIdentical(to: latent[example][position]))
      }
    }
    let queries = try quantity(
      .sites("core.0.attn.pattern", iterations: 2, positions: .only([5, 7])))
    #expect(queries.quantity.axes.map(\.name) == ["batch", "head", "query", "key"])
    #expect(queries.quantity.axes[2].values == [5, 7])
    let pattern = whole["core.0.attn.pattern", 2]!
    for example in 0..<20 {
      for head in 0..<4 {
        #expect(
          queries.tensor[example][head][1].isIdentical(to: pattern[example][head][7]))
      }
    }
  }

  @Test func whatHasOneValueIsRecordedAtAnyIterations() throws {
    let run = try model.run(input, record: .sites("embed", "latent", iterations: 3))
    #expect(run.recorded.keys.map(\.site) == [.embed, .latent])
    #expect(run.recorded.keys.map(\.iteration) == [0, 3])
  }

  @Test func selectingEverythingSelectsNothing() throws {
    let all = try quantity(
      .sites("latent", iterations: 1, positions: .range(0...29), examples: .range(0...19)))
    #expect(
      all.tensor.isIdentical(to: try quantity(.sites("latent", iterations: 1)).tensor))
  }

  // MARK: Reducers

  /// In 64 bits and by indices, from whole values.
  private func expectClose(
    _ found: Tensor<Float>, _ shape: [Int], _ expected: ([Int]) -> Double, _ what: String
  ) {
    #expect(found.shape == shape, "\(what)")
    var index = shape.map { _ in 0 }
    var worst = 0.0
    for _ in 0..<found.count {
      worst = max(worst, abs(Double(found[index]) - expected(index)))
      for axis in shape.indices.reversed() {
        index[axis] += 1
        if index[axis] < shape[axis] { break }
        index[axis] = 0
      }
    }
    #expect(worst < 1e-6, "\(what): \(worst)")
  }

  @Test func reducersAgreeWithTheirDefinition() throws {
    for window in [nil, 2] {
      let model: RecurrentTransformer<Float> = try smallModel { $0.attention.window = window }
      let name = "core.1.attn.pattern"
      let pattern = try model.run(input, record: .sites(name)).recorded[name, 3]!
      let keys = pattern.shape[3]
      let last = window == nil ? "key" : "neighbour"
      func reduced(_ reducer: Reducer, positions: Selection = .all) throws -> RecordedValue<Float> {
        try #require(
          model.run(
            input, record: .sites(name, iterations: 3, positions: positions, reducer: reducer)
          ).recorded.values.first)
      }
      let heads = try reduced(.meanOverHeads)
      #expect(heads.name == "core.1.attn.pattern.mean_head")
      #expect(heads.quantity.axes.map(\.name) == ["batch", "query", last])
      expectClose(
        heads.tensor, [20, 30, keys],
        { i in (0..<4).reduce(0) { $0 + Double(pattern[[i[0], $1, i[1], i[2]]]) } / 4 }, "heads")
      let queries = try reduced(.meanOverPositions, positions: .only([3, 11, 12]))
      #expect(queries.name == "core.1.attn.pattern.mean_position")
      #expect(queries.quantity.axes.map(\.name) == ["batch", "head", last])
      expectClose(
        queries.tensor, [20, 4, keys],
        { i in
          [3, 11, 12].reduce(0) { $0 + Double(pattern[[i[0], i[1], $1, i[2]]]) } / 3
        }, "queries")
      let norms = try reduced(.norm)
      expectClose(
        norms.tensor, [20, 4, 30],
        { i in
          (0..<keys).reduce(0) { $0 + pow(Double(pattern[i + [$1]]), 2) }.squareRoot()
        }, "norms")
    }
    let latent = try quantity(.sites("latent", iterations: 2)).tensor
    let norms = try quantity(.sites("latent", iterations: 2, reducer: .norm))
    #expect(norms.name == "latent.norm")
    expectClose(
      norms.tensor, [20, 30],
      { i in (0..<12).reduce(0) { $0 + pow(Double(latent[i + [$1]]), 2) }.squareRoot() }, "latent")
    let means = try quantity(.sites("latent", iterations: 2, reducer: .meanOverPositions))
    expectClose(
      means.tensor, [20, 12],
      { i in (0..<30).reduce(0) { $0 + Double(latent[[i[0], $1, i[1]]]) } / 30 }, "positions")
  }

  @Test func topClassesAreTheLikeliestFirst() throws {
    let request = RecordRequest.sites("logits", iterations: 4, reducer: .top(3))
    let run = try model.run(input, record: request)
    let classes = run.recorded["logits.top_class", 4]!
    let probabilities = run.recorded["logits.top_probability", 4]!
    #expect(classes.shape == [20, 30, 3] && probabilities.shape == [20, 30, 3])
    let softmax = Interpreter<Float>.plain.softmax(Value(run.logits!)).tensor
    for row in 0..<600 {
      let all = Array(softmax.elements[row * 5..<row * 5 + 5])
      let order = (0..<5).sorted { (all[$1], $0) < (all[$0], $1) }.prefix(3)
      #expect(classes.elements[row * 3..<row * 3 + 3].map { Int($0) } == Array(order))
      for k in 0..<3 {
        #expect(abs(probabilities.elements[row * 3 + k] - all[order[k]]) < 1e-6)
      }
    }
    #expect(
      try model.quantities(recording: [request], of: input).map(\.name) == [
        "logits.top_class", "logits.top_probability",
      ])
  }

  @Test func requestsOfTheSameJoin() throws {
    var options = RunOptions<Float>()
    options.record = [
      .sites("latent", iterations: .range(0...1), reducer: .norm), .sites("latent", iterations: 3),
      .sites("lat*", iterations: 2, reducer: .norm),
    ]
    let recorded = try model.run(input, options).recorded
    #expect(
      recorded.values.map { "\($0.name) \($0.iteration)" } == [
        "latent.norm 0", "latent.norm 1", "latent.norm 2", "latent 3",
      ])
    #expect(
      try model.quantities(recording: options.record, of: input).map { $0.iterations(of: 4) }
        == [[0, 1, 2], [3]])
    options.record.append(.sites("latent", positions: 1, reducer: .norm))
    #expect {
      try model.run(input, options)
    } throws: { "\($0)".hasPrefix("two requests record latent.norm, but not the same of it") }
  }

  @Test func requestsThatCannotBeMetSayWhy() throws {
    let cases: [(RecordRequest, String)] = [
      (.sites("latent", reducer: .meanOverHeads), "latent has no axis of heads"),
      (.sites("latent", positions: 30), "position 30 is not among the input's 30 positions"),
      (.sites("latent", positions: .only([])), "selects no positions"),
      (.sites("latent", examples: .only([])), "selects no examples"),
      (.sites("latent", examples: .only([-1, 3])), "example -1 is not among the input's 20"),
      (.sites("logits", reducer: .top(6)), "the 6 likeliest of 5 classes"),
      (.sites("logits", reducer: .top(0)), "the 0 likeliest of 5 classes"),
      (.sites("latent", reducer: .top(1)), "only logits have classes"),
    ]
    for (request, message) in cases {
      #expect {
        try model.run(input, record: request)
      } throws: { "\($0)".contains(message) }
      #expect(throws: ModelError.self) {
        try model.quantities(recording: [request], of: input)
      }
    }
  }

  @Test func reducedValuesDoNotDependOnThreads() throws {
    var options = RunOptions<Float>()
    options.record = [
      .sites("core.*.attn.pattern", reducer: .meanOverHeads), .sites("latent", reducer: .norm),
      .sites("logits", examples: .only([3, 17]), reducer: .top(2)),
    ]
    let runs = try [1, 4].map { threads in
      try Workers.$current.withValue(Workers(count: threads)) { try model.run(input, options) }
    }
    let values = runs.map(\.recorded.values)
    #expect(values[0].count == values[1].count && values[0].count > 10)
    for (a, b) in zip(values[0], values[1]) {
      #expect(a.name == b.name && a.tensor.isIdentical(to: b.tensor))
    }
  }
}
