import Asura
import Foundation
import Testing

/// The code of the article on hooks.
@Suite struct HookExamples {
  private let model: RecurrentTransformer<Float>
  private let input: ModelInput

  init() throws {
    model = RecurrentTransformer(
      try ModelConfiguration(
        vocabulary: 10, classes: 10, width: 16, core: 2, iterations: 8,
        attention: AttentionConfiguration(heads: 2, positions: .alibi),
        mlp: MLPConfiguration(width: 32)), seed: 1)
    // More rows than one part of a batch holds.
    input = try ModelInput(
      tokens: (0..<800).map { Int32($0 % 10) }, batch: 100, positions: 8)
  }

  @Test func recording() throws {
    let run = try model.run(
      input, iterations: 8,
      record: .sites("latent", "core.*.attn.pattern", iterations: .range(1...8)))
    let pattern = run.recorded["core.0.attn.pattern", 7]  // [batch, head, query, key]
    let latent = run.recorded[.latent, 8]  // [batch, position, width]
    let same = run.recorded["blocks.0.attn.hook_pattern", 7]
    #expect(pattern?.shape == [100, 2, 8, 8])
    #expect(latent == run.latent)
    #expect(same == pattern)
    #expect(run.recorded[.latent, 0] == nil)
    #expect(try model.run(input, iterations: 8).latent.isIdentical(to: run.latent))
  }

  @Test func selectionsAndReducers() throws {
    var options = RunOptions<Float>()
    options.record = [
      // The latents of two positions in the first ten sequences.
      .sites("latent", positions: .only([0, 7]), examples: .range(0...9)),
      // What queries 3 to 5 see, averaged over the heads: [batch, query, key].
      .sites("core.*.attn.pattern", positions: .range(3...5), reducer: .meanOverHeads),
      .sites("latent", reducer: .norm),  // [batch, position]
      .sites("logits", reducer: .top(3)),  // the three likeliest classes, and how likely they are
    ]
    let run = try model.run(input, options)
    let lengths = run.recorded["latent.norm", 7]
    let likeliest = run.recorded["logits.top_class", 8]  // [batch, position, rank]
    #expect(lengths?.shape == [100, 8])
    #expect(likeliest?.shape == [100, 8, 3])
    #expect(run.recorded["latent", 7]?.shape == [10, 2, 16])
    #expect(run.recorded["core.1.attn.pattern.mean_head", 7]?.shape == [100, 3, 8])
    #expect(try model.quantities(recording: options.record, of: input).count == 6)
  }

  @Test func sitesOfOnesOwn() throws {
    var random = Random(seed: 2)
    let any = Tensor<Float>.normal([1, 16], scale: 1, using: &random)
    let direction = any.scaled(by: 1 / Float(any.norm))
    // How far the latent lies along a direction of length 1.
    let along = CustomSite<Float>(
      "along", of: .latent, axes: [.position, .named("direction", 1)]
    ) { latent, _, interpreter in
      interpreter.linear(latent, Value(direction))
    } puttingBack: { edited, latent, _, interpreter in
      let change = interpreter.add(edited, interpreter.linear(latent, Value(direction)), times: -1)
      return interpreter.add(
        latent, interpreter.linear(change, Value(direction.reshaped([16, 1]))))
    }
    var options = RunOptions<Float>()
    options.sites = [along]
    options.record = [.sites("along")]
    options.edits = [.replace("along", at: 4) { along, _ in along.scaled(by: -1) }]
    let run = try model.run(input, options)
    options.edits = []
    let plain = try model.run(input, options)
    let (turned, before) = (run.recorded["along", 4], plain.recorded["along", 4])
    for (a, b) in zip(turned?.elements ?? [], before?.elements ?? []) {
      #expect(abs(a + b) < 1e-5)
    }
    #expect(run.latent != plain.latent)
    #expect(run.recorded["along", 3] == plain.recorded["along", 3])
  }

  @Test func editing() throws {
    let direction = Tensor<Float>(input.shape(width: 16), repeating: 0.1)
    let edits: [Edit<Float>] = [
      // Looks at the value; throwing ends the run.
      .observe("latent") { latent, context in
        guard latent.isFinite else { throw Diverged(iteration: context.iteration) }
      },
      // Computes another value from the current one.
      .replace("core.*.attn.z", at: .range(3...5)) { z, _ in z.scaled(by: 0.5) },
      // Adds a value for the whole batch.
      .add("core.1.resid_post", at: 6, direction),
      // Anything, in terms of the interpreter's operations.
      Edit("recall") { value, context, interpreter in
        context.iteration < 4 ? interpreter.scale(value, by: 0.9) : nil
      },
    ]
    let run = try model.run(input, iterations: 8, edit: edits)
    // 100 sequences of 8 positions are dealt out in 4 parts.
    #expect(run.hookFirings.map(\.count) == [9, 2 * 3, 1, 8].map { 4 * $0 })
    #expect(run.latent != (try model.run(input, iterations: 8).latent))
  }

  @Test func wholeBatches() throws {
    var options = RunOptions<Float>()
    options.wholeBatch = true
    options.edits = [
      .replace("latent", at: 5) { latent, _ in
        // Every sequence goes on from the latent of the next.
        .concatenating([latent.slice(1..<latent.shape[0]), latent.slice(0..<1)])
      }
    ]
    let run = try model.run(input, options)
    #expect(run.hookFirings.map(\.count) == [1])
  }

  @Test func mistakesAreErrors() {
    #expect {
      _ = try model.run(input, record: .sites("core.0.attn.patern"))
    } throws: {
      "\($0)".contains("Did you mean core.0.attn.pattern?")
    }
    #expect {
      _ = try model.run(input, record: .sites("core.0.mlp.post", iterations: 9))
    } throws: {
      "\($0)".contains("never fired in 8 iterations")
    }
  }

  /// TransformerLens spellings; brackets mean nothing in a pattern.
  @Test(arguments: [
    ("blocks.*.attn.hook_attn_scores", "core.0.attn.scores"),
    ("blocks.0.hook_resid_post", "core.0.resid_post"), ("blocks.0.mlp.hook_pre", "core.0.mlp.pre"),
    ("hook_embed", "embed"), ("core.?.attn.[q]", nil),
  ])
  func spellings(theirs: String, ours: String?) throws {
    #expect((try? model.sites(matching: theirs).first?.description) == ours)
  }
}

private struct Diverged: Error {
  let iteration: Int
}

extension ModelInput {
  fileprivate func shape(width: Int) -> [Int] { [batch, positions, width] }
}
