internal import CHDF5

extension H5Dataset {
  /// Whether the first axis can grow.
  package func isGrowable() throws -> Bool { try space().isGrowable() }

  /// Writes one whole chunk as its filters would have left it.
  ///
  /// - Parameter offset: its first element, one number an axis.
  package func writeChunk(_ bytes: UnsafeRawBufferPointer, offset: [Int]) throws {
    let place = offset.map { hsize_t($0) }
    try HDF5.call("write '\(name)'") {
      H5Dwrite_chunk(
        handle.id, asura_h5p_default(), 0, place, bytes.count, bytes.baseAddress)
    }
  }
}
