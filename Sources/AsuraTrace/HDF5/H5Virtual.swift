internal import CHDF5

/// What fills one entry of a virtual dataset's first axis.
struct H5VirtualSource: Sendable {
  /// The file, relative to the folder of the virtual dataset's own; `.` for that file itself.
  let file: String
  /// The path of the dataset in it.
  let dataset: String
  /// Its shape, all axes, and how many of its rows are meant.
  let shape: [Int]
  let rows: Int
}

extension H5Group {
  /// Makes a dataset that holds no values but shows those of others, stacked along a new first axis.
  func makeVirtualDataset(
    _ name: String, _ type: H5Number, stacking sources: [H5VirtualSource]
  ) throws -> H5Dataset {
    let doing = "make dataset '\(name)'"
    guard let first = sources.first else { throw TraceError(.misuse, "nothing to stack") }
    let entry = [first.rows] + first.shape.dropFirst()
    let shape = [sources.count] + entry
    let properties = try H5Handle(doing) { H5Pcreate(asura_h5p_dataset_create()) }
    if type.isFloat {
      var missing = Double.nan
      try HDF5.call(doing) { H5Pset_fill_value(properties.id, H5Number.float64.id, &missing) }
    }
    for (index, source) in sources.enumerated() where !entry.contains(0) {
      let (target, origin) = (try H5Space(shape), try H5Space(source.shape))
      try target.select(start: [index] + entry.map { _ in 0 }, count: [1] + entry)
      try origin.select(start: entry.map { _ in 0 }, count: entry)
      try HDF5.call(doing) {
        H5Pset_virtual(
          properties.id, target.handle.id, source.file, source.dataset, origin.handle.id)
      }
    }
    let space = try H5Space(shape)
    return H5Dataset(
      handle: try H5Handle(doing) {
        H5Dcreate2(
          handle.id, name, type.id, space.handle.id, asura_h5p_default(), properties.id,
          asura_h5p_default())
      }, name: name)
  }
}

extension H5Dataset {
  /// The files that a virtual dataset shows, as it names them; none for others.
  func virtualFiles() throws -> [String] {
    let doing = "read the layout of '\(name)'"
    let properties = try H5Handle(doing) { H5Dget_create_plist(handle.id) }
    guard HDF5.locked({ H5Pget_layout(properties.id) }) == H5D_VIRTUAL else { return [] }
    var count = 0
    try HDF5.call(doing) { H5Pget_virtual_count(properties.id, &count) }
    guard count <= LinkedTraces.mostRuns else {
      throw TraceError(.damaged, "'\(name)' shows \(count) other datasets")
    }
    return try (0..<count).map { index in
      let length = try HDF5.call(doing) { H5Pget_virtual_filename(properties.id, index, nil, 0) }
      guard length <= 65_536 else { throw TraceError(.damaged, "'\(name)' names no file") }
      var bytes = [CChar](repeating: 0, count: length + 1)
      try HDF5.call(doing) {
        H5Pget_virtual_filename(properties.id, index, &bytes, length + 1)
      }
      return String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
