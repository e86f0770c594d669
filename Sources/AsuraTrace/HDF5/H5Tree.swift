internal import CHDF5

/// A member of a group.
enum H5Member: Sendable {
  case group(H5Group)
  case dataset(H5Dataset)
}

extension H5Group {
  /// The member of that name.
  func member(_ name: String) throws -> H5Member {
    switch try kind(of: name) {
    case H5I_GROUP: .group(try group(name))
    case H5I_DATASET: .dataset(try dataset(name))
    default:
      throw TraceError(.damaged, "'\(name)' is neither a group nor a dataset")
    }
  }

  /// Calls `body` for this group and everything below it, groups before their members, with the
  /// path from here: empty for the group itself.
  ///
  /// Groups may hold one another in a circle: deeper than any trace goes, and after more members
  /// than any has, the file is taken for damaged.
  func walk(_ body: (_ path: String, _ member: H5Member) throws -> Void) throws {
    var count = 0
    func visit(_ group: H5Group, _ path: String, depth: Int) throws {
      guard depth <= 12 else { throw TraceError(.damaged, "the groups at '\(path)' never end") }
      try body(path, .group(group))
      for name in try group.names() {
        count += 1
        guard count <= 262_144 else { throw TraceError(.damaged, "the groups have no end") }
        let inner = path.isEmpty ? name : "\(path)/\(name)"
        switch try group.member(name) {
        case .group(let group): try visit(group, inner, depth: depth + 1)
        case .dataset(let dataset): try body(inner, .dataset(dataset))
        }
      }
    }
    try visit(self, "", depth: 0)
  }
}

extension H5Object {
  /// The names of the attributes, in alphabetical order.
  func attributeNames() throws -> [String] {
    let doing = "list attributes"
    let count = try HDF5.call(doing) { H5Aget_num_attrs(handle.id) }
    guard count <= 4_096 else { throw TraceError(.damaged, "something claims \(count) attributes") }
    return try (0..<hsize_t(count)).map { index in
      func name(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) throws -> Int {
        try HDF5.call(doing) {
          H5Aget_name_by_idx(
            handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, asura_h5p_default())
        }
      }
      let length = try name(nil, 0)
      guard length <= 65_536 else { throw TraceError(.damaged, "an attribute's name has no end") }
      var bytes = [CChar](repeating: 0, count: length + 1)
      _ = try name(&bytes, length + 1)
      return String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}

// MARK: - Axes

extension H5Dataset {
  /// Whether this dataset holds the coordinates of an axis.
  func isScale() throws -> Bool {
    try HDF5.call("look at the axis '\(name)'") { H5DSis_scale(handle.id) } > 0
  }

  /// Whether `scale` holds the coordinates of axis `axis`.
  func isAttached(_ scale: H5Dataset, axis: Int) throws -> Bool {
    try HDF5.call("look at the axes of '\(name)'") {
      H5DSis_attached(handle.id, scale.handle.id, UInt32(axis))
    } > 0
  }
}

extension H5Group {
  /// The datasets that hold coordinates of axes, by name.
  func scales() throws -> [String: H5Dataset] {
    var scales: [String: H5Dataset] = [:]
    for name in try names() {
      if case .dataset(let dataset) = try member(name), try dataset.isScale() {
        scales[name] = dataset
      }
    }
    return scales
  }

  /// The names of a dataset's axes: those of the scales of this group that are attached to it;
  /// empty unless every axis has one.
  func axes(of dataset: H5Dataset, among scales: [String: H5Dataset]) throws -> [String] {
    let shape = try dataset.shape()
    var axes: [String] = []
    for axis in shape.indices {
      let fitting = try scales.sorted { $0.key < $1.key }.first {
        try dataset.isAttached($0.value, axis: axis)
      }
      guard let fitting else { return [] }
      axes.append(fitting.key)
    }
    return axes
  }
}

extension H5Group {
  /// The dataset at a path below this group.
  func dataset(at path: String) throws -> H5Dataset {
    let names = path.split(separator: "/").map(String.init)
    let parent = try names.dropLast().reduce(self) { try $0.group($1) }
    return try parent.dataset(names.last ?? "")
  }
}
