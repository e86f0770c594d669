/// A tensor's memory: one aligned block, taken from the buffer pool and given back to it.
///
/// `@unchecked Sendable`: its elements are written only through a tensor that holds the sole
/// reference to it (copy on write), so two threads never write the same storage.
@usableFromInline
final class Storage<S: Scalar>: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<S>
  let count: Int

  /// Takes a block for `count` elements whose values are undefined.
  @usableFromInline
  init(count: Int) {
    precondition(count >= 0, "a tensor cannot hold \(count) elements")
    self.count = count
    self.base = BufferPool.shared.take(bytes: count * MemoryLayout<S>.stride)
      .bindMemory(to: S.self, capacity: max(count, 1))
  }

  deinit {
    BufferPool.shared.give(UnsafeMutableRawPointer(base), bytes: count * MemoryLayout<S>.stride)
  }
}
