internal import AsuraModel
internal import AsuraTensor

/// Reads out the latent of every recorded iteration.
///
/// Latents are read some examples at a time, so beside the result itself, some six numbers an iteration and position,
/// memory does not grow with the trace. Each readout is computed once.
public struct LensProbe: Sendable, Equatable {
  /// Latents are read about so many numbers at a time, and never more examples than `slabExamples`, so that what is done
  /// by an interruption is not little.
  private static let slabSize = 1 << 21
  private static let slabExamples = 256

  public init() {}

  /// Reads out `examples` at `iterations`.
  ///
  /// - Parameters:
  ///   - isCancelled: asked after each iteration; once true, the examples done so far are the result.
  ///   - progress: called with how many more examples were read out, of `iterations.count` times as many as there are.
  /// A latent that is not finite ends the work; the error is the result's `failure` beside the examples before it.
  /// - Throws: `ProbeError`, `TraceError`, `ModelError`. Nil when cancelled before an example was done.
  public func run(
    on run: TracedRun, iterations: [Int], examples: [Int], isCancelled: () -> Bool = { false },
    progress: (_ units: Int, _ what: String) -> Void = { _, _ in }
  ) throws -> ReadoutLens? {
    try run.check(iterations: iterations, examples: examples)
    let input = try LensInput(run)
    let size = input.positions * max(input.width, input.classes)
    let slabs = examples.stretches(
      most: max(1, min(Self.slabExamples, Self.slabSize / max(1, size))))
    var parts: [Part] = []
    var failure: (any Error)?
    for slab in slabs where failure == nil && !isCancelled() {
      do {
        guard let part = try read(slab, iterations, input, isCancelled, progress) else { break }
        parts.append(part)
      } catch { failure = error }
    }
    guard !parts.isEmpty else {
      if let failure { throw failure }
      return nil
    }
    return assemble(
      parts, iterations, input, failure,
      isComplete: parts.count == slabs.count)
  }

  /// What one stretch of examples gave, each array `[iteration][example × position]`.
  private struct Part {
    let examples: Range<Int>
    var values: [[Reading]] = []
  }

  /// One readout, summed up.
  private struct Reading: Sendable {
    var top: Int32 = 0
    var topProbability: Float = 0
    var entropy: Float = 0
    var divergence: Float = 0
    var targetProbability = Float.nan
    var targetRank: Int32 = -1
  }

  private func read(
    _ slab: Range<Int>, _ iterations: [Int], _ input: LensInput, _ isCancelled: () -> Bool,
    _ progress: (Int, String) -> Void
  ) throws -> Part? {
    let readers = try input.readers(examples: slab)
    func latents(_ t: Int) throws -> Tensor<Double> {
      try input.latents(iteration: iterations[t], examples: slab)
    }
    let end = try latents(iterations.count - 1)
    let last = try Workers.current.map(readers.count) { part in
      ReadoutRows(try readers[part].map.readout(end.slice(readers[part].rows)))
    }
    var part = Part(examples: slab)
    var current = try latents(0)
    for t in iterations.indices {
      if isCancelled() { return nil }
      let (now, isLast) = (current, t == iterations.count - 1)
      let following = isLast ? nil : iterations[t + 1]
      let done: [Work] = try Workers.current.map(readers.count + 1) { index in
        // Whoever comes first reads the next latents while the others read these out.
        if index == 0 {
          return .latents(
            try following.map { try input.latents(iteration: $0, examples: slab) })
        }
        let reader = readers[index - 1]
        let rows =
          isLast
          ? last[index - 1] : ReadoutRows(try reader.map.readout(now.slice(reader.rows)))
        let first = (slab.lowerBound + reader.rows.lowerBound) * input.positions
        return .readings(
          (0..<rows.count).map { row in
            let target = input.targets.map { $0[first + row] } ?? -1
            return Self.reading(rows, row, last[index - 1], target: Int(target))
          })
      }
      var readings: [Reading] = []
      for work in done {
        switch work {
        case .latents(let next): current = next ?? current
        case .readings(let found): readings += found
        }
      }
      part.values.append(readings)
      progress(slab.count, "t=\(iterations[t])")
    }
    return part
  }

  /// What one worker did of an iteration.
  private enum Work: Sendable {
    case latents(Tensor<Double>?)
    case readings([Reading])
  }

  private static func reading(
    _ rows: ReadoutRows, _ row: Int, _ last: ReadoutRows, target: Int
  ) -> Reading {
    let top = rows.likeliest[row]
    var reading = Reading()
    reading.top = Int32(top)
    reading.topProbability = Float(rows.probability(row, of: top))
    reading.entropy = Float(rows.entropy(row))
    reading.divergence = Float(last.divergence(row, from: rows))
    if target >= 0 {
      reading.targetProbability = Float(rows.probability(row, of: target))
      reading.targetRank = Int32(rows.rank(row, of: target))
    }
    return reading
  }

  private func assemble(
    _ parts: [Part], _ iterations: [Int], _ input: LensInput, _ failure: (any Error)?,
    isComplete: Bool
  ) -> ReadoutLens {
    let examples = parts.flatMap { Array($0.examples) }
    let shape = [iterations.count, examples.count, input.positions]
    func integers(_ value: (Reading) -> Int32) -> [Int32] {
      iterations.indices.flatMap { t in parts.flatMap { $0.values[t].map(value) } }
    }
    func reals(_ value: (Reading) -> Float) -> Tensor<Float> {
      Tensor(shape, iterations.indices.flatMap { t in parts.flatMap { $0.values[t].map(value) } })
    }
    let positions = input.positions
    return ReadoutLens(
      iterations: iterations, examples: examples, positions: positions, classes: input.classes,
      targets: input.targets.map { all in
        examples.flatMap { all[$0 * positions..<($0 + 1) * positions] }
      }, top: integers(\.top), topProbability: reals(\.topProbability), entropy: reals(\.entropy),
      divergence: reals(\.divergence), targetProbability: reals(\.targetProbability),
      targetRank: integers(\.targetRank), failure: failure,
      isComplete: isComplete && failure == nil)
  }
}

extension TracedRun {
  /// Refuses iterations and examples that the trace's latents do not have.
  func check(iterations: [Int], examples: [Int]) throws {
    if let bad = iterations.first(where: { !latentIterations.contains($0) }) {
      throw ProbeError(.notFound, "the trace has no latent at iteration \(bad)")
    }
    if let bad = examples.first(where: { !(0..<self.examples).contains($0) }) {
      throw ProbeError(
        .notFound, "there is no example \(bad) among the trace's 0...\(self.examples - 1)")
    }
    guard !iterations.isEmpty, !examples.isEmpty else {
      throw ProbeError(.notFound, "no iterations or no examples were chosen")
    }
  }
}
