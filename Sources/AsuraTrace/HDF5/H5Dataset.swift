internal import CHDF5

/// How a dataset is laid out in its file.
package struct H5Layout: Sendable {
  /// Whether the first axis can grow.
  package var growable = false
  /// Compression from 0 (none) to 9.
  package var deflate = 0
  /// The shape of a chunk; chosen by its size where nil.
  package var chunk: [Int]?
  /// Whether chunks carry checksums. Those that are written again and again as they fill do not: a program
  /// killed in the midst of that would leave a wrong one.
  package var hasChecksums = true

  package init(
    growable: Bool = false, deflate: Int = 0, chunk: [Int]? = nil, hasChecksums: Bool = true
  ) {
    self.growable = growable
    self.deflate = deflate
    self.chunk = chunk
    self.hasChecksums = hasChecksums
  }

  /// Chunks of at most 4 MiB: one entry of a growable first axis, split along the next axes if need
  /// be. A series of single numbers gets 256 a chunk.
  package func chunk(of shape: [Int], elementSize: Int) -> [Int] {
    var chunk = shape.map { max(1, $0) }
    if growable { chunk[0] = chunk.count == 1 ? 256 : 1 }
    for axis in chunk.indices {
      let bytes = chunk.reduce(Double(elementSize)) { $0 * Double($1) }
      guard bytes > 4_194_304 else { break }
      let pieces = (bytes / 4_194_304).rounded(.up)
      chunk[axis] = max(1, Int(Double(chunk[axis]) / pieces))
    }
    return chunk
  }
}

/// A dataset: a named array in an HDF5 file.
package struct H5Dataset: H5Object {
  package let handle: H5Handle
  package let name: String

  /// The size of each axis now.
  package func shape() throws -> [Int] { try space().shape() }

  /// What its elements are.
  package func kind() throws -> H5Kind { try H5Kind(of: type()) }

  func space() throws -> H5Space {
    H5Space(try H5Handle("read the shape of '\(name)'") { H5Dget_space(handle.id) })
  }

  private func type() throws -> H5Handle {
    try H5Handle("read the type of '\(name)'") { H5Dget_type(handle.id) }
  }

  /// Sets the size of the first axis of a growable dataset; entries beyond it are dropped.
  package func resize(firstAxisTo size: Int) throws {
    var sizes = try shape().map { hsize_t($0) }
    sizes[0] = hsize_t(size)
    try HDF5.call("resize '\(name)'") { H5Dset_extent(handle.id, sizes) }
  }

  /// Writes the block of `count` elements at `start`, converting to the stored type.
  package func write(
    _ values: UnsafeRawPointer, as type: H5Number, start: [Int], count: [Int]
  ) throws {
    guard !count.contains(0) else { return }
    let (file, memory) = (try space(), try H5Space(count))
    if !count.isEmpty { try file.select(start: start, count: count) }
    try HDF5.call("write '\(name)'") {
      H5Dwrite(
        handle.id, type.id, memory.handle.id, file.handle.id, asura_h5p_default(), values)
    }
  }

  /// Reads the block of `count` elements at `start` into `values`, converting from the stored type.
  /// - Precondition: the block lies inside the dataset and has passed `checkStored`.
  package func read(
    into values: UnsafeMutableRawPointer, as type: H5Number, start: [Int], count: [Int]
  ) throws {
    guard !count.contains(0) else { return }
    try checkChunks(of: H5Block(start: start, count: count))
    let (file, memory) = (try space(), try H5Space(count))
    if !count.isEmpty { try file.select(start: start, count: count) }
    try HDF5.call("read '\(name)'") {
      H5Dread(
        handle.id, type.id, memory.handle.id, file.handle.id, asura_h5p_default(), values)
    }
  }

  /// Reads all strings of a scalar or one-axis dataset, up to 1 GiB of them.
  ///
  /// Variable-length ones are read one by one: many entries may point at one long text, so the size
  /// of the file does not bound their sum.
  package func texts() throws -> [String] {
    let (type, shape) = (try type(), try shape())
    guard case .text(let fixedSize) = try H5Kind(of: type), shape.count <= 1,
      let count = elementCount(shape), let size = elementCount([count, fixedSize ?? 16])
    else { throw TraceError(.damaged, "'\(name)' is not a list of texts") }
    try checkStored(bytes: size)
    func read(from start: Int, _ count: Int) throws -> [String] {
      let (file, memory) = (try space(), try H5Space(shape.isEmpty ? [] : [count]))
      if !shape.isEmpty { try file.select(start: [start], count: [count]) }
      return try H5Text.read(
        count: count, type: type, space: memory.handle, fixedSize: fixedSize
      ) { buffer in
        _ = try HDF5.call("read '\(name)'") {
          H5Dread(
            handle.id, type.id, memory.handle.id, file.handle.id, asura_h5p_default(), buffer)
        }
      }
    }
    if fixedSize != nil { return try read(from: 0, count) }
    var texts: [String] = []
    var total = 0
    for index in 0..<count {
      texts += try read(from: index, 1)
      total += texts[index].utf8.count
      guard total <= 1 << 30 else {
        throw TraceError(.damaged, "'\(name)' claims more than \(total) bytes of text")
      }
    }
    return texts
  }
}

// MARK: - Making datasets

extension H5Group {
  /// Makes a dataset of numbers, with checksums. Floats that are never written read as NaN.
  package func makeDataset(
    _ name: String, _ type: H5Number, shape: [Int], layout: H5Layout = H5Layout()
  ) throws -> H5Dataset {
    let doing = "make dataset '\(name)'"
    let properties = try H5Handle(doing) { H5Pcreate(asura_h5p_dataset_create()) }
    // Scalars and empty arrays cannot be chunked, and only chunks carry checksums.
    if layout.growable || !shape.isEmpty && !shape.contains(0) {
      let chunk = (layout.chunk ?? layout.chunk(of: shape, elementSize: type.size))
        .map { hsize_t($0) }
      try HDF5.call(doing) { H5Pset_chunk(properties.id, Int32(chunk.count), chunk) }
      if layout.deflate > 0 {
        try HDF5.call(doing) { H5Pset_shuffle(properties.id) }
        try HDF5.call(doing) { H5Pset_deflate(properties.id, UInt32(layout.deflate)) }
      }
      if layout.hasChecksums { try HDF5.call(doing) { H5Pset_fletcher32(properties.id) } }
    }
    if type.isFloat {
      var missing = Double.nan
      try HDF5.call(doing) { H5Pset_fill_value(properties.id, H5Number.float64.id, &missing) }
    }
    try HDF5.call(doing) {
      H5Pset_attr_creation_order(
        properties.id, UInt32(H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED))
    }
    let space = try H5Space(shape, growable: layout.growable)
    return H5Dataset(
      handle: try H5Handle(doing) {
        H5Dcreate2(
          handle.id, name, type.id, space.handle.id, asura_h5p_default(), properties.id,
          asura_h5p_default())
      }, name: name)
  }

  /// Makes a dataset of the given numbers.
  @discardableResult
  package func makeDataset<T>(
    _ name: String, _ type: H5Number, shape: [Int], values: [T],
    layout: H5Layout = H5Layout()
  ) throws -> H5Dataset {
    precondition(values.count == elementCount(shape), "\(values.count) values for \(shape)")
    precondition(MemoryLayout<T>.stride == type.size, "\(T.self) is not \(type)")
    let dataset = try makeDataset(name, type, shape: shape, layout: layout)
    try values.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try dataset.write(base, as: type, start: shape.map { _ in 0 }, count: shape)
    }
    return dataset
  }

  /// Makes a dataset of texts: one with `isScalar`, otherwise a list.
  @discardableResult
  package func makeTexts(_ name: String, _ texts: [String], isScalar: Bool = false) throws
    -> H5Dataset
  {
    let doing = "make dataset '\(name)'"
    let (type, space) = (try H5Text.type(), try isScalar ? H5Space() : H5Space([texts.count]))
    let dataset = H5Dataset(
      handle: try H5Handle(doing) {
        H5Dcreate2(
          handle.id, name, type.id, space.handle.id, asura_h5p_default(), asura_h5p_default(),
          asura_h5p_default())
      }, name: name)
    try H5Text.withPointers(texts) { pointers in
      _ = try HDF5.call(doing) {
        H5Dwrite(
          dataset.handle.id, type.id, asura_h5s_all(), asura_h5s_all(), asura_h5p_default(),
          pointers)
      }
    }
    return dataset
  }
}

// MARK: - Dimension scales

extension H5Dataset {
  /// Makes this one-axis dataset the scale of the axis `name`.
  package func becomeScale(_ name: String) throws {
    try HDF5.call("make '\(name)' a dimension scale") { H5DSset_scale(handle.id, name) }
  }

  /// Says that `scale` holds the coordinates of axis `axis`.
  package func attach(_ scale: H5Dataset, axis: Int) throws {
    try HDF5.call("attach scale '\(scale.name)' to '\(name)'") {
      H5DSattach_scale(handle.id, scale.handle.id, UInt32(axis))
    }
  }
}
