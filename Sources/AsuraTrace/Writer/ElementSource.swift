import Foundation

/// Numbers in memory, of one of the types that are stored.
///
/// `@unchecked Sendable`: it is read, by several threads, only while its memory is held.
struct ElementSource: @unchecked Sendable {
  private let base: UnsafeRawPointer?
  private let number: H5Number

  init(_ bytes: UnsafeRawBufferPointer, _ number: H5Number) {
    base = bytes.baseAddress
    self.number = number
  }

  /// Copies `count` numbers from the one at `start`, converting floats.
  func copy(_ start: Int, count: Int, to target: UnsafeMutableRawPointer?, as stored: H5Number) {
    guard let target, let base = base.map({ $0 + start * number.size }) else { return }
    switch (number, stored) {
    case (.float32, .float64):
      let (x, y) = (
        base.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: Double.self)
      )
      for i in 0..<count { y[i] = Double(x[i]) }
    case (.float64, .float32):
      let (x, y) = (
        base.assumingMemoryBound(to: Double.self), target.assumingMemoryBound(to: Float.self)
      )
      for i in 0..<count { y[i] = Float(x[i]) }
    default:
      precondition(number == stored, "\(number) cannot be stored as \(stored)")
      memcpy(target, base, count * number.size)
    }
  }
}
