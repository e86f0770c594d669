public import AsuraModel
public import AsuraTensor

/// A model's step map as a map of flat states: one iteration at a fixed input, a row an example, the state
/// `[position × width]`.
public struct LatentMap: StateMap {
  private let model: RecurrentTransformer<Double>
  private let input: ModelInput
  private let iteration: Int
  private let total: Int
  /// The batch in parts, which run side by side.
  private let parts: [(rows: Range<Int>, map: StepMap<Double>)]

  public let dimension: Int
  public var count: Int { input.batch }

  /// - Parameters:
  ///   - iteration: which iteration's map, which only matters to unshared cores.
  ///   - total: of how many the run is, which only matters to Euler updates of step 1/T.
  public init(
    _ model: RecurrentTransformer<Double>, _ input: ModelInput, iteration: Int = 1,
    of total: Int? = nil
  ) throws {
    self.model = model
    self.input = input
    self.iteration = iteration
    self.total = total ?? model.configuration.iterations
    dimension = input.positions * model.configuration.width
    parts = try model.parts(batch: input.batch, positions: input.positions).map {
      [total = self.total] rows in
      (rows, try StepMap(model, input.examples(rows), iteration: iteration, of: total))
    }
  }

  public func callAsFunction(_ states: Tensor<Double>) throws -> Tensor<Double> {
    .concatenating(
      try Workers.current.map(parts.count) { part in
        let (rows, map) = parts[part]
        return try map(states.slice(rows).reshaped(map.shape)).reshaped([rows.count, dimension])
      })
  }

  public func linearized(at states: Tensor<Double>) throws -> any StateLinearization {
    LatentLinearization(
      parts: try Workers.current.map(parts.count) { part in
        let (rows, map) = parts[part]
        return .init(
          rows: rows, shape: map.shape,
          linearization: try map.linearized(at: states.slice(rows).reshaped(map.shape)))
      }, count: count, dimension: dimension)
  }

  public func selecting(_ rows: [Int]) throws -> any StateMap {
    try LatentMap(model, input.selecting(rows), iteration: iteration, of: total)
  }
}

/// The step map's linearisations at all rows, part by part.
private struct LatentLinearization: StateLinearization {
  /// `@unchecked Sendable`: a part is handed to one worker at a time.
  struct Part: @unchecked Sendable {
    let rows: Range<Int>
    let shape: [Int]
    let linearization: Linearization<Double>
  }
  let parts: [Part]
  let count: Int
  let dimension: Int

  var value: Tensor<Double> {
    .concatenating(parts.map { $0.linearization.value.reshaped([$0.rows.count, dimension]) })
  }

  func jvp(_ tangents: Tensor<Double>) throws -> Tensor<Double> {
    let k = tangents.shape[0]
    precondition(
      tangents.shape == [k, count, dimension],
      "tangents \(tangents.shape) for [\(k), \(count), \(dimension)]")
    if parts.count == 1 { return try product(parts[0], tangents).reshaped(tangents.shape) }
    let images = try Workers.current.map(parts.count) { index in
      let rows = parts[index].rows
      return try product(
        parts[index],
        .concatenating((0..<k).map { tangents[$0].slice(rows) }).reshaped([
          k, rows.count, dimension,
        ]))
    }
    return .concatenating(
      (0..<k).flatMap { i in
        zip(parts, images).map { part, image in image[i].reshaped([part.rows.count, dimension]) }
      }
    ).reshaped(tangents.shape)
  }

  private func product(_ part: Part, _ tangents: Tensor<Double>) throws -> Tensor<Double> {
    try part.linearization.jvp(tangents.reshaped([tangents.shape[0]] + part.shape))
  }

  func vjp(_ cotangents: Tensor<Double>) throws -> Tensor<Double> {
    precondition(
      cotangents.shape == [count, dimension],
      "cotangents \(cotangents.shape) for [\(count), \(dimension)]")
    return .concatenating(
      try Workers.current.map(parts.count) { index in
        let part = parts[index]
        return try part.linearization.vjp(cotangents.slice(part.rows).reshaped(part.shape))
          .reshaped([part.rows.count, dimension])
      })
  }
}
