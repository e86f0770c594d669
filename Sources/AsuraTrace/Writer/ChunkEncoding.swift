internal import AsuraKernels
import AsuraTensor
import Foundation

/// The bytes of one chunk on their way to the file, with room for a checksum behind them.
///
/// `@unchecked Sendable`: parts of a batch fill different bytes of it; it is handed on through locks, and only
/// one thread at a time encodes or writes it.
package final class ChunkBuffer: @unchecked Sendable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  fileprivate var count: Int
  /// Sums over its values, once it is encoded.
  fileprivate(set) var moments = Moments()

  /// - Parameter count: the bytes of the chunk.
  package init(count: Int) {
    self.count = count
    capacity = count + 4
    base = BufferPool.shared.take(bytes: capacity)
  }

  deinit { BufferPool.shared.give(base, bytes: capacity) }

  /// All bytes, the checksum's room excepted.
  package var bytes: UnsafeMutableRawBufferPointer { .init(start: base, count: count) }

  /// Puts HDF5's checksum of the bytes behind them.
  fileprivate func seal() {
    let sum = asura_fletcher32(base, count).littleEndian
    (base + count).storeBytes(of: sum, as: UInt32.self)
    count += 4
  }

  /// Takes over another's bytes.
  fileprivate func replace(with other: ChunkBuffer) {
    swap(&base, &other.base)
    swap(&capacity, &other.capacity)
    swap(&count, &other.count)
  }
}

/// Sums over values as they are stored, for the file's self-check.
struct Moments: Sendable, Equatable {
  /// Of the finite values.
  var sum = 0.0
  var squares = 0.0
  /// How many are not finite.
  var others = 0

  mutating func add(_ other: Moments) {
    sum += other.sum
    squares += other.squares
    others += other.others
  }
}

/// What is done to an array's chunks before they are written: the same as HDF5's own filters do, which know only
/// one thread.
package struct ChunkEncoding: Sendable, Equatable {
  /// The bytes of HDF5's checksum behind each chunk.
  static let checksumBytes = 4

  let number: H5Number
  let deflate: Int
  /// Bits of mantissa to keep; nil for all.
  let keptBits: Int?

  package init(_ number: H5Number, deflate: Int = 0, keptBits: Int? = nil) {
    self.number = number
    self.deflate = deflate
    let all = (number == .float64 ? TraceElements.float64 : .float32).mantissaBits
    self.keptBits = keptBits.flatMap { number.isFloat && $0 < all ? $0 : nil }
  }

  /// Encodes a chunk in place, of which the first `count` elements are values and the rest lies beyond the
  /// array's edge.
  package func encode(_ chunk: ChunkBuffer, values count: Int) {
    let bytes = chunk.bytes
    guard let base = bytes.baseAddress else { return }
    let used = count * number.size
    if used < bytes.count { memset(base + used, 0, bytes.count - used) }
    var moments = Moments()
    if number.isFloat {
      let type = number == .float64 ? ASURA_F64 : ASURA_F32
      if let keptBits { asura_round_mantissa(type, Int32(keptBits), base, base, count) }
      asura_moments(type, base, count, &moments.sum, &moments.squares, &moments.others)
    }
    chunk.moments = moments
    if deflate > 0 { compress(chunk) }
    chunk.seal()
  }

  private func compress(_ chunk: ChunkBuffer) {
    let shuffled = ChunkBuffer(count: chunk.count)
    let compressed = ChunkBuffer(count: Deflate.bound(chunk.count))
    asura_shuffle(
      chunk.bytes.baseAddress, shuffled.bytes.baseAddress, chunk.count / number.size, number.size)
    guard
      let count = Deflate.compress(
        UnsafeRawBufferPointer(shuffled.bytes), into: compressed.bytes, level: deflate)
    else { preconditionFailure("zlib needs more room than it says") }
    // What waits for the file takes no more memory than it must.
    let result = ChunkBuffer(count: count)
    result.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: compressed.bytes[..<count]))
    chunk.replace(with: result)
  }
}
