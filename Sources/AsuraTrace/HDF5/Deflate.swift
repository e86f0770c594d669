internal import CZlib

/// zlib's compressor, in the format HDF5's deflate filter reads.
enum Deflate {
  /// The most bytes that `count` bytes may be compressed to.
  static func bound(_ count: Int) -> Int { Int(compressBound(uLong(count))) }

  /// Compresses `source` into `target` at a level from 1 to 9 and returns the bytes that took; nil
  /// if `target` is too small.
  static func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, level: Int
  ) -> Int? {
    var size = uLongf(target.count)
    let code = compress2(
      target.baseAddress?.assumingMemoryBound(to: Bytef.self), &size,
      source.baseAddress?.assumingMemoryBound(to: Bytef.self), uLong(source.count), Int32(level))
    return code == Z_OK ? Int(size) : nil
  }
}
