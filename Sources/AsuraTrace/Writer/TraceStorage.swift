/// How a trace stores its values.
public struct TraceStorage: Sendable, Equatable {
  /// The type of stored values, whatever they come as.
  public var elements = TraceElements.float32
  /// Compression from 0 (none) to 9 (smallest, slowest).
  public var deflate = 0
  /// How many bits of the mantissa values keep, rounded to nearest; all when nil. Ten bits are good to a
  /// thousandth or half of that, and compress two to four times better.
  public var keptBits: Int?
  /// Whether readers may follow the file while it is written (HDF5's SWMR). A network file system may not
  /// be up to that.
  public var canBeFollowed = true

  public init(
    elements: TraceElements = .float32, deflate: Int = 0, keptBits: Int? = nil,
    canBeFollowed: Bool = true
  ) {
    self.elements = elements
    self.deflate = deflate
    self.keptBits = keptBits
    self.canBeFollowed = canBeFollowed
  }

  func validate() throws {
    guard (0...9).contains(deflate) else {
      throw TraceError(.misuse, "compression is 0 to 9, not \(deflate)")
    }
    let most = elements.mantissaBits
    if let keptBits, !(1...most).contains(keptBits) {
      throw TraceError(
        .misuse, "\(elements.rawValue) has \(most) bits of mantissa to keep, not \(keptBits)",
        advice: "Keep 1 to \(most), such as 10")
    }
  }
}

/// The type in which a trace stores values.
public enum TraceElements: String, Sendable {
  case float32, float64

  var number: H5Number { self == .float64 ? .float64 : .float32 }
  /// How many bits of the mantissa are stored.
  public var mantissaBits: Int { self == .float64 ? 52 : 23 }
}
