import Foundation

/// A dense array of `Float` or `Double`, contiguous in row-major order (the last axis runs
/// fastest).
///
/// Tensors are values: a copy shares memory until one of the two is changed. A slice along the
/// first axis shares its parent's memory too. An empty shape is a scalar of one element; an axis of
/// size 0 makes an empty tensor.
///
/// What every operation uses is inlinable, so that other modules' code for one element type becomes code for that type.
public struct Tensor<S: Scalar>: Sendable {
  /// The size of each axis, slowest first.
  public let shape: [Int]
  /// How many elements there are: the product of `shape`.
  public let count: Int
  @usableFromInline var storage: Storage<S>
  @usableFromInline let offset: Int

  @inlinable
  init(shape: [Int], count: Int, storage: Storage<S>, offset: Int) {
    self.shape = shape
    self.count = count
    self.storage = storage
    self.offset = offset
  }

  /// A tensor whose elements `initialize` writes, all of them, through a pointer to the first.
  @inlinable
  public init(
    _ shape: [Int], initializingWith initialize: (UnsafeMutablePointer<S>) throws -> Void
  ) rethrows {
    let count = Self.elementCount(of: shape)
    let storage = Storage<S>(count: count)
    try initialize(storage.base)
    self.init(shape: shape, count: count, storage: storage, offset: 0)
  }

  /// A tensor with every element equal to `value`.
  public init(_ shape: [Int], repeating value: S) {
    let count = Self.elementCount(of: shape)
    self.init(shape) { base in
      if value == 0 && value.sign == .plus {
        memset(base, 0, count * MemoryLayout<S>.stride)
      } else {
        base.update(repeating: value, count: count)
      }
    }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Self { Self(shape, repeating: 0) }

  /// A tensor with the given elements in row-major order.
  public init(_ shape: [Int], _ elements: some Collection<S>) {
    let count = Self.elementCount(of: shape)
    precondition(
      elements.count == count, "\(elements.count) elements cannot fill shape \(shape) of \(count)")
    self.init(shape) { base in
      _ = UnsafeMutableBufferPointer(start: base, count: count).initialize(fromContentsOf: elements)
    }
  }

  /// The `size × size` identity matrix.
  public static func identity(_ size: Int) -> Self {
    var result = zeros([size, size])
    result.update { base in for i in 0..<size { base[i * size + i] = 1 } }
    return result
  }

  /// The product of the sizes, checked against overflow.
  @inlinable
  public static func elementCount(of shape: [Int]) -> Int {
    var count = 1
    for size in shape {
      precondition(size >= 0, "shape \(shape) has a negative size")
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      precondition(!overflow, "shape \(shape) has too many elements to count")
      count = product
    }
    return count
  }
}

// MARK: - Axes

extension Tensor {
  /// The number of axes.
  public var rank: Int { shape.count }
  /// Whether there are no elements.
  public var isEmpty: Bool { count == 0 }
  /// The size of the last axis; 1 for a scalar.
  public var rowLength: Int { shape.last ?? 1 }
  /// How many rows (runs along the last axis) there are.
  public var rowCount: Int { shape.dropLast().reduce(1, *) }

  /// The same elements in another shape of equal count, without copying.
  public func reshaped(_ shape: [Int]) -> Self {
    precondition(
      Self.elementCount(of: shape) == count, "cannot reshape \(self.shape) to \(shape)")
    return Self(shape: shape, count: count, storage: storage, offset: offset)
  }

  /// The entries `range` of the first axis, sharing this tensor's memory.
  public func slice(_ range: Range<Int>) -> Self {
    precondition(
      rank > 0 && range.lowerBound >= 0 && range.upperBound <= shape[0],
      "slice \(range) outside the first axis of \(shape)")
    var shape = shape
    let stride = shape[0] == 0 ? 0 : count / shape[0]
    shape[0] = range.count
    return Self(
      shape: shape, count: stride * range.count, storage: storage,
      offset: offset + stride * range.lowerBound)
  }

  /// Entry `index` of the first axis, without that axis, sharing this tensor's memory.
  public subscript(index: Int) -> Self {
    let entry = slice(index..<index + 1)
    return entry.reshaped(Array(entry.shape.dropFirst()))
  }

  /// The tensors joined along the first axis.
  public static func concatenating(_ tensors: [Self]) -> Self {
    guard let first = tensors.first else { preconditionFailure("nothing to concatenate") }
    if tensors.count == 1 { return first }
    var shape = first.shape
    precondition(!shape.isEmpty, "scalars have no axis to concatenate along")
    for tensor in tensors {
      precondition(
        tensor.shape.dropFirst() == first.shape.dropFirst(),
        "cannot concatenate \(tensor.shape) to \(first.shape)")
    }
    shape[0] = tensors.reduce(0) { $0 + $1.shape[0] }
    return Self(shape) { base in
      var base = base
      for tensor in tensors {
        tensor.read { base.update(from: $0, count: tensor.count) }
        base += tensor.count
      }
    }
  }
}

// MARK: - Elements

extension Tensor {
  /// The elements in row-major order.
  public var elements: [S] {
    read { Array(UnsafeBufferPointer(start: $0, count: count)) }
  }

  /// The one element of a tensor that has one.
  public var scalar: S {
    precondition(count == 1, "a tensor of shape \(shape) is not one number")
    return read { $0[0] }
  }

  /// The element at a full index, one entry an axis.
  public subscript(index: [Int]) -> S {
    precondition(index.count == rank, "index \(index) for shape \(shape)")
    var position = 0
    for (i, size) in zip(index, shape) {
      precondition(i >= 0 && i < size, "index \(index) outside shape \(shape)")
      position = position * size + i
    }
    return read { $0[position] }
  }

  /// The element at a place in row-major order.
  public subscript(place index: Int) -> S {
    precondition(index >= 0 && index < count, "place \(index) in a tensor of \(count)")
    return read { $0[index] }
  }

  /// Calls `body` with a pointer to the first element, valid during the call.
  @inlinable @inline(__always)
  public func read<R, E: Error>(_ body: (UnsafePointer<S>) throws(E) -> R) throws(E) -> R {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafePointer(storage.base + offset))
  }

  /// Calls `body` with a pointer through which the elements may be changed, copying them first if
  /// their memory is shared.
  @inlinable @inline(__always)
  public mutating func update<R, E: Error>(
    _ body: (UnsafeMutablePointer<S>) throws(E) -> R
  ) throws(E) -> R {
    makeUnique()
    defer { withExtendedLifetime(storage) {} }
    return try body(storage.base + offset)
  }

  @inlinable
  mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) {
      let copy = Storage<S>(count: count)
      copy.base.update(from: storage.base + offset, count: count)
      self = Self(shape: shape, count: count, storage: copy, offset: 0)
    }
  }
}

/// Calls `body` with a pointer to the first element of a tensor, valid during the call, or nil where there is none.
@inlinable @inline(__always)
public func read<S, R, E: Error>(
  _ tensor: Tensor<S>?, _ body: (UnsafePointer<S>?) throws(E) -> R
) throws(E) -> R {
  guard let tensor else { return try body(nil) }
  return try tensor.read { (pointer) throws(E) in try body(pointer) }
}

/// Calls `body` with pointers to the first elements of two tensors, valid during the call.
@inlinable @inline(__always)
public func read<S, T, R, E: Error>(
  _ a: Tensor<S>, _ b: Tensor<T>,
  _ body: (UnsafePointer<S>, UnsafePointer<T>) throws(E) -> R
) throws(E) -> R {
  try a.read { (a) throws(E) in try b.read { (b) throws(E) in try body(a, b) } }
}

/// Calls `body` with pointers to the first elements of three tensors, valid during the call.
@inlinable @inline(__always)
public func read<S, T, U, R, E: Error>(
  _ a: Tensor<S>, _ b: Tensor<T>, _ c: Tensor<U>,
  _ body: (UnsafePointer<S>, UnsafePointer<T>, UnsafePointer<U>) throws(E) -> R
) throws(E) -> R {
  try a.read { (a) throws(E) in try read(b, c) { (b, c) throws(E) in try body(a, b, c) } }
}

extension Tensor: Equatable {
  /// Whether shapes and elements agree, by the scalar's own `==` (so NaN differs from itself).
  public static func == (a: Self, b: Self) -> Bool {
    a.shape == b.shape
      && AsuraTensor.read(a, b) { x, y in
        for i in 0..<a.count where x[i] != y[i] { return false }
        return true
      }
  }

  /// Whether shapes agree and every element has the same bits.
  public func isIdentical(to other: Self) -> Bool {
    shape == other.shape
      && AsuraTensor.read(self, other) { x, y in
        memcmp(x, y, count * MemoryLayout<S>.stride) == 0
      }
  }
}

extension Tensor: CustomStringConvertible {
  /// The type, the shape and the first few elements.
  public var description: String {
    let shown = elements.prefix(8).map { "\($0)" }.joined(separator: ", ")
    return "Tensor<\(S.typeName)>\(shape)[\(shown)\(count > 8 ? ", …" : "")]"
  }
}
