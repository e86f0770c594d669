internal import CHDF5
internal import CZlib

extension H5Dataset {
  /// Makes sure that the chunks of a block have the size that their filters make of a chunk.
  ///
  /// libhdf5 decompresses whatever comes: a few kilobytes could become gigabytes. This costs a second
  /// decompression, into a small buffer. And it looks for the checksum of a chunk that is too short to
  /// have one.
  func checkChunks(of block: H5Block) throws {
    let storage = try storage()
    guard let chunk = storage.chunk, !storage.filters.isEmpty,
      case .number(let number) = try kind(),
      let most = storage.chunkBytes(elementSize: number.size)
    else { return }
    let first = zip(block.start, chunk).map { $0 / $1 }
    let grid = chunk.indices.map {
      (block.start[$0] + block.count[$0] - 1) / chunk[$0] - first[$0] + 1
    }
    var buffer: [UInt8] = []
    for place in H5Blocks(of: grid, in: chunk.map { _ in 1 }) {
      let offset = chunk.indices.map { hsize_t((first[$0] + place.start[$0]) * chunk[$0]) }
      let bytes = try storedBytes(ofChunkAt: offset, storage, most: most)
      guard bytes > 0, let deflate = storage.filters.firstIndex(of: .deflate) else { continue }
      if buffer.count < bytes { buffer = [UInt8](repeating: 0, count: bytes) }
      var skipped: UInt32 = 0
      try HDF5.call("read a chunk of '\(name)'") {
        H5Dread_chunk(handle.id, asura_h5p_default(), offset, &skipped, &buffer)
      }
      guard skipped & (1 << UInt32(deflate)) == 0 else { continue }
      // Where there is a checksum, it is the last 4 bytes.
      let isSealed = storage.filters.last == .fletcher32 && skipped >> UInt32(deflate + 1) & 1 == 0
      guard inflatedCount(of: buffer[..<max(0, bytes - (isSealed ? 4 : 0))], most: most) <= most
      else {
        throw TraceError(
          .damaged, "a chunk of '\(name)' would decompress to more than its \(most) bytes")
      }
    }
  }

  /// The bytes that a chunk takes in the file; 0 if it was never written.
  func storedBytes(ofChunkAt offset: [hsize_t], _ storage: H5Storage, most: Int) throws -> Int {
    var size: hsize_t = 0
    let code = HDF5.locked { H5Dget_chunk_storage_size(handle.id, offset, &size) }
    let bytes = code < 0 ? 0 : Int(clamping: size)
    if bytes == 0, try chunkPlace(at: offset.map { Int($0) }) == nil { return 0 }
    let checksum = storage.filters.contains(.fletcher32) ? 4 : 0
    // What compression cannot shrink grows by a few bytes only; the other filters keep the size. A
    // filter may have been left out.
    let isPossible =
      storage.filters.contains(.deflate)
      ? bytes > checksum && bytes <= most + most / 64 + 4_096
      : bytes == most + checksum || bytes == most
    guard isPossible, bytes > checksum else {
      throw TraceError(
        .damaged, "'\(name)' claims a chunk of \(bytes) bytes for \(most) of values")
    }
    return bytes
  }
}

/// How many bytes a compressed text becomes, counted no further than just beyond `most`; 0 if it is
/// none, which is for HDF5 to say.
private func inflatedCount(of bytes: ArraySlice<UInt8>, most: Int) -> Int {
  var stream = z_stream()
  guard
    inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  else { return 0 }
  defer { inflateEnd(&stream) }
  var window = [UInt8](repeating: 0, count: 65_536)
  var count = 0
  return bytes.withUnsafeBufferPointer { bytes in
    stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
    stream.avail_in = uInt(bytes.count)
    while count <= most {
      let (code, made) = window.withUnsafeMutableBufferPointer { window in
        stream.next_out = window.baseAddress
        stream.avail_out = uInt(window.count)
        let code = inflate(&stream, Z_NO_FLUSH)
        return (code, window.count - Int(stream.avail_out))
      }
      count += made
      guard code == Z_OK, made > 0 else { return code == Z_STREAM_END || code == Z_OK ? count : 0 }
    }
    return count
  }
}
