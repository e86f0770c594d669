import AsuraTensor
import Foundation
import Synchronization

/// Writes a trace while a run goes on: one HDF5 file of schema 1 (see `Traces/README.md`).
///
/// Everything known beforehand is written when the writer is made; then values arrive site by site,
/// iteration by iteration in rising order, and leave memory at once. The file is `NAME.partial` until
/// `finish` or `abandon` renames it to `NAME`. May be used from several threads.
///
/// If a call fails because the disk is full or gone, nothing is called `NAME`: call `abandon`, which
/// makes a valid trace of the committed iterations if the disk allows it.
public final class TraceWriter: Sendable {
  /// Where the trace will be.
  public let url: URL
  private let output: OutputFile
  private let state: Mutex<State>

  /// Makes the partial file and writes the description into it.
  /// - Parameters:
  ///   - elements: how values are stored; 32-bit floats by default, whatever they come as.
  ///   - deflate: compression from 0 (none) to 9 (smallest, slowest).
  ///   - overwrite: whether a file of this name is replaced.
  /// - Throws: `TraceError` if the output exists or cannot be written, or the description
  ///   contradicts itself; no file is left then.
  public init(
    _ url: URL, describing description: TraceDescription, elements: TraceElements = .float32,
    deflate: Int = 0, overwrite: Bool = false
  ) throws {
    guard (0...9).contains(deflate) else {
      throw TraceError(.misuse, "compression is 0 to 9, not \(deflate)", file: url)
    }
    let output = OutputFile(url: url, overwrites: overwrite)
    try output.checkFree()
    if overwrite { output.discard() }
    self.url = url
    self.output = output
    state = Mutex(
      try TraceError.locating(
        url, .inaccessible, advice: "Check the folder, its permissions and its free space"
      ) {
        try TraceHeader.validate(description)
        let file = try H5File.create(output.partial)
        do {
          return try State(file, output, description, type: elements.number, deflate: deflate)
        } catch {
          try? file.close()
          output.discard()
          throw error
        }
      })
  }

  /// Stores a site's values at an iteration.
  ///
  /// An iteration beyond the current one commits the current one first.
  /// - Throws: `TraceError`: `misuse` for an undeclared site, another shape than declared, an
  ///   iteration that went by or a site twice in one; `inaccessible` if writing failed.
  public func append<S: Scalar>(site: String, iteration: Int, values: Tensor<S>) throws {
    try withState { try $0.append(site, iteration, values) }
  }

  /// Declares the current iteration complete: it survives whatever happens later.
  public func commit() throws {
    try withState { try $0.commit() }
  }

  /// The iterations committed so far, and the last of them.
  public var committed: (count: Int, last: Int?) {
    state.withLock { ($0.count, $0.last) }
  }

  /// Commits the current iteration and gives the trace its name, with the status `complete`.
  public func finish() throws {
    try close(status: "complete", reason: nil)
  }

  /// Ends the trace early with the status `incomplete`: drops what was not committed and gives the
  /// file its name.
  /// - Parameter reason: why, for whoever opens the trace.
  public func abandon(reason: String) throws {
    try close(status: "incomplete", reason: reason)
  }

  private func close(status: String, reason: String?) throws {
    try withState { try $0.close(status: status, reason: reason) }
    try output.publish()
  }

  private func withState(_ body: (inout State) throws -> Void) throws {
    try state.withLock { state in
      let advice =
        "\(state.count) iterations were committed before; what could be saved is in "
        + "\(output.partial.path). Check the disk's free space"
      try TraceError.locating(url, .inaccessible, advice: advice) {
        guard state.isOpen else {
          throw TraceError(.misuse, "the trace has been finished already")
        }
        try body(&state)
      }
    }
  }
}

/// The type in which a trace stores values.
public enum TraceElements: String, Sendable {
  case float32, float64

  var number: H5Number { self == .float64 ? .float64 : .float32 }
}

// MARK: - State

extension TraceWriter {
  /// Where a declared site's values go.
  private struct Channel: Sendable {
    let site: TraceSite
    let kept: Set<Int>?
    /// The group and array; nil for the logits, which the readout takes.
    var place: (group: Int, array: Int, block: Int?)?

    init(_ site: TraceSite) {
      self.site = site
      kept = site.iterations.map { Set($0) }
    }
  }

  private struct State: Sendable {
    private let file: H5File
    private let output: OutputFile
    private let run: H5Group
    /// How much of the disk an iteration may need.
    private let roomPerIteration: Int
    private var channels: [String: Channel] = [:]
    private var groups: [IterationGroup] = []
    private var readout: TraceReadout?
    private var summary: TraceSummary?
    private var current: Int?
    private var seen: Set<String> = []
    private(set) var isOpen = true
    private(set) var count = 0
    private(set) var last: Int?

    init(
      _ file: H5File, _ output: OutputFile, _ description: TraceDescription, type: H5Number,
      deflate: Int
    ) throws {
      self.file = file
      self.output = output
      // A quarter more than the values for the edges of chunks, and something for the bookkeeping.
      let values = description.sites.reduce(0.0) { sum, site in
        site.shape.reduce(Double(type.size)) { $0 * Double($1) } + sum
      }
      roomPerIteration = Int(min(values * 1.25, 1e18)) + 262_144
      let sites = description.sites
      let names = Set(sites.map(\.name))
      for site in sites { channels[site.name] = Channel(site) }
      run = try TraceHeader.write(description, to: file.root)

      if names.contains("latent") || names.contains("logits") {
        summary = try TraceSummary(
          run: run, root: file.root, hasLatent: names.contains("latent"),
          hasReadout: names.contains("logits"))
      }
      if let latent = channels["latent"]?.site {
        try add(latent, to: NXDataGroup(in: run, "latent", title: "Latent"), type, deflate)
      }
      try addPatterns(sites, description, type, deflate)
      if let logits = channels["logits"]?.site {
        readout = try TraceReadout(
          in: run, site: logits, description: description, type: type, deflate: deflate)
      }
      let others = sites.filter { channels[$0.name]?.place == nil && $0.name != "logits" }
      if !others.isEmpty {
        let folder = try run.makeGroup("sites")
        try folder.setAttribute("NX_class", "NXcollection")
        for site in others {
          try add(
            site, to: NXDataGroup(in: folder, site.name, title: site.longName), type, deflate)
        }
        try folder.setAttribute("default", .text(others[0].name))
      }
      let shown =
        if summary != nil { "summary" } else {
          sites.contains { TraceSite.patternBlock(of: $0.name) != nil } ? "attention" : "sites"
        }
      try run.setAttribute("default", .text(shown))
      try file.flush()
    }

    /// Makes the array of one site in a group of its own.
    private mutating func add(
      _ site: TraceSite, to data: NXDataGroup, _ type: H5Number, _ deflate: Int
    ) throws {
      let (name, axes) = (TraceSite.datasetName(of: site.name), site.axes.map(\.name))
      var group = try IterationGroup(data)
      for axis in site.axes { try group.addAxis(axis) }
      let array = try group.addArray(
        name, type, axes: axes, unit: site.unit, longName: site.longName, deflate: deflate)
      try group.arrays[array].setAttribute("site", .text(site.name))
      if axes.count >= 2 { try group.arrays[array].setAttribute("interpretation", "image") }
      try data.setSignal(name, axes: ["iteration"] + axes)
      channels[site.name]?.place = (groups.count, array, nil)
      groups.append(group)
    }

    /// Makes the one array in which all blocks' patterns lie.
    private mutating func addPatterns(
      _ sites: [TraceSite], _ description: TraceDescription, _ type: H5Number, _ deflate: Int
    ) throws {
      let patterns = sites.compactMap { site in
        TraceSite.patternBlock(of: site.name).map { (block: $0, site: site) }
      }.sorted { $0.block < $1.block }
      guard let axes = patterns.first?.site.axes else { return }
      let names = axes.map(\.name)
      let data = try NXDataGroup(in: run, "attention", title: "Attention patterns")
      var group = try IterationGroup(data)
      try group.addAxis(TraceAxis("block", patterns.map(\.block)))
      for axis in axes { try group.addAxis(axis) }
      let array = try group.addArray(
        "pattern", type, axes: ["block"] + names, longName: "attention pattern", deflate: deflate)
      try group.arrays[array].setAttribute("site", "core.*.attn.pattern")
      try group.arrays[array].setAttribute("interpretation", "image")
      try data.setSignal("pattern", axes: ["iteration", "block"] + names)
      if let neighbours = description.neighbours, names.suffix(2) == ["query", "neighbour"] {
        try group.data.addArray(
          "neighbour_key", .integers(neighbours), axes: ["query", "neighbour"],
          longName: "key position of each neighbour, −1 for none")
      }
      for (index, pattern) in patterns.enumerated() {
        channels[pattern.site.name]?.place = (groups.count, array, index)
      }
      groups.append(group)
    }

    mutating func append<S: Scalar>(_ site: String, _ iteration: Int, _ values: Tensor<S>) throws {
      guard let channel = channels[site] else {
        let known = channels.keys.sorted().joined(separator: ", ")
        throw TraceError(.misuse, "site '\(site)' was not declared; declared: \(known)")
      }
      guard values.shape == channel.site.shape else {
        throw TraceError(
          .misuse,
          "site '\(site)' was declared with the shape \(channel.site.shape) "
            + "but came with \(values.shape) at iteration \(iteration)")
      }
      if let current, iteration > current { try commit() }
      guard iteration >= 0, iteration > last ?? -1, iteration >= current ?? 0 else {
        throw TraceError(
          .misuse,
          "site '\(site)' came for iteration \(iteration) after iteration "
            + "\(current ?? last ?? 0) was begun or committed")
      }
      if current == nil { try output.checkRoom(bytes: roomPerIteration) }
      guard seen.insert(site).inserted else {
        throw TraceError(.misuse, "site '\(site)' came twice at iteration \(iteration)")
      }
      current = iteration
      let isKept = channel.kept?.contains(iteration) ?? true
      // Concrete types from here: generic arithmetic would be a hundred times slower.
      switch TraceArray(values) {
      case .float32(let values): try summarise(site, iteration, values, isKept)
      case .float64(let values): try summarise(site, iteration, values, isKept)
      case .integers: break
      }
      guard isKept, let place = channel.place else { return }
      try values.read {
        try groups[place.group].write(
          $0, as: H5Number(S.self), shape: values.shape, array: place.array,
          iteration: iteration, index: place.block)
      }
    }

    private mutating func summarise<S: Scalar>(
      _ site: String, _ iteration: Int, _ values: Tensor<S>, _ isKept: Bool
    ) throws {
      if site == "latent" { summary?.addLatent(values, iteration: iteration) }
      if site == "logits",
        let change = try readout?.add(values, iteration: iteration, isKept: isKept)
      {
        summary?.addReadout(change: change)
      }
    }

    mutating func commit() throws {
      guard let iteration = current else { return }
      try summary?.commit(iteration)
      try run.setAttribute("committed_iterations", .integer(Int64(count + 1)))
      try run.setAttribute("last_iteration", .integer(Int64(iteration)))
      try file.flush()
      (current, seen, last, count) = (nil, [], iteration, count + 1)
    }

    mutating func close(status: String, reason: String?) throws {
      if reason == nil { try commit() }
      for index in groups.indices { try groups[index].cut(after: last) }
      try readout?.cut(after: last)
      try summary?.cut(after: last)
      try run.setAttribute("committed_iterations", .integer(Int64(count)))
      try run.setAttribute("last_iteration", .integer(Int64(last ?? -1)))
      try run.setAttribute("status", .text(status))
      if let reason { try run.setAttribute("reason", .text(reason)) }
      try run.setAttribute("end_time", .text(Date().ISO8601Format()))
      try file.flush()
      try file.close()
      isOpen = false
    }
  }
}
