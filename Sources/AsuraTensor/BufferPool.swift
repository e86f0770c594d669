import AsuraKernels
import Foundation
import Synchronization

/// Keeps freed tensor memory for the next tensor of like size.
///
/// A training step makes thousands of short-lived tensors of a few sizes. Reusing their blocks
/// keeps them in the processor's cache and spares the page faults of asking the system anew. Each thread has shelves of
/// its own, so that it gets what its own core's cache holds; only when they lack the size does it look on others'.
package final class BufferPool: Sendable {
  package static let shared = BufferPool()

  /// Blocks are aligned for the widest vector registers and cache lines.
  static let alignment = 64
  /// Blocks larger than this go straight back to the system.
  private static let largestKept = 64 << 20
  private static let mostBytesKept = 512 << 20

  /// Freed blocks by size class.
  private final class Shelves: Sendable {
    let blocks = Mutex<[[UInt]]>(Array(repeating: [], count: 256))
  }
  private let shelves = (0..<16).map { _ in Shelves() }
  private let bytesKept = Atomic<Int>(0)

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

  /// A block of at least `bytes`, whose content is undefined.
  package func take(bytes: Int) -> UnsafeMutableRawPointer {
    let size = Self.sizeClass(bytes)
    let own = Int(asura_thread_number())
    for other in 0..<shelves.count {
      let kept = shelves[(own + other) % shelves.count].blocks.withLock { $0[size.index].popLast() }
      if let kept, let pointer = UnsafeMutableRawPointer(bitPattern: kept) {
        bytesKept.subtract(size.bytes, ordering: .relaxed)
        return pointer
      }
    }
    var pointer: UnsafeMutableRawPointer?
    let code = posix_memalign(&pointer, Self.alignment, size.bytes)
    guard code == 0, let pointer else {
      preconditionFailure("out of memory: \(size.bytes) bytes for a tensor")
    }
    return pointer
  }

  /// Takes back a block that was asked for with the same `bytes`.
  package func give(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    let size = Self.sizeClass(bytes)
    guard size.bytes <= Self.largestKept,
      bytesKept.load(ordering: .relaxed) + size.bytes <= Self.mostBytesKept
    else { return free(pointer) }
    bytesKept.add(size.bytes, ordering: .relaxed)
    shelves[Int(asura_thread_number()) % shelves.count].blocks.withLock {
      $0[size.index].append(UInt(bitPattern: pointer))
    }
  }
}
