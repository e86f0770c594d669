import Foundation

/// A counter-based random generator: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3", SC 2011).
///
/// Its state is a key and a counter, so a run can be resumed from three numbers, and independent
/// streams cost nothing: the same seed with another stream gives unrelated numbers.
public struct Random: RandomNumberGenerator, Sendable, Equatable, Codable {
  /// What the generator was seeded with.
  public let seed: UInt64
  /// Which of the seed's independent streams this is.
  public let stream: UInt64
  /// How many 64-bit numbers have been drawn.
  public private(set) var position: UInt64 = 0

  /// A generator at the start of one of the seed's streams.
  public init(seed: UInt64, stream: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
  }

  /// The generator of `seed` for a named purpose: each name gives an independent stream.
  public init(seed: UInt64, for purpose: String) {
    // FNV-1a: stable across runs and machines, unlike Swift's own hashing.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    self.init(seed: seed, stream: hash)
  }

  /// The generator for item `index` of this one's sequence of sub-streams (a step, an example).
  public func split(_ index: UInt64) -> Random {
    let words = Self.block(
      counter: (
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
      ), key: (UInt32(truncatingIfNeeded: seed), ~UInt32(truncatingIfNeeded: seed >> 32)))
    return Random(seed: seed, stream: UInt64(words.0) | UInt64(words.1) << 32)
  }

  /// The next 64 uniformly distributed bits.
  public mutating func next() -> UInt64 {
    let counter = position >> 1
    let words = Self.block(
      counter: (
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
      ), key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    defer { position &+= 1 }
    return position & 1 == 0
      ? UInt64(words.0) | UInt64(words.1) << 32 : UInt64(words.2) | UInt64(words.3) << 32
  }

  /// A number uniform in [0, 1), a multiple of 2⁻⁵³.
  public mutating func uniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A standard normal number (Box–Muller; two draws each).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// Four 32-bit words from a 128-bit counter and a 64-bit key.
  public static func block(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (c0, c1, c2, c3) = counter
    var (k0, k1) = key
    for _ in 0..<10 {
      let a = UInt64(0xD251_1F53) &* UInt64(c0)
      let b = UInt64(0xCD9E_8D57) &* UInt64(c2)
      (c0, c1, c2, c3) = (
        UInt32(b >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: a)
      )
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }
}

extension Tensor {
  /// Standard normal numbers times `scale`.
  public static func normal(_ shape: [Int], scale: S = 1, using random: inout Random) -> Self {
    Self(shape) { base in
      for i in 0..<elementCount(of: shape) { base[i] = S(random.normal()) * scale }
    }
  }

  /// Numbers uniform in `range`.
  public static func uniform(
    _ shape: [Int], in range: Range<S> = 0..<1, using random: inout Random
  ) -> Self {
    let width = range.upperBound - range.lowerBound
    return Self(shape) { base in
      for i in 0..<elementCount(of: shape) {
        // Rounding can reach the upper bound.
        let x = range.lowerBound + width * S(random.uniform())
        base[i] = min(x, range.upperBound.nextDown)
      }
    }
  }
}
