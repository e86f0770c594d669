internal import AsuraModel
internal import AsuraTensor

/// Some examples' latents at several iterations, and how far readouts of their maps are from the last one's.
struct LensExamples: Sendable {
  let examples: [Int]
  let width: Int
  private let positions: Int
  private let isAsked: [Bool]
  /// By iteration, `[example, position, width]`.
  private let latents: [Tensor<Double>]
  private let parts: [(rows: Range<Int>, map: StepMap<Double>)]
  /// The last readout of each part.
  private let last: [ReadoutRows]
  /// Gradients held side by side before they are added up.
  private static let tasksAtATime = 16

  init(_ input: LensInput, _ examples: [Int], iterations: [Int]) throws {
    self.examples = examples
    (width, positions) = (input.width, input.positions)
    let stretches = examples.stretches(most: .max)
    latents = try iterations.map { t in
      .concatenating(try stretches.map { try input.latents(iteration: t, examples: $0) })
    }
    let run = input.run
    let chosen = try run.input.selecting(examples)
    let ranges = run.model.parts(batch: examples.count, positions: input.positions)
    parts = try Workers.current.map(ranges.count) { index in
      let map = try run.model.stepMap(chosen.examples(ranges[index]), of: run.iterations)
      return (ranges[index], map)
    }
    let (parts, final) = (parts, latents[latents.count - 1])
    last = try Workers.current.map(parts.count) { part in
      ReadoutRows(try parts[part].map.readout(final.slice(parts[part].rows)))
    }
    isAsked = examples.flatMap { example in
      (0..<input.positions).map { input.isAsked(example: example, position: $0) }
    }
  }

  /// How many positions are asked, but at least 1.
  private var asked: Double { Double(max(1, isAsked.count { $0 })) }

  /// KL(last readout ‖ lens) of each example at one iteration, the mean over its positions that are asked.
  func divergences(_ iteration: Int, _ translator: Translator) throws -> [Double] {
    let found = try Workers.current.map(parts.count) { part in
      let rows = parts[part].rows
      let now = ReadoutRows(
        try parts[part].map.readout(translator(latents[iteration].slice(rows))))
      return rows.map { example -> Double in
        var (sum, count) = (0.0, 0.0)
        for position in 0..<positions where isAsked[example * positions + position] {
          let row = (example - rows.lowerBound) * positions + position
          sum += last[part].divergence(row, from: now)
          count += 1
        }
        return sum / max(1, count)
      }
    }
    return found.flatMap { $0 }
  }

  /// The mean of all examples' divergences at some iterations.
  func loss(_ iterations: [Int], _ translator: Translator) throws -> Double {
    let all = try iterations.flatMap { try divergences($0, translator) }
    return all.reduce(0, +) / Double(max(1, all.count))
  }

  /// The mean KL over the positions that are asked, and its gradient by A and b.
  func gradient(
    _ iterations: [Int], _ translator: Translator
  ) throws -> (loss: Double, gradient: [Double]) {
    let scale = 1 / (asked * Double(iterations.count))
    var (loss, gradient) = (0.0, Array(repeating: 0.0, count: width * width + width))
    let tasks = parts.count * iterations.count
    for first in stride(from: 0, to: tasks, by: Self.tasksAtATime) {
      let found = try Workers.current.map(min(Self.tasksAtATime, tasks - first)) { index in
        let task = first + index
        return try self.gradient(
          part: task % parts.count, iterations[task / parts.count], translator, scale: scale)
      }
      for one in found {
        loss += one.loss
        for i in gradient.indices { gradient[i] += one.gradient[i] }
      }
    }
    return (loss, gradient)
  }

  /// One part's share at one iteration.
  private func gradient(
    part: Int, _ iteration: Int, _ translator: Translator, scale: Double
  ) throws -> (loss: Double, gradient: [Double]) {
    let rows = parts[part].rows
    let latents = latents[iteration].slice(rows)
    let readout = try parts[part].map.linearizedReadout(at: translator(latents))
    let now = ReadoutRows(readout.value)
    // The gradient of KL(p ‖ softmax(x)) by x is softmax(x) − p.
    var cotangent = now.probabilities - last[part].probabilities
    var loss = 0.0
    let classes = now.classes
    cotangent.update { x in
      for row in 0..<now.count {
        let counts = isAsked[rows.lowerBound * positions + row]
        for c in 0..<classes { x[row * classes + c] *= counts ? scale : 0 }
        if counts { loss += scale * last[part].divergence(row, from: now) }
      }
    }
    let slope = try readout.vjp(cotangent.reshaped(readout.value.shape)).reshaped(
      [now.count, width])
    let matrix = slope.matmul(latents.reshaped([now.count, width]), transposed: (.yes, .no))
    var offset = Tensor<Double>.zeros([width])
    for row in 0..<now.count { offset.add(slope[row]) }
    return (loss, matrix.elements + offset.elements)
  }

  /// Multiplies a gradient by the inverse of the latents' second moments, a constant 1 for b beside them: the steps then do
  /// not depend on how the latents are scaled and correlated.
  func whitening(_ iterations: [Int]) throws -> (inout [Double]) -> Void {
    let side = width + 1
    var moments = Tensor<Double>.zeros([side, side])
    for t in iterations {
      let rows = latents[t].reshaped([latents[t].count / width, width])
      let extended = Tensor<Double>([rows.shape[0], side]) { out in
        rows.read { z in
          for row in 0..<rows.shape[0] {
            (out + row * side).update(from: z + row * width, count: width)
            out[row * side + width] = 1
          }
        }
      }
      moments.add(
        extended.matmul(extended, transposed: (.yes, .no)),
        times: 1 / Double(rows.shape[0] * iterations.count))
    }
    // Directions in which the latents hardly vary would be blown up.
    let trace = (0..<side).reduce(0) { $0 + moments[[$1, $1]] }
    moments.update { m in for i in 0..<side { m[i * side + i] += 1e-3 * trace / Double(side) } }
    let eigen = try moments.symmetricEigen()
    var scaled = eigen.vectors
    scaled.update { v in
      eigen.values.read { values in
        for row in 0..<side { for i in 0..<side { v[row * side + i] /= values[row] } }
      }
    }
    let inverse = eigen.vectors.matmul(scaled, transposed: (.yes, .no))
    return { [width] direction in
      let matrix = Tensor<Double>([width, side]) { out in
        for row in 0..<width {
          for i in 0..<width { out[row * side + i] = direction[row * width + i] }
          out[row * side + width] = direction[width * width + row]
        }
      }
      let result = matrix.matmul(inverse).elements
      for row in 0..<width {
        for i in 0..<width { direction[row * width + i] = result[row * side + i] }
        direction[width * width + row] = result[row * side + width]
      }
    }
  }
}
