import Foundation

/// Links traces into one file, stacked along an axis of their own: `run`, or `step` for a model
/// followed through its training.
///
///     var link = TraceLink(traces, axis: "step", coordinates: [0, 500, 1000])
///     try link.write(to: url)
///
/// The traces must agree in what they recorded: sites, axes, iterations and types.
public struct TraceLink: Sendable {
  /// The traces, in the order of the axis.
  public var traces: [URL]
  public var axis: String
  /// Where each trace stands on the axis.
  public var coordinates: [Int]
  /// Copies the traces into the file, so that it stands alone. Otherwise they must lie in its folder
  /// or below, and stay there.
  public var copies = false
  /// Who links, and how, for the record.
  public var program = "asura"
  public var commandLine = ""

  /// - Parameter coordinates: numbers from 0 when nil.
  public init(_ traces: [URL], axis: String = "run", coordinates: [Int]? = nil) {
    self.traces = traces
    self.axis = axis
    self.coordinates = coordinates ?? Array(traces.indices)
  }

  /// Writes the file, beside its name first, so that it appears whole or not at all.
  /// - Parameter progress: called with the bytes copied so far; may throw to stop.
  /// - Throws: `TraceError`: `misuse` if the traces disagree, and where; what opening a trace may
  ///   throw; no file is left then.
  public func write(
    to url: URL, overwriting: Bool = false,
    progress: @escaping (_ bytes: Int) throws -> Void = { _ in }
  ) throws {
    let output = OutputFile(url: url, overwrites: overwriting)
    try output.checkFree()
    let sources = try self.sources(besides: url)
    try output.make { try write(sources, to: $0, progress) }
  }
}

// MARK: - What the traces have in common

extension TraceLink {
  private struct Source {
    let url: URL
    /// Relative to the folder of the link.
    let name: String
    let reader: TraceReader
    let groups: [String: LinkedGroup]
  }

  private func sources(besides url: URL) throws -> [Source] {
    guard !traces.isEmpty, traces.count <= LinkedTraces.mostRuns else {
      throw TraceError(
        .misuse, "\(traces.count) traces to link, expected 1 to \(LinkedTraces.mostRuns)")
    }
    guard coordinates.count == traces.count,
      !zip(coordinates, coordinates.dropFirst()).contains(where: { $0 >= $1 }),
      coordinates.allSatisfy({ Int32(exactly: $0) != nil })
    else {
      throw TraceError(
        .misuse, "\(traces.count) traces cannot stand at \(coordinates) along '\(axis)'",
        advice: "Give each a number, rising")
    }
    let taken = ["iteration", "block", "source"]
    guard isPlainName(axis), !taken.contains(axis) else {
      throw TraceError(.misuse, "the axis cannot be called '\(axis)'")
    }
    var sources: [Source] = []
    for trace in traces {
      let source = Source(
        url: trace, name: try name(of: trace, from: url), reader: try TraceReader(trace),
        groups: [:])
      guard source.reader.status != .running else {
        throw TraceError(
          .misuse, "the trace is still being captured, or its capture was killed",
          advice: "Wait for its end, or run asura-trace recover", file: trace)
      }
      let groups = try source.reader.locating {
        try LinkedGroup.all(in: source.reader.run, upTo: source.reader.lastIteration ?? -1)
      }
      sources.append(
        Source(url: trace, name: source.name, reader: source.reader, groups: groups))
      try check(sources[sources.count - 1], against: sources[0])
    }
    if let axis = sources[0].groups.values.lazy.flatMap(\.axes.keys).first(where: { $0 == axis }) {
      throw TraceError(.misuse, "the traces have an axis '\(axis)' of their own")
    }
    return sources
  }

  /// How the link calls a trace.
  private func name(of trace: URL, from url: URL) throws -> String {
    let folder = url.deletingLastPathComponent().standardizedFileURL.resolvingSymlinksInPath().path
    let path = trace.standardizedFileURL.resolvingSymlinksInPath().path
    guard path != url.standardizedFileURL.resolvingSymlinksInPath().path else {
      throw TraceError(.misuse, "a link cannot replace a trace that it links", file: url)
    }
    if copies { return trace.lastPathComponent }
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    guard path.hasPrefix(prefix) else {
      throw TraceError(
        .misuse, "the trace is not in the folder of the link, \(folder), or below it",
        advice: "Write the link beside the traces, or copy them into it (--copy)", file: trace)
    }
    return String(path.dropFirst(prefix.count))
  }

  private func check(_ source: Source, against first: Source) throws {
    func fail(_ what: String) -> TraceError {
      TraceError(
        .misuse, "it cannot be linked with \(first.url.lastPathComponent): \(what)",
        advice: "Traces that are linked have recorded the same sites, axes and iterations",
        file: source.url)
    }
    for name in Set(first.groups.keys).union(source.groups.keys).sorted() {
      guard let here = source.groups[name] else { throw fail("it lacks '\(name)'") }
      guard let there = first.groups[name] else { throw fail("only it has '\(name)'") }
      if let difference = here.difference(from: there) {
        throw fail("'\(name)' \(difference)")
      }
    }
  }
}

/// What a link needs to know of a group of recorded arrays.
private struct LinkedGroup {
  struct Array: Equatable {
    let number: H5Number
    let axes: [String]
    let shape: [Int]
  }
  let iterations: [Int]
  /// The coordinates along the other axes.
  var axes: [String: [Int32]] = [:]
  /// The arrays along the iteration.
  var arrays: [String: Array] = [:]

  /// The groups of a run that have iterations, by path.
  static func all(in run: H5Group, upTo last: Int) throws -> [String: LinkedGroup] {
    var found: [String: LinkedGroup] = [:]
    try run.walk { path, member in
      guard case .group(let group) = member, try group.contains("iteration"), !path.isEmpty,
        !path.hasPrefix("provenance")
      else { return }
      found[path] = try LinkedGroup(group, upTo: last)
    }
    return found
  }

  private init(_ group: H5Group, upTo last: Int) throws {
    iterations = try RecordedArray.iterations(of: group, upTo: last)
    let scales = try group.scales()
    for (name, scale) in scales where name != "iteration" {
      axes[name] = try scale.integers().elements
    }
    for name in try group.names() where scales[name] == nil {
      guard case .dataset(let dataset) = try group.member(name),
        case .number(let number) = try dataset.kind(),
        case let axes = try group.axes(of: dataset, among: scales), axes.first == "iteration"
      else { continue }
      let shape = try dataset.shape()
      guard shape[0] >= iterations.count else {
        throw TraceError(.damaged, "'\(name)' has the shape \(shape)")
      }
      arrays[name] = Array(number: number, axes: axes, shape: shape)
    }
  }

  /// How this group differs from another, in words.
  func difference(from other: LinkedGroup) -> String? {
    func spelled(_ values: [some BinaryInteger]) -> String {
      values.first.map { "\(values.count) from \($0) to \(values[values.count - 1])" } ?? "none"
    }
    if iterations != other.iterations {
      return "has the iterations \(spelled(iterations)), not \(spelled(other.iterations))"
    }
    for name in Set(axes.keys).union(other.axes.keys).sorted() {
      let (here, there) = (axes[name], other.axes[name])
      if here != there {
        return "has along '\(name)' the entries \(here.map(spelled) ?? "none"), "
          + "not \(there.map(spelled) ?? "none")"
      }
    }
    for name in Set(arrays.keys).union(other.arrays.keys).sorted() {
      guard let here = arrays[name], let there = other.arrays[name] else {
        return arrays[name] == nil ? "lacks '\(name)'" : "alone has '\(name)'"
      }
      if here.number != there.number || here.axes != there.axes {
        return "stores '\(name)' as \(here.number) over \(here.axes), "
          + "not \(there.number) over \(there.axes)"
      }
    }
    return nil
  }
}

// MARK: - Writing

extension TraceLink {
  private func write(
    _ sources: [Source], to root: H5Group, _ progress: @escaping (_ bytes: Int) throws -> Void
  ) throws {
    try root.setAttribute("NX_class", "NXroot")
    try root.setAttribute("default", "run")
    try root.setAttribute("asura_schema", .integer(Int64(TraceHeader.schema)))
    try root.setAttribute("creator", .text(program))
    try root.setAttribute(LinkedTraces.mark, .text(axis))

    var linked = try NXDataGroup(in: root, "linked", title: "The linked traces")
    try linked.addAxis(axis, coordinates)
    let names = try linked.group.makeTexts("source", sources.map(\.name))
    try names.attach(linked.group.dataset(axis), axis: 0)
    try linked.group.setAttribute("NX_class", "NXcollection")
    if copies {
      let runs = try root.makeGroup("runs")
      try runs.setAttribute("NX_class", "NXcollection")
      var bytes = 0
      for (index, source) in sources.enumerated() {
        let copy = H5Copy(progress: {
          bytes += $0
          try progress(bytes)
        })
        try source.reader.locating {
          try copy.members(of: source.reader.run, to: runs.makeGroup("\(index)"))
        }
      }
    }
    try writeRun(sources, to: root.makeGroup("run"))
  }

  /// The group that other readers see first: every recorded array of all traces, stacked.
  private func writeRun(_ sources: [Source], to run: H5Group) throws {
    let first = sources[0].reader
    try run.setAttribute("NX_class", "NXentry")
    try run.setAttribute("program", .text(program))
    try run.setAttribute("command_line", .text(commandLine))
    try run.setAttribute("start_time", .text(Date().ISO8601Format()))
    let isComplete = sources.allSatisfy { $0.reader.status == .complete }
    try run.setAttribute("status", isComplete ? "complete" : "incomplete")
    if let shown = try first.run.text("default") { try run.setAttribute("default", .text(shown)) }

    var made: [String: H5Group] = ["": run]
    for path in sources[0].groups.keys.sorted() {
      var parent = ""
      for name in path.split(separator: "/") {
        let inner = parent.isEmpty ? String(name) : "\(parent)/\(name)"
        if made[inner] == nil, let group = made[parent] {
          let copy = try group.makeGroup(String(name))
          try H5Copy.attributes(of: first.group(at: inner), to: copy)
          made[inner] = copy
        }
        parent = inner
      }
      if let group = made[path] { try stack(path, of: sources, in: group) }
    }

    // What was asked of the model, where it was the same of all.
    let input = try first.input()
    if try sources.allSatisfy({ try $0.reader.input() == input }) {
      try H5Copy().members(of: first.run.group("input"), to: run.makeGroup("input"))
    }
  }

  private func stack(_ path: String, of sources: [Source], in group: H5Group) throws {
    guard let layout = sources[0].groups[path] else { return }
    let original = try sources[0].reader.group(at: path)
    var data = NXDataGroup(group)
    try data.addAxis(axis, coordinates)
    try data.addAxis("iteration", layout.iterations)
    for (name, values) in layout.axes.sorted(by: { $0.key < $1.key }) {
      let scale = try data.addAxis(name, values.map { Int($0) })
      try H5Copy.attributes(of: original.dataset(name), to: scale)
    }
    for (name, array) in layout.arrays.sorted(by: { $0.key < $1.key }) {
      let stacked = try group.makeVirtualDataset(
        name, array.number,
        stacking: sources.enumerated().map { index, source in
          H5VirtualSource(
            file: copies ? "." : source.name,
            dataset: "\(copies ? "/runs/\(index)" : "/run")/\(path)/\(name)",
            shape: source.groups[path]?.arrays[name]?.shape ?? array.shape,
            rows: layout.iterations.count)
        })
      for (index, scale) in ([axis] + array.axes).enumerated() {
        try stacked.attach(group.dataset(scale), axis: index)
      }
      try H5Copy.attributes(of: original.dataset(name), to: stacked)
    }
    if case .texts(let axes)? = try original.attribute("axes"), axes.first == "iteration" {
      try group.setAttribute("axes", .texts([axis] + axes))
    }
  }
}

extension TraceReader {
  /// A group of the run, by its path.
  func group(at path: String) throws -> H5Group {
    try path.split(separator: "/").reduce(run) { try $0.group(String($1)) }
  }
}
