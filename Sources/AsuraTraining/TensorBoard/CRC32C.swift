/// The CRC-32C checksum (Castagnoli; RFC 3720, section 12.1) of `bytes`.
package func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var remainder = UInt32.max
  for byte in bytes {
    remainder = table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)] ^ (remainder >> 8)
  }
  return ~remainder
}

/// The remainder of each byte, for the reflected polynomial.
private let table: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { remainder, _ in
    remainder & 1 == 1 ? 0x82F6_3B78 ^ (remainder >> 1) : remainder >> 1
  }
}
