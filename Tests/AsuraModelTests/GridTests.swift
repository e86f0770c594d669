import AsuraConfiguration
import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Testing

/// Neighbourhoods on grids and heads that look one way, against full attention and hand-set answers.
@Suite struct GridTests {
  private typealias Direction = AttentionConfiguration.Direction

  /// How far apart two positions of a grid are, in rows and columns.
  private static func offset(_ i: Int, _ j: Int, columns: Int) -> (rows: Int, columns: Int) {
    (j / columns - i / columns, j % columns - i % columns)
  }

  private static func looks(_ way: Direction, from i: Int, to j: Int) -> Bool {
    way == .both || (way == .backward ? j <= i : j >= i)
  }

  /// The same model with full attention, whose scores an edit masks and biases as the grid asks.
  private func checkAgainstFullAttention(
    rows: Int, columns: Int, radius: Int, _ positions: AttentionConfiguration.Positions,
    directions: [AttentionConfiguration.Direction]?
  ) throws {
    let count = rows * columns
    let input = try tokens(batch: 2, positions: count, rows: rows)
    let local: RecurrentTransformer<Double> = try smallModel {
      $0.attention.positions = positions
      $0.attention.mask = .neighbourhood
      $0.attention.radius = radius
      $0.attention.directions = directions
    }
    let full = try RecurrentTransformer<Double>(
      smallConfiguration { $0.attention.positions = positions == .rope ? .rope : .none },
      parameters: local.namedParameters.filter { !$0.key.contains("relative") })
    let tables = local.namedParameters.filter { $0.key.contains("relative") }
    let width = 2 * radius + 1
    let masked = try full.run(
      input,
      edit: [
        .replace("*.attn.scores") { scores, context in
          let table = tables["\(context.site)".replacing("scores", with: "relative.weight")]
          var scores = scores
          let (examples, heads) = (scores.shape[0], scores.shape[1])
          scores.update { s in
            for tile in 0..<examples * heads {
              let head = tile % heads
              for i in 0..<count {
                for j in 0..<count {
                  let (down, across) = Self.offset(i, j, columns: columns)
                  let place = (tile * count + i) * count + j
                  let isNear = abs(down) <= radius && abs(across) <= radius
                  guard isNear, Self.looks(directions?[head] ?? .both, from: i, to: j) else {
                    s[place] = -.infinity
                    continue
                  }
                  if let table {
                    s[place] += table[[head, (down + radius) * width + across + radius]]
                  } else if positions == .alibi {
                    let slope = [0.25, 0.0625, 0.015625, 0.00390625][head]
                    s[place] -= slope * Double(max(abs(down), abs(across)))
                  }
                }
              }
            }
          }
          return scores
        }
      ])
    let run = try local.run(input)
    #expect(relativeError(run.logits!, masked.logits!) <= 1e-12, "\(currentCase)")
    #expect(relativeError(run.latent, masked.latent) <= 1e-12, "\(currentCase)")
  }

  @Test func neighbourhoodsAreMasks() throws {
    let ways: [[AttentionConfiguration.Direction]?] = [
      nil, [.backward, .both, .forward, .forward],
    ]
    try withEvery("grid", in: [(1, 9, 1), (4, 5, 1), (3, 4, 2), (5, 1, 3), (2, 3, 1024)]) {
      rows, columns, radius in
      try withEvery(
        "positions", in: [AttentionConfiguration.Positions.none, .alibi, .rope, .relative]
      ) { positions in
        // Every offset has a bias of its own: 1024 would be 4 million of them.
        guard radius < 1024 || positions != .relative else { return }
        try withEvery("directions", in: ways) {
          try checkAgainstFullAttention(
            rows: rows, columns: columns, radius: radius, positions, directions: $0)
        }
      }
    }
  }

  /// With no queries and keys every visible key counts alike.
  private func uniformPattern(
    rows: Int, columns: Int, _ change: (inout ModelConfiguration) -> Void
  ) throws -> (pattern: Tensor<Double>, model: RecurrentTransformer<Double>, input: ModelInput) {
    let configuration = try smallConfiguration {
      $0.attention.positions = .none
      change(&$0)
    }
    var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
    for (name, value) in parameters where name.contains("qkv") {
      parameters[name] = .zeros(value.shape)
    }
    let model = try RecurrentTransformer(configuration, parameters: parameters)
    let input = try tokens(batch: 1, positions: rows * columns, rows: rows)
    let run = try model.run(
      input, iterations: 1, record: .sites("core.0.attn.pattern"))
    return (run.recorded["core.0.attn.pattern", 1]!, model, input)
  }

  @Test func keysOfAThreeByThreeGrid() throws {
    let (pattern, model, input) = try uniformPattern(rows: 3, columns: 3) {
      $0.attention.mask = .neighbourhood
      $0.attention.radius = 1
      $0.attention.directions = [.both, .backward, .forward, .both]
    }
    let table = try #require(model.neighbours(for: input))
    #expect(table.keys[0..<9] == [-1, -1, -1, -1, 0, 1, -1, 3, 4])
    #expect(table.keys[36..<45] == [0, 1, 2, 3, 4, 5, 6, 7, 8])
    #expect(pattern.shape == [1, 4, 9, 9])
    let seen: [[Double]] = [
      [4, 6, 4, 6, 9, 6, 4, 6, 4], [1, 2, 2, 3, 5, 4, 3, 5, 4], [4, 5, 3, 4, 5, 3, 2, 2, 1],
    ]
    for head in 0..<3 {
      for query in 0..<9 {
        let weights = pattern[0][head][query].elements
        #expect(weights.count { $0 > 0 } == Int(seen[head][query]), "head \(head), query \(query)")
        for weight in weights where weight > 0 {
          #expect(abs(weight - 1 / seen[head][query]) < 1e-15)
        }
      }
    }
    // A head that looks back sees what comes before it row by row, one that looks ahead what comes after.
    #expect(pattern[0][1][4].elements.map { $0 > 0 } == (0..<9).map { $0 <= 4 })
    #expect(pattern[0][2][4].elements.map { $0 > 0 } == (0..<9).map { $0 >= 4 })
  }

  @Test func directionsFollowPositionNumbers() throws {
    let ids: [Int32] = [2, 0, 1, 1]
    let (pattern, _, _) = try uniformPattern(rows: 1, columns: 4) {
      $0.attention.directions = [.backward, .forward, .both, .backward]
    }
    #expect(pattern[0][0][1].elements == [0.5, 0.5, 0, 0])
    #expect(pattern[0][1][1].elements.map { $0 > 0 } == [false, true, true, true])
    // With coupled numbers the same number is neither before nor after.
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.positionIDs = .coupled
      $0.attention.directions = [.backward, .forward, .both, .both]
    }
    let run = try model.run(
      tokens(batch: 1, positions: 4, ids: ids), record: .sites("core.1.attn.pattern"))
    let coupled = run.recorded["core.1.attn.pattern", 2]!
    for i in 0..<4 {
      for j in 0..<4 {
        #expect((coupled[[0, 0, i, j]] > 0) == (ids[j] <= ids[i]))
        #expect((coupled[[0, 1, i, j]] > 0) == (ids[j] >= ids[i]))
        #expect(coupled[[0, 2, i, j]] > 0)
      }
    }
  }

  @Test func directionsWithinMasks() throws {
    try withEvery("mask", in: [AttentionConfiguration.Mask.full, .causal]) { mask in
      try withEvery("window", in: [nil, 2]) { window in
        try withEvery(
          "positions", in: [AttentionConfiguration.Positions.none, .alibi, .relative]
        ) { positions in
          func model(_ ways: [AttentionConfiguration.Direction]?) throws
            -> RecurrentTransformer<Double>
          {
            try smallModel {
              $0.attention.mask = mask
              $0.attention.window = window
              $0.attention.positions = positions
              $0.attention.directions = ways
            }
          }
          let input = try tokens(batch: 2, positions: 7)
          let ways: [AttentionConfiguration.Direction] = [.forward, .backward, .both, .forward]
          let directed = try model(ways).run(input)
          let undirected = try model(nil)
          let table = undirected.neighbours(for: input)
          let edited = try undirected.run(
            input,
            edit: [
              .replace("*.attn.scores") { scores, _ in
                var scores = scores
                let (heads, count, keys) = (scores.shape[1], scores.shape[2], scores.shape[3])
                let tiles = scores.shape[0] * heads
                scores.update { s in
                  for tile in 0..<tiles {
                    for i in 0..<count {
                      for j in 0..<keys {
                        let key = table.map { Int($0.keys[i * keys + j]) } ?? j
                        if key >= 0, !Self.looks(ways[tile % heads], from: i, to: key) {
                          s[(tile * count + i) * keys + j] = -.infinity
                        }
                      }
                    }
                  }
                }
                return scores
              }
            ])
          #expect(relativeError(directed.latent, edited.latent) <= 1e-12, "\(currentCase)")
        }
      }
    }
  }

  /// On a grid of one row a neighbourhood is a window.
  @Test func oneRowIsALine() throws {
    // The biases of the offsets along the line are the middle row of those in two dimensions.
    let window: RecurrentTransformer<Double> = try smallModel {
      $0.attention.positions = .relative
      $0.attention.relativeRadius = 2
      $0.attention.window = 2
    }
    let configuration = try smallConfiguration {
      $0.attention.positions = .relative
      $0.attention.mask = .neighbourhood
      $0.attention.radius = 2
    }
    var parameters = window.namedParameters
    for (name, value) in parameters where name.contains("relative") {
      var table: Tensor<Double> = normal([4, 25], seed: 5)
      table.setColumns(10..<15, to: value)
      parameters[name] = table
    }
    let line = try RecurrentTransformer(configuration, parameters: parameters)
    let input = try tokens(batch: 2, positions: 8)
    #expect(relativeError(try line.run(input).logits!, try window.run(input).logits!) <= 1e-13)
  }

  /// All pairs of positions would need 6.5 GB a head here.
  @Test(.timeLimit(.minutes(1))) func largeGrids() throws {
    let model: RecurrentTransformer<Float> = try smallModel {
      $0.attention.positions = .relative
      $0.attention.mask = .neighbourhood
      $0.attention.radius = 1
      $0.iterations = 2
    }
    let input = try tokens(batch: 1, positions: 201 * 201, rows: 201)
    #expect(try model.run(input).logits!.isFinite)
  }

  @Test func whatCannotBe() throws {
    func message(_ change: @escaping (inout AttentionConfiguration) -> Void) -> String {
      var attention = AttentionConfiguration(heads: 4)
      change(&attention)
      do {
        _ = try ModelConfiguration(
          vocabulary: 3, classes: 2, width: 8, iterations: 1, attention: attention,
          mlp: MLPConfiguration(width: 8))
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(message { $0.mask = .neighbourhood }.hasPrefix("attention.radius: found nothing"))
    #expect(
      message { $0.radius = 1 }.hasPrefix("attention.radius: found 1 with mask: full"))
    #expect(
      message {
        ($0.mask, $0.radius, $0.window) = (.neighbourhood, 1, 3)
      }.hasPrefix("attention.window: found 3 with mask: neighbourhood"))
    #expect(
      message {
        ($0.mask, $0.radius) = (.neighbourhood, -1)
      }.hasPrefix("attention.radius: found -1, expected a number from 0 to 1024"))
    #expect(
      message { $0.directions = [.both] }
        == "attention.directions: found [\"both\"], expected one of both, backward, forward for "
        + "each of the 4 heads")
    #expect(throws: ModelError.self) {
      try ModelInput(tokens: [0, 0, 0, 0, 0, 0], batch: 1, positions: 6, rows: 4)
    }
    #expect(throws: ModelError.self) {
      try ModelInput(tokens: [0, 0], batch: 1, positions: 2, rows: 0)
    }
  }

  /// Neighbourhoods of a billion keys are refused before any memory is asked for.
  @Test func neighbourhoodsBeyondMemory() throws {
    let model: RecurrentTransformer<Float> = try smallModel {
      $0.attention.mask = .neighbourhood
      $0.attention.radius = 1024
    }
    let input = try tokens(batch: 1, positions: 4_000_000, rows: 2000)
    #expect { try model.run(input, iterations: 0) } throws: { error in
      "\(error)".contains("smaller attention.radius")
    }
  }

  @Test func selectionsKeepTheGrid() throws {
    let input = try tokens(batch: 3, positions: 12, rows: 4)
    #expect(input.columns == 3)
    #expect(input.examples(1..<2).rows == 4)
    #expect(try input.selecting([2, 0]).rows == 4)
  }
}
