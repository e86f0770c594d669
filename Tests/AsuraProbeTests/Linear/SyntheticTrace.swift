import AsuraProbe
import AsuraTensor
import AsuraTrace
import Foundation

/// Made-up latents in a trace, with facts, in a folder that goes when this object does.
final class SyntheticTrace {
  let folder: URL
  let reader: TraceReader

  var site: ProbedSite { get throws { try ProbedSite(reader) } }

  /// - Parameters:
  ///   - facts: `[example × position]` by name, with the classes' names.
  ///   - tokens: `[example × position]`; none when nil.
  ///   - latents: `[example, position, width]` of an iteration.
  init(
    examples: Int, positions: Int, width: Int, iterations: [Int] = [1],
    facts: [String: ([Int], [String])], tokens: [Int]? = nil,
    latents: (_ iteration: Int) -> Tensor<Double>
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let url = folder.appending(path: "run.h5")
    let shape = [examples, positions]
    var input = TraceInput(tokens: tokens.map { IntegerArray(shape + [1], $0) })
    input.facts = facts.mapValues { TraceFact(IntegerArray(shape, $0.0), labels: $0.1) }
    let description = TraceDescription(
      program: "tests",
      sites: [.latent(batch: examples, positions: positions, width: width, iterations: iterations)],
      input: input)
    let writer = try TraceWriter(url, describing: description)
    for t in iterations {
      try writer.append(site: "latent", iteration: t, values: latents(t))
    }
    try writer.finish()
    reader = try TraceReader(url)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Probes for a fact without what takes time, unless `change` asks for it.
  func probe(
    _ fact: String, tokens: [Int]? = nil, _ change: (inout LinearProbe) -> Void = { _ in }
  ) throws -> LinearFindings {
    var probe = LinearProbe()
    (probe.shuffles, probe.replicates, probe.hasDescriptionLength) = (0, 0, false)
    change(&probe)
    let site = try site
    let found = try probe.run(
      on: site, labels: ProbeLabels(fact: fact, of: reader),
      tokens: tokens.map { ($0.map { Int32($0) }, 1) }, iterations: site.iterations)
    guard let found else { throw CancellationError() }
    return found
  }
}

/// The standard normal distribution function.
func normalShare(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

/// Values of isotropic unit noise about `± distance/2` along a unit vector.
func planted(
  _ labels: [Int], direction: [Double], distance: Double, random: inout Random
) -> [Double] {
  labels.flatMap { label in
    direction.map { $0 * (label == 1 ? 0.5 : -0.5) * distance + random.normal() }
  }
}
