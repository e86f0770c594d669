import Foundation
import Synchronization

/// Keeps freed tensor memory for the next tensor of like size.
///
/// A training step makes thousands of short-lived tensors of a few sizes. Reusing their blocks
/// keeps them in the processor's cache and spares the page faults of asking the system anew.
package final class BufferPool: Sendable {
  static let shared = BufferPool()

  /// Blocks are aligned for the widest vector registers and cache lines.
  static let alignment = 64
  /// Blocks larger than this go straight back to the system.
  private static let largestKept = 64 << 20
  private static let mostBytesKept = 512 << 20

  private struct Shelves {
    var blocks: [[UInt]] = Array(repeating: [], count: 256)
    var bytes = 0
  }
  private let shelves = Mutex(Shelves())

  /// The size class of a request and the bytes a block of it has: eight classes to each doubling,
  /// so that at most an eighth of a block is wasted.
  package static func sizeClass(_ bytes: Int) -> (index: Int, bytes: Int) {
    let units = UInt(max(bytes, 1) + alignment - 1) / UInt(alignment)
    if units <= 8 { return (Int(units) - 1, Int(units) * alignment) }
    let exponent = UInt.bitWidth - 1 - units.leadingZeroBitCount
    let step = UInt(1) << UInt(exponent - 3)
    let rounded = (units + step - 1) / step
    return (8 * (exponent - 3) + Int(rounded) - 1, Int(rounded * step) * alignment)
  }

  func take(bytes: Int) -> UnsafeMutableRawPointer {
    let size = Self.sizeClass(bytes)
    let kept: UInt? = shelves.withLock { shelves in
      guard let block = shelves.blocks[size.index].popLast() else { return nil }
      shelves.bytes -= size.bytes
      return block
    }
    if let kept, let pointer = UnsafeMutableRawPointer(bitPattern: kept) { return pointer }
    var pointer: UnsafeMutableRawPointer?
    let code = posix_memalign(&pointer, Self.alignment, size.bytes)
    guard code == 0, let pointer else {
      preconditionFailure("out of memory: \(size.bytes) bytes for a tensor")
    }
    return pointer
  }

  func give(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    let size = Self.sizeClass(bytes)
    let kept = shelves.withLock { shelves in
      guard size.bytes <= Self.largestKept, shelves.bytes + size.bytes <= Self.mostBytesKept else {
        return false
      }
      shelves.blocks[size.index].append(UInt(bitPattern: pointer))
      shelves.bytes += size.bytes
      return true
    }
    if !kept { free(pointer) }
  }
}
