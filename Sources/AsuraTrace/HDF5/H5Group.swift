internal import CHDF5

/// A group: a folder of datasets and groups inside an HDF5 file.
package struct H5Group: H5Object {
  package let handle: H5Handle

  /// Makes a group that lists its members in the order they were made.
  package func makeGroup(_ name: String) throws -> H5Group {
    let doing = "make group '\(name)'"
    let properties = try H5Handle(doing) { H5Pcreate(asura_h5p_group_create()) }
    try HDF5.call(doing) {
      H5Pset_link_creation_order(
        properties.id, UInt32(H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED))
    }
    return H5Group(
      handle: try H5Handle(doing) {
        H5Gcreate2(handle.id, name, asura_h5p_default(), properties.id, asura_h5p_default())
      })
  }

  /// The names of the members, in alphabetical order.
  /// - Throws: `TraceError` beyond 65,536 members, which no trace has.
  package func names() throws -> [String] {
    var info = H5G_info_t()
    try HDF5.call("list a group") { H5Gget_info(handle.id, &info) }
    guard info.nlinks <= 65_536 else {
      throw TraceError(.damaged, "a group claims \(info.nlinks) members")
    }
    return try (0..<info.nlinks).map { index in
      func name(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) throws -> Int {
        try HDF5.call("list a group") {
          H5Lget_name_by_idx(
            handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, asura_h5p_default())
        }
      }
      let length = try name(nil, 0)
      var bytes = [CChar](repeating: 0, count: length + 1)
      _ = try name(&bytes, length + 1)
      return String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Whether there is a member of that name.
  package func contains(_ name: String) throws -> Bool {
    try HDF5.call("look for '\(name)'") { H5Lexists(handle.id, name, asura_h5p_default()) } > 0
  }

  /// The group of that name.
  package func group(_ name: String) throws -> H5Group {
    H5Group(handle: try open(name, H5I_GROUP, "a group"))
  }

  /// The dataset of that name.
  package func dataset(_ name: String) throws -> H5Dataset {
    try H5Dataset(handle: open(name, H5I_DATASET, "a dataset"), name: name)
  }

  /// Opens a member of the given type.
  private func open(_ name: String, _ type: H5I_type_t, _ word: String) throws -> H5Handle {
    let member = try open(name)
    guard HDF5.locked({ H5Iget_type(member.id) }) == type else {
      throw TraceError(.damaged, "'\(name)' is not \(word)")
    }
    return member
  }

  /// What a member is.
  func kind(of name: String) throws -> H5I_type_t {
    let member = try open(name)
    return HDF5.locked { H5Iget_type(member.id) }
  }

  /// Opens a member. Soft and external links are not followed: they may lead out of the file or
  /// round in circles.
  private func open(_ name: String) throws -> H5Handle {
    guard !name.isEmpty, !name.contains("/"), name != ".", try contains(name) else {
      throw TraceError(.notFound, "there is no '\(name)'")
    }
    guard try HDF5.call("open '\(name)'", { asura_h5l_is_hard(handle.id, name) }) > 0 else {
      throw TraceError(.damaged, "'\(name)' is a link to elsewhere, which traces do not have")
    }
    return try H5Handle("open '\(name)'") { H5Oopen(handle.id, name, asura_h5p_default()) }
  }

  /// Removes a member and what it holds.
  package func remove(_ name: String) throws {
    try HDF5.call("remove '\(name)'") { H5Ldelete(handle.id, name, asura_h5p_default()) }
  }
}
