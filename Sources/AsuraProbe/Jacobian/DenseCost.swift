internal import Foundation

/// What the dense spectrum of a state costs.
public struct DenseCost: Sendable, Equatable {
  /// The matrix, LAPACK's copy of it and room to work, in bytes.
  public let bytes: Int
  /// One core's time, roughly, as measured at 1024² and 2048².
  public let seconds: Double

  public init(dimension: Int) {
    let (square, overflow) = dimension.multipliedReportingOverflow(by: dimension)
    bytes = overflow || square > Int.max / 24 ? .max : 24 * square
    let n = Double(dimension)
    seconds = n * n * n * 3e-10
  }

  /// Whether one is worth starting: half the machine's memory and half an hour.
  public var isReasonable: Bool {
    bytes < ProcessInfo.processInfo.physicalMemory / 2 && seconds < 1800
  }
}
