import AsuraDiff
import AsuraTensor

/// The recurrence over one example whose positions each see few others.
///
/// An iteration goes through the positions in blocks that fit a core's cache and are dealt to the workers, whatever the
/// size of the example: first every position's queries, keys and values, then the rest of the block, which reads the
/// neighbours'. With an `ActiveSet` it leaves out the positions for which nothing has changed. The arithmetic is that of
/// `Computation`, and a position's bits do not depend on which others are computed with it.
///
/// `@unchecked Sendable`: within an iteration workers write disjoint rows; in between one thread has it.
final class LocalIteration<S: Scalar>: @unchecked Sendable {
  private let computation: Computation<S>
  private let embedded: Computation<S>.Embedded
  private let table: NeighbourTable
  /// Δ of Euler updates.
  private let step: Double
  private let state: RowBuffer<S>
  /// What a block reads, `[position, width]`.
  private let stream: RowBuffer<S>
  /// Each core block's packed queries, keys and values as last computed.
  private let packed: [RowBuffer<S>]
  /// The positions that go on changing; nil where all are computed every time.
  let activeSet: ActiveSet<S>?
  private let everywhere: [Int32]
  /// How many positions a worker takes at a time.
  private let block: Int

  /// - Parameter tolerance: of an active set; nil for none.
  init(
    _ computation: Computation<S>, _ table: NeighbourTable, _ embedded: Computation<S>.Embedded,
    from latent: Tensor<S>, step: Double, tolerance: Double?
  ) {
    let c = computation.configuration
    let positions = table.positions
    self.computation = computation
    self.table = table
    self.embedded = embedded
    self.step = step
    state = RowBuffer(latent)
    stream = RowBuffer(rows: positions, width: c.width)
    packed = (0..<c.core).map { _ in
      RowBuffer(rows: positions, width: computation.geometry.layout.qkvWidth)
    }
    everywhere = (0..<Int32(positions)).map { $0 }
    let block = min(256, max(64, 32_768 / c.width))
    self.block = block
    activeSet = tolerance.map {
      ActiveSet(
        latent, tolerance: $0,
        reach: c.attention.mask == .causal ? table.transposed : table, steps: c.core, block: block)
    }
  }

  /// The latent as it stands, `[1, position, width]`.
  var latent: Tensor<S> { state.tensor([1, state.rows, state.width]) }

  /// Makes iteration `t`.
  func advance(_ t: Int) throws {
    let positions = activeSet?.positions ?? everywhere
    guard !positions.isEmpty else { return }
    let core = computation.configuration.shared ? 0 : t - 1
    let blocks = computation.layout.cores[core].blocks
    try forEachBlock(of: positions) { [self] rows, _ in
      let x = try computation.recall(
        Value(state[rows]), embedded.rows(rows, core: core), core: core, iteration: t)
      stream.set(rows, to: x.tensor)
      pack(x, blocks[0], rows, 0)
    }
    for (b, ids) in blocks.enumerated() {
      try forEachBlock(of: positions) { [self] rows, place in
        let x = Value(stream[rows])
        let mixed = neighbourAttention(
          computation.geometry.layout, table, rows, in: packed[b],
          bias: embedded.biases[ids.number]?.tensor)
        let y = try computation.apply(
          ids, to: x, embedded.biases, attended: Value(mixed),
          first: computation.sites.first(.core, b), iteration: t)
        if b + 1 < blocks.count {
          stream.set(rows, to: y.tensor)
          pack(y, blocks[b + 1], rows, b + 1)
        } else {
          let z = try computation.conclude(
            y, from: Value(state[rows]), embedded.rows(rows, core: core), core: core, iteration: t,
            step: step
          ).tensor
          state.set(rows, to: z)
          activeSet?.note(z, rows, at: place)
        }
      }
    }
    activeSet?.advance(t)
  }

  /// Keeps the queries, keys and values that a core block makes of x.
  private func pack(
    _ x: Value<S>, _ ids: ParameterLayout.BlockIDs, _ rows: UnsafeBufferPointer<Int32>, _ b: Int
  ) {
    var qkv = computation.pack(x, ids)
    if let rotary = computation.geometry.rotary {
      let attention = computation.geometry.layout
      func turns(_ table: Tensor<S>) -> Tensor<S> {
        table.rows(rows).reshaped([rows.count, table.rowLength])
      }
      qkv = computation.interpreter.rotate(
        qkv, cosine: turns(rotary.cosine), sine: turns(rotary.sine),
        heads: attention.heads + attention.keyValueHeads)
    }
    packed[b].set(rows, to: qkv.tensor)
  }

  private func forEachBlock(
    of positions: [Int32],
    _ body: @Sendable (_ rows: UnsafeBufferPointer<Int32>, _ place: Int) throws -> Void
  ) throws {
    try Workers.current.forEach((positions.count + block - 1) / block) { [block] i in
      let range = i * block..<min(positions.count, (i + 1) * block)
      try positions.withUnsafeBufferPointer {
        try body(UnsafeBufferPointer(rebasing: $0[range]), range.lowerBound)
      }
    }
  }
}

extension Computation.Embedded {
  /// What the input gives some positions of one core's iterations.
  fileprivate func rows(_ rows: UnsafeBufferPointer<Int32>, core: Int) -> Self {
    func pick(_ value: Value<S>) -> Value<S> { Value(value.tensor.rows(rows)) }
    return Self(
      input: pick(input), recalled: recalled.enumerated().map { $0 == core ? pick($1) : $1 },
      crossings: crossings,
      modulated: modulated.enumerated().map { $0 == core ? $1.map(pick) : $1 }, biases: biases)
  }
}
