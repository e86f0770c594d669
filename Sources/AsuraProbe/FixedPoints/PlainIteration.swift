public import AsuraTensor

/// `z ← F(z)`: what the model itself does. Finds only what the iteration comes to rest at.
public struct PlainIteration: FixedPointSolver {
  public struct Progress: FixedPointProgress {
    public fileprivate(set) var iterates: Iterates

    public func selecting(_ rows: [Int]) -> Self { Self(iterates: iterates.selecting(rows)) }
  }

  public let name = "plain"
  public let maximumIterations = 5000

  public init() {}

  public func start(_ map: any StateMap, at states: Tensor<Double>) throws -> Progress {
    Progress(iterates: Iterates(states, images: try map(states)))
  }

  public func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts {
    let next = progress.iterates.images
    progress.iterates.move(to: next, images: try map(next))
    return EvaluationCounts(maps: 1)
  }
}
