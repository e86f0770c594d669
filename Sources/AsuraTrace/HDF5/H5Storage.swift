internal import CHDF5

/// How a dataset's values lie in its file.
struct H5Storage: Sendable {
  enum Layout: Sendable { case compact, contiguous, chunked, virtual }

  let layout: Layout
  /// The shape of one chunk; nil where there are none.
  let chunk: [Int]?
  let filters: [H5Filter]
  /// The filters' settings: kept to make a dataset that stores its values the same way.
  let properties: H5Handle

  /// The bytes of one chunk of elements of `size` bytes, before compression.
  func chunkBytes(elementSize: Int) -> Int? { chunk.flatMap { elementCount($0 + [elementSize]) } }
}

/// What happens to a chunk on its way to the file. Others than these do not occur in traces, and
/// are not run: libhdf5's own checks of their settings are weak.
enum H5Filter: Int32, Sendable, CaseIterable {
  // HDF5's registered numbers.
  case deflate = 1
  case shuffle = 2
  case fletcher32 = 3
}

extension H5Dataset {
  /// The most bytes that one chunk may take before compression. Writers make them of 4 MiB.
  static var mostChunkBytes: Int { 64 << 20 }

  /// Finds out how the values are stored.
  /// - Throws: `TraceError` of kind `damaged` for what traces do not have: data in other files,
  ///   other filters, chunks beyond `mostChunkBytes`.
  func storage() throws -> H5Storage {
    let doing = "read the layout of '\(name)'"
    let properties = try H5Handle(doing) { H5Dget_create_plist(handle.id) }
    let external = try HDF5.call(doing) { H5Pget_external_count(properties.id) }
    guard external == 0 else {
      throw TraceError(.damaged, "'\(name)' keeps its data in other files")
    }
    let code = HDF5.locked { H5Pget_layout(properties.id) }
    let layout: H5Storage.Layout
    switch code {
    case H5D_COMPACT: layout = .compact
    case H5D_CONTIGUOUS: layout = .contiguous
    case H5D_CHUNKED: layout = .chunked
    case H5D_VIRTUAL: layout = .virtual
    default: throw TraceError(.damaged, "'\(name)' is stored in an unknown way")
    }
    let count = try HDF5.call(doing) { H5Pget_nfilters(properties.id) }
    guard count <= 8 else { throw TraceError(.damaged, "'\(name)' claims \(count) filters") }
    let filters = try (0..<UInt32(count)).map { index in
      var (flags, settings) = (UInt32(0), 0)
      let number = try HDF5.call(doing) {
        H5Pget_filter2(properties.id, index, &flags, &settings, nil, 0, nil, nil)
      }
      guard let filter = H5Filter(rawValue: number) else {
        throw TraceError(.damaged, "'\(name)' is stored with the filter \(number)")
      }
      return filter
    }
    // In another order, or repeated, they would do other things.
    let order: [H5Filter] = [.shuffle, .deflate, .fletcher32]
    guard filters == order.filter(filters.contains) else {
      throw TraceError(.damaged, "'\(name)' is stored with the filters \(filters)")
    }
    guard layout == .chunked else {
      return H5Storage(layout: layout, chunk: nil, filters: filters, properties: properties)
    }

    var sizes = [hsize_t](repeating: 0, count: 32)
    let rank = try HDF5.call(doing) { H5Pget_chunk(properties.id, 32, &sizes) }
    let chunk = sizes.prefix(Int(rank)).map { Int(clamping: $0) }
    let storage = H5Storage(
      layout: layout, chunk: chunk, filters: filters, properties: properties)
    guard try chunk.count == shape().count, !chunk.contains(0),
      case let element = try elementSize(), let bytes = storage.chunkBytes(elementSize: element),
      bytes <= Self.mostChunkBytes
    else { throw TraceError(.damaged, "'\(name)' claims chunks of the shape \(chunk)") }
    return storage
  }

  /// The bytes its chunks take in the file.
  package var storedBytes: Int {
    Int(clamping: HDF5.locked { H5Dget_storage_size(handle.id) })
  }

  /// The bytes of one element.
  private func elementSize() throws -> Int {
    switch try kind() {
    case .number(let number): number.size
    case .text(let size): size ?? 16
    case .other: throw TraceError(.damaged, "'\(name)' holds neither numbers nor text")
    }
  }

  /// Refuses to read `bytes` that the file cannot hold, before memory is set aside for them, and
  /// what `storage` refuses.
  package func checkStored(bytes: Int) throws {
    guard try storage().layout != .virtual else {
      throw TraceError(.damaged, "'\(name)' keeps its data in other files")
    }
    var fileBytes: hsize_t = 0
    let file = try H5Handle("find the file of '\(name)'") { H5Iget_file_id(handle.id) }
    try HDF5.call("read the file's size") { H5Fget_filesize(file.id, &fileBytes) }
    let stored = min(hsize_t(storedBytes), fileBytes)
    // Deflate makes nothing smaller than a 1032nd; unwritten chunks of small arrays take no room.
    let most = Double(stored) * 1_100 + 65_536
    guard Double(bytes) <= most else {
      throw TraceError(
        .damaged, "'\(name)' claims \(bytes) bytes here, but the file holds only \(stored)")
    }
  }
}

// MARK: - Chunks

/// A block of a dataset: `count` elements from `start`.
struct H5Block: Sendable, Equatable {
  var start: [Int]
  var count: [Int]
}

/// The blocks that a chunk shape divides an array into, in row-major order; those at the far edges
/// are cut off there. An array without axes is one block.
struct H5Blocks: Sequence, IteratorProtocol {
  let shape: [Int]
  let chunk: [Int]
  private var upcoming: [Int]?

  init(of shape: [Int], in chunk: [Int]) {
    precondition(shape.count == chunk.count && !chunk.contains(0), "\(chunk) for \(shape)")
    self.shape = shape
    self.chunk = chunk
    upcoming = shape.contains(0) ? nil : shape.map { _ in 0 }
  }

  mutating func next() -> H5Block? {
    guard let start = upcoming else { return nil }
    advance(from: start)
    return H5Block(
      start: start, count: start.indices.map { Swift.min(chunk[$0], shape[$0] - start[$0]) })
  }

  private mutating func advance(from start: [Int]) {
    var start = start
    for axis in start.indices.reversed() {
      start[axis] += chunk[axis]
      if start[axis] < shape[axis] {
        upcoming = start
        return
      }
      start[axis] = 0
    }
    upcoming = nil
  }

  /// How many blocks there are.
  var underestimatedCount: Int {
    zip(shape, chunk).reduce(1) { $1.0 == 0 ? 0 : $0 * (($1.0 - 1) / $1.1 + 1) }
  }
}

extension H5Dataset {
  /// How many chunks have been written.
  func storedChunkCount() throws -> Int {
    let space = try space()
    var count: hsize_t = 0
    try HDF5.call("count the chunks of '\(name)'") {
      H5Dget_num_chunks(handle.id, space.handle.id, &count)
    }
    return Int(clamping: count)
  }

  /// Where the chunk that begins at `start` lies in the file, and its bytes there; nil if it was
  /// never written.
  func chunkPlace(at start: [Int]) throws -> (offset: Int, bytes: Int)? {
    var (address, size, mask): (haddr_t, hsize_t, UInt32) = (0, 0, 0)
    try HDF5.call("find a chunk of '\(name)'") {
      H5Dget_chunk_info_by_coord(
        handle.id, start.map { hsize_t($0) }, &mask, &address, &size)
    }
    guard address != haddr_t.max else { return nil }
    return (Int(clamping: address), Int(clamping: size))
  }

  /// Copies the chunk that begins at `start`, as it is stored, to the same place of `other`, which
  /// must be stored the same way. Nothing is copied where nothing was written.
  func copyChunk(at start: [Int], to other: H5Dataset) throws {
    let storage = try storage()
    guard case .number(let number) = try kind(),
      let most = storage.chunkBytes(elementSize: number.size)
    else { return }
    let offset = start.map { hsize_t($0) }
    let bytes = try storedBytes(ofChunkAt: offset, storage, most: most)
    guard bytes > 0 else { return }
    var buffer = [UInt8](repeating: 0, count: bytes)
    var mask: UInt32 = 0
    try HDF5.call("read a chunk of '\(name)'") {
      H5Dread_chunk(handle.id, asura_h5p_default(), offset, &mask, &buffer)
    }
    try HDF5.call("write a chunk of '\(name)'") {
      H5Dwrite_chunk(other.handle.id, asura_h5p_default(), mask, offset, bytes, buffer)
    }
  }
}
