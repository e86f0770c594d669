import Asura
import Foundation
import Testing

/// The code of the articles on traces and on numerics.
@Suite struct TraceExamples {
  @Test func captureAndRead() throws {
    let task = try AdditionTask()
    let model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: task.vocabulary.count, channels: task.channels, classes: task.outputs.count,
        width: 16, iterations: 12, attention: AttentionConfiguration(heads: 2, positions: .alibi),
        mlp: MLPConfiguration(width: 32)), seed: 1)
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "addition.h5")

      var random = Random(seed: 7, for: "examples")
      let batch = try task.makeBatch(length: 6, examples: 4, random: &random)
      var capture = try TraceCapture(model, on: batch, of: task, iterations: 12)
      capture.record = [
        .sites("latent", "core.0.mlp.post"),
        .sites("core.*.attn.pattern", iterations: .range(1...4), reducer: .meanOverHeads),
      ]
      try capture.write(to: url)

      let trace = try TraceReader(url)
      let latent: Tensor<Float> = try trace.latent(iteration: 12)  // [batch, position, width]
      let carries = try trace.input().facts["carry"]?.values  // [batch, position]
      let steps = try trace.summary().series["relative_step"]

      let first: Tensor<Float> = try trace.values(
        "core.0.mlp.post", iteration: 12, entries: ["batch": 0..<1])  // [1, position, hidden]
      try trace.forEachIteration(of: "latent", as: Double.self) { iteration, latent in
        print(iteration, latent.norm)  // latent: [batch, position, width]
      }

      #expect(first.shape == [1, batch.positions, 32])
      #expect(latent.isIdentical(to: try model.run(try ModelInput(batch)).latent))
      #expect(carries?.elements == batch.fact("carry")?.values)
      #expect(steps?.count == 13)
      #expect(try trace.site("core.0.attn.pattern.mean_head").iterations == [1, 2, 3, 4])
    }
  }

  @Test func threadsDoNotChangeBits() throws {
    let model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: 10, classes: 10, width: 32, iterations: 4,
        attention: AttentionConfiguration(heads: 4), mlp: MLPConfiguration(width: 64)), seed: 1)
    let input = try ModelInput(
      tokens: (0..<1200).map { Int32($0 % 10) }, batch: 75, positions: 16)

    let one = try Workers.$current.withValue(Workers(count: 1)) { try model.run(input) }
    let four = try Workers.$current.withValue(Workers(count: 4)) { try model.run(input) }
    let same = one.latent.isIdentical(to: four.latent)  // always true
    #expect(same)

    let kernels = BLAS.kernels
    print("\(CPU.name): \(CPU.vectorLevel) kernels; OpenBLAS runs \(kernels.name)")
    if let advice = kernels.advice { print(advice) }
    #expect(!kernels.name.isEmpty)

    let double = model.converted(to: Double.self)
    #expect(
      try double.run(input).latent.converted(to: Float.self).squaredDistance(to: one.latent)
        < 1e-8 * one.latent.dot(one.latent))
  }
}
