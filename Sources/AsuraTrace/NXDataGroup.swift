/// A NeXus `NXdata` group being written: arrays over named numeric axes, one of them the signal
/// that viewers plot, with netCDF-style dimension scales of its own.
struct NXDataGroup: Sendable {
  let group: H5Group
  private var scales: [String: H5Dataset] = [:]

  /// Makes the group inside `parent`.
  init(in parent: H5Group, _ name: String, title: String) throws {
    group = try parent.makeGroup(name)
    try group.setAttribute("NX_class", "NXdata")
    try group.setAttribute("title", .text(title))
  }

  /// Takes a group that is something else too, such as the root.
  init(_ group: H5Group) { self.group = group }

  /// Adds an axis with the coordinates of its entries; a growable one starts empty.
  @discardableResult
  mutating func addAxis(
    _ name: String, _ values: [Int] = [], growable: Bool = false, unit: String = "",
    longName: String? = nil
  ) throws -> H5Dataset {
    // A growing axis is written again and again.
    let scale = try group.makeDataset(
      name, .int64, shape: [values.count], values: values,
      layout: H5Layout(growable: growable, hasChecksums: !growable))
    try describe(scale, name, unit: unit, longName: longName ?? name)
    return scale
  }

  /// Adds an axis of real coordinates.
  mutating func addAxis(
    _ name: String, reals values: [Double], unit: String, longName: String
  ) throws {
    let scale = try group.makeDataset(name, .float64, shape: [values.count], values: values)
    try describe(scale, name, unit: unit, longName: longName)
  }

  private mutating func describe(
    _ scale: H5Dataset, _ name: String, unit: String, longName: String
  ) throws {
    try scale.becomeScale(name)
    try scale.setAttribute("long_name", .text(longName))
    if !unit.isEmpty { try scale.setAttribute("units", .text(unit)) }
    scales[name] = scale
  }

  /// Adds an array over axes that were added before.
  func addArray(
    _ name: String, _ type: H5Number, axes: [String], unit: String = "", longName: String,
    layout: H5Layout = H5Layout()
  ) throws -> H5Dataset {
    let attached = axes.compactMap { scales[$0] }
    precondition(attached.count == axes.count, "'\(name)' names axes that are not there: \(axes)")
    let shape = try attached.map { try $0.shape()[0] }
    let array = try group.makeDataset(name, type, shape: shape, layout: layout)
    for (index, scale) in attached.enumerated() { try array.attach(scale, axis: index) }
    try array.setAttribute("long_name", .text(longName))
    if !unit.isEmpty { try array.setAttribute("units", .text(unit)) }
    return array
  }

  /// Adds an array with its values.
  func addArray(
    _ name: String, _ values: TraceArray, as type: H5Number? = nil, axes: [String],
    unit: String = "", longName: String, layout: H5Layout = H5Layout()
  ) throws {
    let array = try addArray(
      name, type ?? values.number, axes: axes, unit: unit, longName: longName, layout: layout)
    try values.withBytes {
      try array.write($0, as: values.number, start: axes.map { _ in 0 }, count: values.shape)
    }
  }

  /// Says which array is plotted, over which axes, and which others of its shape go along.
  func setSignal(_ name: String, axes: [String], auxiliary: [String] = []) throws {
    try group.setAttribute("signal", .text(name))
    try group.setAttribute("axes", .texts(axes))
    if !auxiliary.isEmpty { try group.setAttribute("auxiliary_signals", .texts(auxiliary)) }
  }
}
