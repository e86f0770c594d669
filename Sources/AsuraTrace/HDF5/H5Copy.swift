internal import CHDF5

/// Copies groups from one file to another: members, attributes, values as they are stored, and
/// which scale belongs to which axis.
struct H5Copy {
  /// How a dataset is to be stored, by its path and itself; nil for as it is.
  var layout: (_ path: String, _ dataset: H5Dataset) throws -> H5Layout? = { _, _ in nil }
  /// Fills a dataset that was made with a layout of its own.
  var fill: (_ source: H5Dataset, _ target: H5Dataset) throws -> Void = { source, target in
    try H5Copy.values(from: source, to: target)
  }
  /// Called now and then with the bytes copied since the last call; throws to stop.
  var progress: (_ bytes: Int) throws -> Void = { _ in }

  /// Attributes that HDF5 writes itself when scales are attached.
  private static let ofScales: Set<String> = ["CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"]

  /// Copies what `source` holds into `target`.
  func members(of source: H5Group, to target: H5Group) throws {
    var made: [String: H5Group] = [:]
    try source.walk { path, member in
      let (parent, name) = Self.split(path)
      switch member {
      case .group(let group):
        let copy = path.isEmpty ? target : try made[parent]?.makeGroup(name)
        guard let copy else { return }
        try Self.attributes(of: group, to: copy)
        made[path] = copy
      case .dataset(let dataset):
        guard let parent = made[parent] else { return }
        try self.dataset(dataset, path, to: parent)
      }
    }
    try source.walk { path, member in
      guard case .group(let group) = member, let copy = made[path] else { return }
      try Self.scales(of: group, to: copy)
    }
  }

  private static func split(_ path: String) -> (parent: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  /// Copies attributes, those aside that tie scales to axes.
  static func attributes(of source: some H5Object, to target: some H5Object) throws {
    for name in try source.attributeNames() where !ofScales.contains(name) {
      if let value = try source.attribute(name) { try target.setAttribute(name, value) }
    }
  }

  /// Ties the scales of the copy to its arrays as they are in the original.
  static func scales(of source: H5Group, to target: H5Group) throws {
    let scales = try source.scales()
    for name in scales.keys.sorted() { try target.dataset(name).becomeScale(name) }
    for name in try source.names() where scales[name] == nil {
      guard case .dataset(let dataset) = try source.member(name), try target.contains(name) else {
        continue
      }
      let copy = try target.dataset(name)
      for (axis, scale) in try source.axes(of: dataset, among: scales).enumerated() {
        try copy.attach(target.dataset(scale), axis: axis)
      }
    }
  }

  private func dataset(_ source: H5Dataset, _ path: String, to parent: H5Group) throws {
    let name = source.name
    switch try source.kind() {
    case .other: throw TraceError(.damaged, "'\(path)' holds neither numbers nor text")
    case .text:
      let texts = try source.texts()
      let copy = try parent.makeTexts(name, texts, isScalar: source.shape().isEmpty)
      try Self.attributes(of: source, to: copy)
      try progress(texts.reduce(0) { $0 + $1.utf8.count })
    case .number(let number):
      let (shape, storage) = (try source.shape(), try source.storage())
      guard let bytes = elementCount(shape + [number.size]) else {
        throw TraceError(.damaged, "'\(path)' claims the shape \(shape)")
      }
      try source.checkStored(bytes: bytes)
      if let layout = try layout(path, source) {
        let copy = try parent.makeDataset(name, number, shape: shape, layout: layout)
        try Self.attributes(of: source, to: copy)
        return try fill(source, copy)
      }
      let copy = try parent.makeDataset(name, like: source, storage)
      try Self.attributes(of: source, to: copy)
      guard let chunk = storage.chunk else {
        try Self.values(from: source, to: copy)
        return try progress(bytes)
      }
      for block in H5Blocks(of: shape, in: chunk) {
        try source.copyChunk(at: block.start, to: copy)
        try progress(block.count.reduce(number.size, *))
      }
    }
  }

  /// Copies values block by block, at most some megabytes at once.
  static func values(from source: H5Dataset, to target: H5Dataset) throws {
    guard case .number(let number) = try source.kind() else { return }
    let shape = try source.shape()
    let chunk = try source.storage().chunk ?? H5Layout().chunk(of: shape, elementSize: number.size)
    for block in H5Blocks(of: shape, in: chunk) {
      var bytes = [UInt8](repeating: 0, count: block.count.reduce(number.size, *))
      try bytes.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        try source.read(into: base, as: number, start: block.start, count: block.count)
        try target.write(base, as: number, start: block.start, count: block.count)
      }
    }
  }
}

extension H5Group {
  /// Makes a dataset of the type and shape of `source`, stored as it is.
  fileprivate func makeDataset(
    _ name: String, like source: H5Dataset, _ storage: H5Storage
  ) throws -> H5Dataset {
    let doing = "make dataset '\(name)'"
    guard storage.layout != .virtual else {
      throw TraceError(.damaged, "'\(name)' keeps its data in other files")
    }
    let type = try H5Handle(doing) { H5Dget_type(source.handle.id) }
    let space = try source.space()
    return H5Dataset(
      handle: try H5Handle(doing) {
        H5Dcreate2(
          handle.id, name, type.id, space.handle.id, asura_h5p_default(), storage.properties.id,
          asura_h5p_default())
      }, name: name)
  }
}
