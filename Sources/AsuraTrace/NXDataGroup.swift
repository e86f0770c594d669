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
    let scale = try group.makeDataset(
      name, .int64, shape: [values.count], values: values, layout: H5Layout(growable: growable))
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

/// An `NXdata` group whose first axis is the iteration: it grows by a row an iteration, and can be
/// cut back to the rows that were committed.
struct IterationGroup: Sendable {
  private(set) var data: NXDataGroup
  private(set) var arrays: [H5Dataset] = []
  /// The iterations that have a row, in order.
  private(set) var iterations: [Int] = []
  private let scale: H5Dataset

  init(_ data: NXDataGroup) throws {
    self.data = data
    scale = try self.data.addAxis("iteration", growable: true)
  }

  mutating func addAxis(_ axis: TraceAxis) throws { try data.addAxis(axis.name, axis.values) }

  /// Adds an array over the iteration and `axes`; returns its place in `arrays`.
  mutating func addArray(
    _ name: String, _ type: H5Number, axes: [String] = [], unit: String = "", longName: String,
    deflate: Int = 0
  ) throws -> Int {
    arrays.append(
      try data.addArray(
        name, type, axes: ["iteration"] + axes, unit: unit, longName: longName,
        layout: H5Layout(growable: true, deflate: deflate)))
    return arrays.count - 1
  }

  /// The row of `iteration`, which is the last one or becomes it.
  mutating func row(of iteration: Int) throws -> Int {
    if iterations.last != iteration {
      try resize(to: iterations.count + 1)
      iterations.append(iteration)
      let row = iterations.count - 1
      try withUnsafePointer(to: Int64(iteration)) {
        try scale.write($0, as: .int64, start: [row], count: [1])
      }
    }
    return iterations.count - 1
  }

  /// Writes one array's values at one iteration. With `index`, only that entry of the axis after
  /// the iteration.
  mutating func write(
    _ values: UnsafeRawPointer, as type: H5Number, shape: [Int], array: Int, iteration: Int,
    index: Int? = nil
  ) throws {
    let row = try row(of: iteration)
    let lead = [row] + (index.map { [$0] } ?? [])
    try arrays[array].write(
      values, as: type, start: lead + shape.map { _ in 0 }, count: lead.map { _ in 1 } + shape)
  }

  /// Drops the rows of iterations after `last`; all of them if it is nil.
  mutating func cut(after last: Int?) throws {
    let kept = iterations.prefix { iteration in last.map { iteration <= $0 } ?? false }
    guard kept.count < iterations.count else { return }
    try resize(to: kept.count)
    iterations = Array(kept)
  }

  private func resize(to count: Int) throws {
    try scale.resize(firstAxisTo: count)
    for array in arrays { try array.resize(firstAxisTo: count) }
  }
}
