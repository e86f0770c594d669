public import AsuraTensor

/// The Jacobian of a map of states at one state, applied to many vectors at once without being written out.
///
/// Products are made in chunks of a fixed size, dealt out to the workers: what comes out does not depend on how many
/// there are. For use by one thread at a time.
public final class StateJacobian: LinearOperator {
  /// How many vectors go through the map at once: enough to fill its products, few enough that its widest
  /// activations stay in cache.
  private static let chunk = 8

  public let dimension: Int
  /// The state's image.
  public let value: Tensor<Double>
  /// How many products there were, with the Jacobian or its transpose.
  public private(set) var applications = 0

  private let map: any StateMap
  private let state: Tensor<Double>
  /// Linearisations of the one state, one a worker: each is replayed by one thread at a time.
  private var forward: [Replica]
  /// Linearisations of `chunk` copies of the state, since cotangents come one a copy.
  private var backward: [Replica] = []

  /// - Parameters:
  ///   - map: a map of one state.
  ///   - state: `[1, dimension]`.
  public init(of map: any StateMap, at state: Tensor<Double>) throws {
    precondition(
      map.count == 1 && state.shape == [1, map.dimension],
      "a state \(state.shape) of a map of \(map.count) states of \(map.dimension)")
    self.map = map
    self.state = state
    dimension = map.dimension
    let first = try map.linearized(at: state)
    value = first.value
    forward = [Replica(first)]
  }

  public func apply(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    let slots = slots(for: rows.shape[0])
    while forward.count < slots { forward.append(Replica(try map.linearized(at: state))) }
    return try inChunks(rows, forward) { replica, rows in
      try replica.jvp(rows.reshaped([rows.shape[0], 1, rows.shape[1]]))
    }
  }

  public func applyTransposed(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    let slots = slots(for: rows.shape[0])
    if backward.count < slots {
      let copies = try map.selecting(Array(repeating: 0, count: Self.chunk))
      let states = Tensor.concatenating(Array(repeating: state, count: Self.chunk))
      while backward.count < slots { backward.append(Replica(try copies.linearized(at: states))) }
    }
    return try inChunks(rows, backward) { replica, rows in
      let missing = Self.chunk - rows.shape[0]
      guard missing > 0 else { return try replica.vjp(rows) }
      let padded = Tensor.concatenating([rows, .zeros([missing, rows.shape[1]])])
      return try replica.vjp(padded).slice(0..<rows.shape[0])
    }
  }

  private func slots(for rows: Int) -> Int {
    min((rows + Self.chunk - 1) / Self.chunk, Workers.current.count)
  }

  private func inChunks(
    _ rows: Tensor<Double>, _ replicas: [Replica],
    _ product: @Sendable (any StateLinearization, Tensor<Double>) throws -> Tensor<Double>
  ) throws -> Tensor<Double> {
    precondition(
      rows.rank == 2 && rows.shape[1] == dimension, "rows \(rows.shape) for \(dimension)")
    let count = rows.shape[0]
    applications += count
    let chunks = (count + Self.chunk - 1) / Self.chunk
    let slots = max(1, slots(for: count))
    let size = dimension
    return try Tensor(rows.shape) { images in
      // The slots write disjoint rows of memory that outlives the call.
      nonisolated(unsafe) let images = images
      try Workers.current.forEach(slots) { slot in
        for chunk in stride(from: slot, to: chunks, by: slots) {
          let range = chunk * Self.chunk..<min(count, (chunk + 1) * Self.chunk)
          try product(replicas[slot].linearization, rows.slice(range)).read {
            (images + range.lowerBound * size).update(from: $0, count: range.count * size)
          }
        }
      }
    }
  }
}

/// `@unchecked Sendable`: a replica is replayed by one worker at a time.
private struct Replica: @unchecked Sendable {
  let linearization: any StateLinearization

  init(_ linearization: any StateLinearization) { self.linearization = linearization }
}
