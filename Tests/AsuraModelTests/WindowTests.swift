import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct WindowTests {
  /// A windowed model against the same one with full attention and its scores masked by an edit.
  private func check(
    window: Int, coupled: [Int32]?, _ mask: AttentionConfiguration.Mask,
    _ positions: AttentionConfiguration.Positions
  ) throws {
    let ids = coupled ?? (0..<14).map { $0 }
    let input = try tokens(batch: 3, positions: ids.count, ids: ids)
    func model(_ window: Int?) throws -> RecurrentTransformer<Double> {
      try smallModel {
        $0.positionIDs = coupled == nil ? .index : .coupled
        $0.attention.positions = positions
        $0.attention.relativeRadius = 2
        $0.attention.mask = mask
        $0.attention.window = window
      }
    }
    let windowed = try model(window).run(input)
    let masked = try model(nil).run(
      input,
      edit: [
        .replace("*.attn.scores") { scores, _ in
          var scores = scores
          let count = ids.count
          let tiles = scores.count / (count * count)
          scores.update { s in
            for tile in 0..<tiles {
              for i in 0..<count {
                for j in 0..<count where abs(Int(ids[i]) - Int(ids[j])) > window {
                  s[(tile * count + i) * count + j] = -.infinity
                }
              }
            }
          }
          return scores
        }
      ])
    #expect(relativeError(windowed.logits!, masked.logits!) <= 1e-12, "\(currentCase)")
    #expect(relativeError(windowed.latent, masked.latent) <= 1e-12, "\(currentCase)")
  }

  @Test(arguments: [AttentionConfiguration.Mask.full, .causal])
  func equalsAMask(_ mask: AttentionConfiguration.Mask) throws {
    let coupled: [Int32] = [3, 2, 1, 0, 7, 3, 2, 1, 0, 7, -4, 4, 3, 2]
    try withEvery("window", in: [0, 1, 3, 100]) { window in
      try withEvery("ids", in: [nil, coupled]) { ids in
        try withEvery(
          "positions", in: [AttentionConfiguration.Positions.none, .alibi, .rope, .relative]
        ) { positions in
          try check(window: window, coupled: ids, mask, positions)
        }
      }
    }
  }

  @Test func extremeIDs() throws {
    let ids: [Int32] = [.max, .min, .max - 1, .min + 1, 0]
    try withEvery("positions", in: [AttentionConfiguration.Positions.alibi, .relative]) {
      try check(window: 1, coupled: ids, .full, $0)
    }
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.positionIDs = .coupled
      $0.attention.positions = .relative
    }
    #expect(try model.run(tokens(batch: 1, positions: 5, ids: ids)).logits!.isFinite)
  }

  /// All pairs of positions would need 3 GB a head here.
  @Test(.timeLimit(.minutes(1))) func longInputs() throws {
    let model: RecurrentTransformer<Float> = try smallModel {
      $0.attention.window = 1
      $0.iterations = 2
    }
    let input = try tokens(batch: 1, positions: 20_000)
    let run = try model.run(input, record: .sites("core.0.attn.pattern"))
    #expect(run.logits!.isFinite)
    #expect(run.recorded["core.0.attn.pattern", 1]!.shape == [1, 4, 20_000, 3])
  }
}
