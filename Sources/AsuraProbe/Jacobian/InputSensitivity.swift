internal import AsuraModel
public import AsuraTensor
internal import Foundation
internal import Synchronization

/// How much the latent and the logits at each position depend on the input at each position, iteration by iteration.
///
/// The derivative of the latent by the embedded input goes from one iteration to the next by the chain rule,
/// `∂z_{t+1}/∂e = J_t·∂z_t/∂e + ∂F/∂e`, all of it forwards, so that memory does not grow with the iterations.
public struct InputSensitivity: Sendable {
  /// Norms of derivatives over iterations.
  public struct Influence: Sendable, Equatable {
    /// `‖∂y_p/∂e_q‖_F`: `[iteration, output position, input position]`.
    public let norms: Tensor<Double>

    /// The share of an iteration's largest norm from which on an influence counts.
    public static let threshold = 0.01

    /// How far each input position's influence reaches: the largest `|p − q|` with a norm of at least `threshold`
    /// times the largest norm of that iteration, `[iteration][input position]`; −1 where it has none.
    public func reach(threshold: Double = Influence.threshold) -> [[Int]] {
      let (times, n) = (norms.shape[0], norms.shape[1])
      let values = norms.elements
      return (0..<times).map { t in
        let all = values[t * n * n..<(t + 1) * n * n]
        let least = threshold * (all.max() ?? 0)
        return (0..<n).map { q in
          (0..<n).filter { p in
            let norm = all[all.startIndex + p * n + q]
            return norm > 0 && norm >= least
          }.map { abs($0 - q) }.max() ?? -1
        }
      }
    }

    /// The largest norm at each distance `|p − q|`, `[iteration][distance]`: the wave that the input sends out.
    public var byDistance: [[Double]] {
      let (times, n) = (norms.shape[0], norms.shape[1])
      let values = norms.elements
      return (0..<times).map { t in
        var largest = Array(repeating: 0.0, count: n)
        for p in 0..<n {
          for q in 0..<n {
            largest[abs(p - q)] = max(largest[abs(p - q)], values[(t * n + p) * n + q])
          }
        }
        return largest
      }
    }
  }

  public let example: Int
  /// The iterations after which the norms were taken, from the first one's latent on.
  public let iterations: [Int]
  /// Of the latent, by the embedded input e (after the prelude).
  public let latent: Influence
  /// Of the logits, by the embedded tokens (before the prelude).
  public let logits: Influence
  /// How many directions of each input position were followed; all of them where that is the width. With fewer the
  /// norms are estimates, of a relative standard error of about `1/√(2·directions)` at most.
  public let directions: Int
  public let width: Int
  public var isExact: Bool { directions == width }

  /// The most tangents that are followed unless told otherwise: more are thinned to random directions.
  public static let mostTangents = 2048

  /// Follows an example of `run` from its initial latent for `count` iterations.
  ///
  /// - Parameters:
  ///   - directions: how many random directions of each input position to follow; the `width` for the exact
  ///     norms. By default all where they are `mostTangents` together, else as many as that allows.
  ///   - isCancelled: asked after each iteration; what is done by then is the result.
  public init(
    _ run: TracedRun, example: Int, iterations count: Int, directions: Int? = nil,
    seed: UInt64 = 0, isCancelled: () -> Bool = { false },
    progress: (_ iteration: Int) -> Void = { _ in }
  ) throws {
    let (positions, width) = (run.input.positions, run.model.configuration.width)
    let wanted = directions ?? max(4, Self.mostTangents / positions)
    let used = min(width, max(1, wanted))
    var random = Random(seed: seed, for: "sensitivity directions")
    // Orthonormal, so that all of them together are exact; √(width/used) makes fewer unbiased.
    let basis = try Tensor<Double>.normal([width, used], using: &random).qr().q.transposed
      .scaled(by: (Double(width) / Double(used)).squareRoot())
    let start = try run.latent(iteration: 0, example: example)
    let hasPrelude = run.model.configuration.prelude > 0
    var latentWaves = try Waves(
      .embedded, run, example: example, basis: basis, seesLatent: true, seesLogits: !hasPrelude)
    var tokenWaves =
      try hasPrelude
      ? Waves(.tokens, run, example: example, basis: basis, seesLatent: false, seesLogits: true)
      : nil
    var z = start
    var done: [Int] = []
    for t in 0...count {
      let map = try run.stepMap(example: example, at: max(0, t - 1))
      if t > 0 {
        try latentWaves.advance(through: map, at: z)
        try tokenWaves?.advance(through: map, at: z)
        z = try map(z)
      }
      try latentWaves.measure(at: z, map)
      try tokenWaves?.measure(at: z, map)
      done.append(t)
      progress(t)
      if isCancelled() { break }
    }
    self.example = example
    iterations = done
    self.directions = used
    self.width = width
    func influence(_ rows: [Double]) -> Influence {
      Influence(norms: Tensor([done.count, positions, positions], rows))
    }
    latent = influence(latentWaves.latentNorms)
    logits = influence(tokenWaves?.logitNorms ?? latentWaves.logitNorms)
  }
}

/// Some directions of one input position.
private struct Chunk: Sendable {
  let position: Int
  let directions: Range<Int>
}

/// The derivatives of the latent by the input, as tangents: some directions of every input position.
private struct Waves {
  /// How many tangents go through the map at once: of one input position.
  private static let chunk = 16

  private let place: InputPlace
  private let basis: Tensor<Double>
  private let positions: Int
  private let sees: (latent: Bool, logits: Bool)
  private let chunks: [Chunk]
  /// By chunk: the tangents of the latent `[directions, 1, position, width]`.
  private var tangents: [Tensor<Double>]
  /// `[output position, input position]` after each measurement.
  private(set) var latentNorms: [Double] = []
  private(set) var logitNorms: [Double] = []

  init(
    _ place: InputPlace, _ run: TracedRun, example: Int, basis: Tensor<Double>, seesLatent: Bool,
    seesLogits: Bool
  ) throws {
    self.place = place
    self.basis = basis
    positions = run.input.positions
    sees = (seesLatent, seesLogits)
    let directions = basis.shape[0]
    chunks = (0..<run.input.positions).flatMap { position in
      stride(from: 0, to: directions, by: Self.chunk).map {
        Chunk(position: position, directions: $0..<min(directions, $0 + Self.chunk))
      }
    }
    tangents = []
    let map = try run.stepMap(example: example, at: 0)
    let sources = chunks.map { inputTangents($0) }
    tangents = try Workers.current.map(sources.count) { index in
      try map.initialTangents(sources[index], of: place)
    }
  }

  /// Unit tangents of the input for a chunk.
  private func inputTangents(_ chunk: Chunk) -> Tensor<Double> {
    let width = basis.shape[1]
    let size = positions * width
    var result = Tensor<Double>.zeros([chunk.directions.count, 1, positions, width])
    result.update { out in
      basis.read { b in
        for (i, direction) in chunk.directions.enumerated() {
          (out + i * size + chunk.position * width).update(
            from: b + direction * width, count: width)
        }
      }
    }
    return result
  }

  /// Takes the tangents through one iteration.
  mutating func advance(through map: StepMap<Double>, at z: Tensor<Double>) throws {
    let slots = min(Workers.current.count, chunks.count)
    // Each slot replays a linearisation of its own and takes every `slots`-th chunk.
    let (before, place, count) = (self.tangents, self.place, chunks.count)
    let sources = chunks.map { inputTangents($0) }
    let results = Mutex<[Tensor<Double>?]>(Array(repeating: nil, count: count))
    try Workers.current.forEach(slots) { slot in
      let linearization = try map.linearized(at: z, input: place)
      for index in stride(from: slot, to: count, by: slots) {
        let next = try linearization.jvp(latent: before[index], input: sources[index])
        results.withLock { $0[index] = next }
      }
    }
    tangents = results.withLock { $0.compactMap { $0 } }
  }

  /// Adds the norms of the derivatives as they stand.
  mutating func measure(at z: Tensor<Double>, _ map: StepMap<Double>) throws {
    if sees.latent { latentNorms += norms(tangents) }
    guard sees.logits else { return }
    let slots = min(Workers.current.count, chunks.count)
    let (tangents, count) = (self.tangents, chunks.count)
    let results = Mutex<[Tensor<Double>?]>(Array(repeating: nil, count: count))
    try Workers.current.forEach(slots) { slot in
      let linearization = try map.linearizedReadout(at: z)
      for index in stride(from: slot, to: count, by: slots) {
        let logits = try linearization.jvp(tangents[index])
        results.withLock { $0[index] = logits }
      }
    }
    logitNorms += norms(results.withLock { $0.compactMap { $0 } })
  }

  /// `[output position × input position]`, from the images `[directions, 1, position, any]` of the chunks.
  private func norms(_ images: [Tensor<Double>]) -> [Double] {
    var squares = Array(repeating: 0.0, count: positions * positions)
    for (chunk, image) in zip(chunks, images) {
      let width = image.rowLength
      image.read { x in
        for row in 0..<image.rowCount {
          var sum = 0.0
          for j in row * width..<(row + 1) * width { sum += x[j] * x[j] }
          squares[row % positions * positions + chunk.position] += sum
        }
      }
    }
    return squares.map { $0.squareRoot() }
  }
}
