internal import CHDF5

/// The product of the sizes; nil if one is negative or they overflow.
package func elementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflow else { return nil }
    count = product
  }
  return count
}

/// The extent of a dataset or attribute, and which part of it is meant.
package struct H5Space: Sendable {
  let handle: H5Handle

  init(_ handle: H5Handle) { self.handle = handle }

  /// The space of one value.
  init() throws { handle = try H5Handle("describe a scalar") { H5Screate(H5S_SCALAR) } }

  /// The space of an array; with `growable` its first axis has no upper limit.
  init(_ shape: [Int], growable: Bool = false) throws {
    let sizes = shape.map { hsize_t($0) }
    var limits = sizes
    if growable { limits[0] = asura_h5s_unlimited() }
    let handle = try H5Handle("describe the shape \(shape)") {
      sizes.isEmpty
        ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(sizes.count), sizes, limits)
    }
    self.init(handle)
  }

  /// The size of each axis; empty for a scalar.
  /// - Throws: `TraceError` for a null space, or sizes that no array can have.
  func shape() throws -> [Int] {
    let rank = Int(try HDF5.call("read a rank") { H5Sget_simple_extent_ndims(handle.id) })
    guard HDF5.locked({ H5Sget_simple_extent_type(handle.id) }) != H5S_NULL else { return [0] }
    guard rank > 0 else { return [] }
    var sizes = [hsize_t](repeating: 0, count: rank)
    try HDF5.call("read a shape") { H5Sget_simple_extent_dims(handle.id, &sizes, nil) }
    let shape = sizes.map { Int(clamping: $0) }
    guard elementCount(shape) != nil else {
      throw TraceError(.damaged, "the shape \(sizes) has more elements than can be counted")
    }
    return shape
  }

  /// Whether the first axis has no upper limit.
  func isGrowable() throws -> Bool {
    let rank = Int(try HDF5.call("read a rank") { H5Sget_simple_extent_ndims(handle.id) })
    guard rank > 0 else { return false }
    var limits = [hsize_t](repeating: 0, count: rank)
    try HDF5.call("read a shape") { H5Sget_simple_extent_dims(handle.id, nil, &limits) }
    return HDF5.locked { limits[0] == asura_h5s_unlimited() }
  }

  /// Narrows the space to the block of `count` elements from `start`.
  func select(start: [Int], count: [Int]) throws {
    let (starts, counts) = (start.map { hsize_t($0) }, count.map { hsize_t($0) })
    try HDF5.call("select \(count) elements from \(start)") {
      H5Sselect_hyperslab(handle.id, H5S_SELECT_SET, starts, nil, counts, nil)
    }
  }
}
