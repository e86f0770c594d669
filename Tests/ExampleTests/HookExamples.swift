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
