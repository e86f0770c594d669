import AsuraModel
import AsuraTensor
import AsuraTestSupport

/// A small model with something of everything; `change` makes variants.
func smallConfiguration(
  _ change: (inout ModelConfiguration) -> Void = { _ in }
) throws -> ModelConfiguration {
  var c = try ModelConfiguration(
    vocabulary: 11, classes: 5, width: 12, prelude: 1, core: 2, coda: 1, iterations: 4,
    attention: AttentionConfiguration(heads: 4, keyValueHeads: 2, positions: .alibi),
    mlp: MLPConfiguration(width: 20))
  change(&c)
  return c
}

func smallModel<S: Scalar>(
  as type: S.Type = S.self, _ change: (inout ModelConfiguration) -> Void = { _ in }
) throws -> RecurrentTransformer<S> {
  RecurrentTransformer(try smallConfiguration(change), seed: 3)
}

/// Random tokens.
func tokens(
  batch: Int, positions: Int, channels: Int = 1, ids: [Int32]? = nil, rows: Int = 1,
  seed: UInt64 = 1
) throws -> ModelInput {
  var random = Random(seed: seed, for: "tokens")
  return try ModelInput(
    tokens: (0..<batch * positions * channels).map { _ in Int32.random(in: 0..<11, using: &random)
    },
    batch: batch, positions: positions, channels: channels, positionIDs: ids,
    rows: rows)
}

/// A batch that is dealt out in three parts.
func severalParts() throws -> ModelInput { try tokens(batch: 20, positions: 30) }
