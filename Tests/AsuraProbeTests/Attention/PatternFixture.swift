import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTrace
import Foundation

/// A trace that holds patterns of a test's own making, in a folder that goes when this object does.
final class PatternFixture {
  let folder: URL
  let reader: TraceReader

  /// - Parameters:
  ///   - iterations: the iterations' patterns, each `[example, head, query, slot]` of one block.
  ///   - neighbours: the keys `[query, slot]` of windowed patterns.
  ///   - mask: of the configuration in the trace; none is written when nil.
  init(
    _ iterations: [Tensor<Double>], neighbours: IntegerArray? = nil,
    mask: AttentionConfiguration.Mask? = .full, input: TraceInput = TraceInput()
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let url = folder.appending(path: "patterns.h5")
    let shape = iterations[0].shape
    var description = TraceDescription(
      program: "tests",
      sites: [
        .pattern(
          block: 0, batch: shape[0], heads: shape[1], positions: shape[2],
          neighbours: neighbours == nil ? nil : shape[3])
      ], input: input)
    if let mask {
      let configuration = try ModelConfiguration(
        vocabulary: 5, classes: 3, width: 4 * shape[1], iterations: 4,
        attention: AttentionConfiguration(heads: shape[1], mask: mask),
        mlp: MLPConfiguration(width: 8))
      description.model = TraceModel(
        configuration: String(decoding: try configuration.json, as: UTF8.self))
    }
    description.neighbours = neighbours
    let writer = try TraceWriter(
      url, describing: description, storage: TraceStorage(elements: .float64))
    for (index, values) in iterations.enumerated() {
      try writer.append(site: "core.0.attn.pattern", iteration: index + 1, values: values)
    }
    try writer.finish()
    reader = try TraceReader(url)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func study(_ groups: [KeyGroup] = [], workers: Int = 2) throws -> AttentionStudy {
    let patterns = try RecordedPatterns(reader)
    let found = try Workers.$current.withValue(Workers(count: workers)) {
      try AttentionProbe(groups: groups).run(
        on: patterns, iterations: patterns.iterations,
        examples: Array(patterns.examples.indices))
    }
    guard let found else { throw ProbeError(.notFound, "no study") }
    return found
  }
}

/// Patterns `[example, head, query, key]` in which each query gives `weight(example, head, query, key)`.
func patterns(
  examples: Int = 1, heads: Int = 1, positions: Int, keys: Int? = nil,
  _ weight: (_ example: Int, _ head: Int, _ query: Int, _ key: Int) -> Double
) -> Tensor<Double> {
  let keys = keys ?? positions
  return Tensor(
    [examples, heads, positions, keys],
    (0..<examples * heads * positions * keys).map { i in
      weight(
        i / keys / positions / heads, i / keys / positions % heads, i / keys % positions, i % keys)
    })
}
