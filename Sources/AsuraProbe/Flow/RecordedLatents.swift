public import AsuraTensor
public import AsuraTrace

/// The latents of a trace, read an iteration at a time, whether or not the trace holds its model.
public struct RecordedLatents: Sendable {
  public let reader: TraceReader
  /// The iterations whose latents were recorded.
  public let iterations: [Int]
  /// How many examples the run had.
  public let examples: Int
  public let positions: Int
  public let width: Int

  /// The size of an example's state, `position × width`.
  public var dimension: Int { positions * width }

  /// - Throws: `ProbeError` for a trace without latents, `TraceError`.
  public init(_ reader: TraceReader) throws {
    self.reader = reader
    guard reader.sites.contains(where: { $0.name == "latent" }) else {
      throw ProbeError(
        .incompleteTrace, "\(reader.url.path) holds no latents",
        remedy: "Capture it again with the site latent.")
    }
    let site = try reader.site("latent")
    iterations = site.iterations
    (examples, positions, width) = (site.shape[0], site.shape[1], site.shape[2])
  }

  /// Below this share of a latent's norm, a step is as likely rounding as movement: some ten times the precision of
  /// what was recorded.
  public var rounding: Double {
    reader.sites.first { $0.name == "latent" }?.elements == .float64 ? 1e-14 : 1e-6
  }

  /// The states of some examples after `iteration` iterations, `[example, position × width]`, checked to be finite.
  public func states(iteration: Int, examples chosen: [Int]) throws -> Tensor<Double> {
    let latent: Tensor<Double> = try reader.latent(iteration: iteration)
    let states = latent.reshaped([examples, dimension]).rows(chosen)
    guard states.isFinite else {
      let bad = states.elements.firstIndex { !$0.isFinite } ?? 0
      let place = bad % dimension
      throw ProbeError(
        .notFinite,
        "\(reader.url.path): the latent of example \(chosen[bad / dimension]) at iteration "
          + "\(iteration) is \(states.elements[bad]) at position \(place / width), width \(place % width)",
        remedy: "Look at the iterations before it, where the latent is still finite.")
    }
    return states
  }
}
