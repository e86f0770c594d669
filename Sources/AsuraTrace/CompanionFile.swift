import Foundation

/// The file beside a trace that holds analyses of it: `x.h5` has `x.probe.h5`. Each analysis has a
/// group of its own; the trace itself is never changed.
public struct CompanionFile: Sendable {
  public let url: URL

  /// The companion of a trace.
  public init(ofTrace trace: URL) {
    let base = trace.pathExtension == "h5" ? trace.deletingPathExtension() : trace
    url = URL(fileURLWithPath: base.path + ".probe.h5")
  }

  /// The companion file at a path of its own.
  public init(at url: URL) { self.url = url }

  /// Stores an analysis, in place of an earlier one of the same name. Other analyses stay.
  ///
  /// The new file is written beside the old one and takes its name when it is whole.
  /// - Throws: `TraceError`; the old file is untouched then.
  public func write(_ analysis: Analysis) throws {
    try analysis.validate()
    let output = OutputFile(url: url, overwrites: true)
    guard !FileManager.default.fileExists(atPath: output.partial.path) else {
      throw TraceError(
        .exists, "another analysis is being written, or was interrupted",
        advice: "Wait for it to end, or remove this file", file: output.partial)
    }
    try TraceError.locating(
      url, .inaccessible, advice: "Check the folder, its permissions and its free space"
    ) {
      let file = try open(output)
      do {
        try Self.write(analysis, to: file.root)
        try file.close()
      } catch {
        try? file.close()
        output.discard()
        throw error
      }
      try output.publish()
    }
  }

  /// A writable copy of the companion file, or a new one.
  private func open(_ output: OutputFile) throws -> H5File {
    guard FileManager.default.fileExists(atPath: url.path) else {
      let file = try H5File.create(output.partial, reusesSpace: true)
      try file.root.setAttribute("NX_class", "NXroot")
      try file.root.setAttribute("asura_analyses", .integer(1))
      return file
    }
    _ = try checked()
    do {
      try FileManager.default.copyItem(at: url, to: output.partial)
      return try H5File.open(output.partial, writable: true)
    } catch let error as TraceError {
      output.discard()
      throw error
    } catch {
      output.discard()
      throw TraceError(.inaccessible, "could not copy the file: \(error.localizedDescription)")
    }
  }

  /// The existing file, open for reading.
  private func checked() throws -> H5File {
    let file = try H5File.open(url)
    guard try file.root.attribute("asura_analyses") == .integer(1) else {
      throw TraceError(
        .foreign, "this file does not hold analyses that this program reads",
        advice: "Move it away", file: url)
    }
    return file
  }

  private static func write(_ analysis: Analysis, to root: H5Group) throws {
    if try root.contains(analysis.name) { try root.remove(analysis.name) }
    let group = try root.makeGroup(analysis.name)
    try group.setAttribute("NX_class", "NXentry")
    try group.setAttribute("default", .text(analysis.data[0].name))
    try group.setAttribute("title", .text(analysis.title))
    for (name, value) in analysis.attributes.sorted(by: { $0.key < $1.key }) {
      try group.setAttribute(name, value)
    }
    for part in analysis.data {
      var data = try NXDataGroup(in: group, part.name, title: part.title)
      for axis in part.axes {
        switch axis.coordinates {
        case .integers(let values):
          try data.addAxis(axis.name, values, unit: axis.unit, longName: axis.longName)
        case .reals(let values):
          try data.addAxis(axis.name, reals: values, unit: axis.unit, longName: axis.longName)
        }
      }
      for series in [part.signal] + part.extra {
        try data.addArray(
          series.name, series.values, axes: series.axes, unit: series.unit,
          longName: series.longName)
      }
      // Only arrays over the same axes can be plotted along with the signal.
      let alike = part.extra.filter { $0.axes == part.signal.axes }.map(\.name)
      try data.setSignal(part.signal.name, axes: part.signal.axes, auxiliary: alike)
      for (name, value) in part.attributes.sorted(by: { $0.key < $1.key }) {
        try data.group.setAttribute(name, value)
      }
    }
    try root.setAttribute("default", .text(analysis.name))
  }

  /// The names of the analyses; none if there is no file yet.
  public func names() throws -> [String] {
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try TraceError.locating(url, .damaged) { try checked().root.names() }
  }

  /// Reads an array (or an axis) of an analysis.
  public func array(_ analysis: String, _ data: String, _ name: String) throws -> TraceArray {
    try TraceError.locating(url, .damaged) {
      try checked().root.group(analysis).group(data).dataset(name).array()
    }
  }

  /// Reads an attribute of an analysis, or of one of its data groups; nil if there is none.
  public func attribute(
    _ name: String, of analysis: String, data: String? = nil
  ) throws -> TraceAttribute? {
    try TraceError.locating(url, .damaged) {
      let group = try checked().root.group(analysis)
      return try (data.map { try group.group($0) } ?? group).attribute(name)
    }
  }
}
