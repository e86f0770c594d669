import AsuraModel
import AsuraTensor
import AsuraTrace

/// Hands what a run records to a trace as it is made, part of the batch by part.
public struct TraceSink<S: Scalar>: RecordingSink {
  private let writer: TraceWriter
  private let progress: @Sendable (_ iteration: Int) throws -> Void

  /// - Parameter progress: called after each iteration, in order; throwing ends the run.
  public init(
    _ writer: TraceWriter,
    progress: @escaping @Sendable (_ iteration: Int) throws -> Void = { _ in }
  ) {
    self.writer = writer
    self.progress = progress
  }

  public func record(
    _ values: Tensor<S>, of quantity: RecordedQuantity, iteration: Int, rows: Range<Int>
  ) throws {
    try writer.append(site: quantity.name, iteration: iteration, rows: rows, values: values)
  }

  public func finished(_ iteration: Int) throws {
    try writer.commit(iteration)
    try progress(iteration)
  }
}
