import AsuraTensor

/// An array of whole numbers in row-major order: token ids, targets, facts, index tables.
public struct IntegerArray: Sendable, Equatable {
  public let shape: [Int]
  public let elements: [Int32]

  /// - Precondition: the elements fill the shape, and each fits 32 bits.
  public init(_ shape: [Int], _ elements: some Collection<some BinaryInteger>) {
    precondition(
      elementCount(shape) == elements.count,
      "\(elements.count) elements cannot fill shape \(shape)")
    self.shape = shape
    self.elements = elements.map { Int32($0) }
  }
}

/// An array of any kind that a trace or companion file stores.
public enum TraceArray: Sendable {
  case float32(Tensor<Float>)
  case float64(Tensor<Double>)
  case integers(IntegerArray)

  public init<S: Scalar>(_ tensor: Tensor<S>) {
    if let tensor = tensor as? Tensor<Double> {
      self = .float64(tensor)
    } else if let tensor = tensor as? Tensor<Float> {
      self = .float32(tensor)
    } else {
      self = .float64(Tensor(tensor.shape, tensor.elements.map { Double($0) }))
    }
  }

  public init(_ integers: IntegerArray) { self = .integers(integers) }

  public var shape: [Int] {
    switch self {
    case .float32(let tensor): tensor.shape
    case .float64(let tensor): tensor.shape
    case .integers(let array): array.shape
    }
  }

  /// The values as a tensor of `S`, converted where they are stored otherwise.
  public func tensor<S: Scalar>(as _: S.Type = S.self) -> Tensor<S> {
    switch self {
    case .float32(let tensor): tensor.converted()
    case .float64(let tensor): tensor.converted()
    case .integers(let array): Tensor(array.shape, array.elements.map { S($0) })
    }
  }

  var number: H5Number {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .integers: .int32
    }
  }

  func withBytes(_ body: (UnsafeRawPointer) throws -> Void) rethrows {
    switch self {
    case .float32(let tensor): try tensor.read { try body(UnsafeRawPointer($0)) }
    case .float64(let tensor): try tensor.read { try body(UnsafeRawPointer($0)) }
    case .integers(let array):
      try array.elements.withUnsafeBytes { if let base = $0.baseAddress { try body(base) } }
    }
  }
}

// MARK: - Arrays in files

extension H5Dataset {
  /// Reads the block of `count` elements at `start` as a tensor of shape `count`.
  func tensor<S: Scalar>(_: S.Type, start: [Int], count: [Int]) throws -> Tensor<S> {
    guard case .number = try kind() else {
      throw TraceError(.damaged, "'\(name)' does not hold numbers")
    }
    guard let elements = elementCount(count) else {
      throw TraceError(.damaged, "'\(name)' claims the shape \(count)")
    }
    try checkStored(bytes: try bytes(elements, of: MemoryLayout<S>.size))
    return try Tensor<S>(count) { base in
      try read(into: base, as: H5Number(S.self), start: start, count: count)
    }
  }

  /// Reads everything as a tensor.
  func tensor<S: Scalar>(_: S.Type = S.self) throws -> Tensor<S> {
    let shape = try shape()
    return try tensor(S.self, start: shape.map { _ in 0 }, count: shape)
  }

  /// Reads everything as whole numbers.
  func integers() throws -> IntegerArray {
    let shape = try shape()
    guard case .number(let number) = try kind(), !number.isFloat, let count = elementCount(shape)
    else { throw TraceError(.damaged, "'\(name)' does not hold whole numbers") }
    try checkStored(bytes: try bytes(count, of: 4))
    var values = [Int32](repeating: 0, count: count)
    try values.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try read(into: base, as: .int32, start: shape.map { _ in 0 }, count: shape)
    }
    return IntegerArray(shape, values)
  }

  /// Reads everything in the stored type.
  func array() throws -> TraceArray {
    switch try kind() {
    case .number(.float32): .float32(try tensor())
    case .number(.float64): .float64(try tensor())
    case .number: .integers(try integers())
    default: throw TraceError(.damaged, "'\(name)' does not hold numbers")
    }
  }

  private func bytes(_ count: Int, of size: Int) throws -> Int {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow else { throw TraceError(.damaged, "'\(name)' claims \(count) elements") }
    return bytes
  }
}
