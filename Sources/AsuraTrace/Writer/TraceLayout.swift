/// Where the series of the readout go.
struct ReadoutPlaces: Sendable {
  let entropy: ArrayPlace
  /// With targets only.
  let loss: ArrayPlace?
  let correct: ArrayPlace?
}

/// Makes the groups and arrays of a trace before its first iteration.
struct TraceLayout {
  let run: H5Group
  /// The iterations committed so far.
  let committed: H5Dataset
  private(set) var groups: [IterationGroup] = []
  private(set) var places: [String: ArrayPlace] = [:]
  private(set) var readout: ReadoutPlaces?
  /// The groups that hold the summary: in the run, and at the root.
  private(set) var summaries: [Int] = []
  /// The group of the self-check, and each checked array's number in it, by group and array.
  private(set) var check = 0
  private(set) var checkedArrays: [[Int]: Int] = [:]

  private let description: TraceDescription
  private let storage: TraceStorage
  private let root: H5Group
  private let provenance: H5Group

  init(_ description: TraceDescription, _ storage: TraceStorage, in root: H5Group) throws {
    self.description = description
    self.storage = storage
    self.root = root
    (run, provenance) = try TraceHeader.write(description, to: root)
    var entry = NXDataGroup(run)
    committed = try entry.addAxis(
      "iteration", growable: true, longName: "iterations that are whole")
  }

  /// Makes everything.
  mutating func finish() throws {
    let sites = description.sites
    let names = sites.map(\.name)
    if names.contains("latent") || names.contains("logits") { try addSummary(names) }
    if let latent = sites.first(where: { $0.name == "latent" }) {
      try add(latent, to: NXDataGroup(in: run, "latent", title: "Latent"), ["run", "latent"])
    }
    try addPatterns()
    try addReadout(sites.first { $0.name == "logits" }, description.likeliest)
    let others = sites.filter { places[$0.name] == nil && $0.name != "logits" }
    if !others.isEmpty {
      let folder = try run.makeGroup("sites")
      try folder.setAttribute("NX_class", "NXcollection")
      for site in others {
        try add(
          site, to: NXDataGroup(in: folder, site.name, title: site.longName),
          ["run", "sites", site.name])
      }
      try folder.setAttribute("default", .text(others[0].name))
    }
    let shown =
      if !summaries.isEmpty {
        "summary"
      } else if try run.contains("attention") {
        "attention"
      } else {
        others.isEmpty ? "readout" : "sites"
      }
    try run.setAttribute("default", .text(shown))
    try addSelfCheck()
    try addHooks()
  }

  private var encoding: ChunkEncoding {
    ChunkEncoding(
      storage.elements.number, deflate: storage.deflate, keptBits: storage.keptBits)
  }

  private func grid(_ shape: [Int], _ number: H5Number) -> ChunkGrid {
    ChunkGrid(
      shape: shape, elementSize: number.size, rowsAtATime: description.rowsAtATime ?? shape.first)
  }

  /// Says how many bits of the mantissa were kept, as netCDF's own rounding does.
  private func noteRounding(in group: IterationGroup, _ array: Int) throws {
    guard let bits = encoding.keptBits else { return }
    try group.setAttribute(Self.rounding, .integer(Int64(bits)), of: array)
  }

  static let rounding = "_QuantizeBitRoundNumberOfSignificantBits"

  /// The same series stand in `/run/summary` and at the root, so that whoever opens the file sees something.
  private mutating func addSummary(_ names: [String]) throws {
    let summary = try NXDataGroup(in: run, "summary", title: "Summary of the iterations")
    var series: [(String, String)] = []
    if names.contains("latent") {
      series = [
        ("relative_step", "relative step ‖z_t − z_{t−1}‖ / ‖z_t‖"),
        ("latent_norm", "latent norm ‖z_t‖"),
      ]
    }
    if names.contains("logits") {
      series.append(("readout_change", "readout change (mean total variation)"))
    }
    for (data, path) in [(summary, ["run", "summary"]), (NXDataGroup(root), [])] {
      var group = try IterationGroup(data, at: path)
      for (name, meaning) in series { try group.addSeries(name, longName: meaning) }
      summaries.append(groups.count)
      groups.append(group)
    }
    try summary.setSignal(
      series[0].0, axes: ["iteration"], auxiliary: series.dropFirst().map(\.0))
  }

  /// Makes the array of one site in a group of its own.
  private mutating func add(_ site: TraceSite, to data: NXDataGroup, _ path: [String]) throws {
    let (name, axes) = (TraceSite.datasetName(of: site.name), site.axes.map(\.name))
    var group = try IterationGroup(data, at: path)
    for axis in site.axes { try group.addAxis(axis) }
    let grid = grid(site.shape, encoding.number)
    let array = try group.addArray(
      name, axes: axes, chunk: grid.chunk, encoding, unit: site.unit, longName: site.longName)
    try group.setAttribute("site", .text(site.name), of: array)
    try noteRounding(in: group, array)
    if axes.count >= 2 { try group.setAttribute("interpretation", "image", of: array) }
    try data.setSignal(name, axes: ["iteration"] + axes)
    try addNeighbours(of: site, to: group)
    places[site.name] = ArrayPlace(
      group: groups.count, array: array, block: nil, grid: grid, encoding: encoding)
    groups.append(group)
  }

  /// Says which key each neighbour is, where a site has such an axis.
  private func addNeighbours(of site: TraceSite, to group: IterationGroup) throws {
    guard let neighbours = description.neighbours,
      site.axes.suffix(2) == description.windowed?.axes.suffix(2)
    else { return }
    try group.data.addArray(
      "neighbour_key", .integers(neighbours), axes: ["query", "neighbour"],
      longName: "key position of each neighbour, −1 for none")
  }

  /// Makes the one array in which the blocks' patterns lie. Those recorded otherwise than the first are sites of
  /// their own.
  private mutating func addPatterns() throws {
    let patterns = description.sharedPatterns
    guard let site = patterns.first?.site else { return }
    let names = site.axes.map(\.name)
    let data = try NXDataGroup(in: run, "attention", title: "Attention patterns")
    var group = try IterationGroup(data, at: ["run", "attention"])
    try group.addAxis(TraceAxis("block", patterns.map(\.block)))
    for axis in site.axes { try group.addAxis(axis) }
    let grid = grid(site.shape, encoding.number)
    let array = try group.addArray(
      "pattern", axes: ["block"] + names, chunk: [1] + grid.chunk, encoding,
      longName: "attention pattern")
    try group.setAttribute("site", "core.*.attn.pattern", of: array)
    try noteRounding(in: group, array)
    try group.setAttribute("interpretation", "image", of: array)
    try data.setSignal("pattern", axes: ["iteration", "block"] + names)
    try addNeighbours(of: site, to: group)
    for (index, pattern) in patterns.enumerated() {
      places[pattern.site.name] = ArrayPlace(
        group: groups.count, array: array, block: index, grid: grid, encoding: encoding)
    }
    groups.append(group)
  }

  /// Makes loss, correctness and entropy of every position with the logits they are computed from, and the likeliest
  /// classes.
  private mutating func addReadout(_ logits: TraceSite?, _ likeliest: [TraceSite]) throws {
    guard let site = logits ?? likeliest.first else { return }
    let data = try NXDataGroup(in: run, "readout", title: "Readout")
    var group = try IterationGroup(data, at: ["run", "readout"])
    let places = Array(site.axes.prefix(2))
    for axis in places { try group.addAxis(axis) }
    if let axis = logits?.axes.last, description.keepsLogits { try group.addAxis(axis) }
    if let axis = likeliest.first?.axes.last { try group.addAxis(axis) }
    func add(
      _ name: String, _ encoding: ChunkEncoding, _ axes: [TraceAxis], unit: String = "",
      _ meaning: String
    ) throws -> ArrayPlace {
      let grid = grid(axes.map(\.count), encoding.number)
      let array = try group.addArray(
        name, axes: axes.map(\.name), chunk: grid.chunk, encoding, unit: unit, longName: meaning)
      return ArrayPlace(
        group: groups.count, array: array, block: nil, grid: grid, encoding: encoding)
    }
    let plain = ChunkEncoding(storage.elements.number)
    var signals: [String] = []
    if let logits {
      let hasTargets = try description.targets(of: logits) != nil
      readout = ReadoutPlaces(
        entropy: try add("entropy", plain, places, unit: "nat", "entropy of the readout"),
        loss: hasTargets
          ? try add("loss", plain, places, unit: "nat", "cross-entropy with the target") : nil,
        correct: hasTargets
          ? try add(
            "correct", ChunkEncoding(.uint8), places, "whether the likeliest class is the target")
          : nil)
      signals = hasTargets ? ["loss", "entropy"] : ["entropy"]
      if description.keepsLogits {
        let place = try add("logits", encoding, logits.axes, "logits")
        try noteRounding(in: group, place.array)
        self.places["logits"] = place
      }
    }
    for top in likeliest {
      let name = TraceSite.datasetName(of: top.name)
      self.places[top.name] = try add(name, plain, top.axes, top.longName)
    }
    if let first = signals.first {
      try data.setSignal(
        first, axes: ["iteration"] + places.map(\.name), auxiliary: Array(signals.dropFirst()))
    } else {
      try data.setSignal(
        TraceSite.datasetName(of: site.name), axes: ["iteration"] + site.axes.map(\.name))
    }
    groups.append(group)
  }

  /// Makes the sums over what is stored of each array of floats at each iteration.
  private mutating func addSelfCheck() throws {
    var arrays = places.values.map { [$0.group, $0.array] }
    if let readout {
      arrays += [readout.entropy, readout.loss].compactMap { $0.map { [$0.group, $0.array] } }
    }
    for array in Set(arrays).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      checkedArrays[array] = checkedArrays.count
    }
    let paths = checkedArrays.sorted { $0.value < $1.value }
      .map { groups[$0.key[0]].path(of: $0.key[1]) }
    let data = try NXDataGroup(
      in: provenance, "self_check", title: "Sums over each iteration's values as stored")
    var group = try IterationGroup(data, at: ["run", "provenance", "self_check"])
    let (array, quantity) = (TraceAxis("array", paths.count), TraceAxis("quantity", 3))
    try group.addAxis(array)
    try group.addAxis(quantity)
    try group.addSeries(
      "sums", axes: [array, quantity],
      longName: "sum and sum of squares of the finite values, number of the others")
    let names = try data.group.makeTexts("path", paths)
    try names.attach(data.group.dataset("array"), axis: 0)
    try data.setSignal("sums", axes: ["iteration", "array", "quantity"])
    check = groups.count
    groups.append(group)
  }

  /// Makes the tables of what was recorded and of what was edited. How often each fired is known in the end.
  private func addHooks() throws {
    let names = description.sites.map(\.name)
    var hooks = try NXDataGroup(in: provenance, "hooks", title: "Hooks, and how often each fired")
    try hooks.addAxis("hook", Array(names.indices))
    let sites = try hooks.group.makeTexts("site", names)
    try sites.attach(hooks.group.dataset("hook"), axis: 0)
    try hooks.addArray(
      "fired", .integers(IntegerArray([names.count], names.map { _ in 0 })), as: .int64,
      axes: ["hook"], longName: "iterations in which the site's values came and were stored")
    try hooks.setSignal("fired", axes: ["hook"])

    guard !description.edits.isEmpty else { return }
    var edits = try NXDataGroup(in: provenance, "edits", title: "Edits, and how often each fired")
    try edits.addAxis("edit", Array(description.edits.indices))
    let patterns = try edits.group.makeTexts("site", description.edits)
    try patterns.attach(edits.group.dataset("edit"), axis: 0)
    try edits.addArray(
      "fired", .integers(IntegerArray([description.edits.count], description.edits.map { _ in 0 })),
      as: .int64, axes: ["edit"], longName: "times it was called, once a part of the batch")
    try edits.setSignal("fired", axes: ["edit"])
  }
}
