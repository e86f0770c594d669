/// The framing of TensorBoard's event files: a record is its length (8 bytes), the length's
/// checksum (4), the data, the data's checksum (4), all little endian.
package enum TFRecord {
  /// Appends `data` as one record.
  package static func append(_ data: [UInt8], to file: inout [UInt8]) {
    let length = littleEndian(UInt64(data.count))
    file += length
    file += littleEndian(maskedChecksum(length))
    file += data
    file += littleEndian(maskedChecksum(data))
  }

  /// CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays a good one.
  private static func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
    let checksum = crc32c(bytes)
    return ((checksum >> 15) | (checksum << 17)) &+ 0xA282_EAD8
  }

  private static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
