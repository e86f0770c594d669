import Foundation

/// Writes what is known before the first iteration: the root, the run, the model, the input, the
/// provenance.
enum TraceHeader {
  /// The schema version this library writes and reads.
  static let schema = 1

  /// Refuses descriptions that contradict themselves.
  static func validate(_ description: TraceDescription) throws {
    func fail(_ message: String) -> TraceError { TraceError(.misuse, message) }
    guard !description.sites.isEmpty else { throw fail("a trace needs at least one site") }
    if let iterations = description.iterations, iterations < 0 {
      throw fail("a run cannot have \(iterations) iterations")
    }
    for site in description.sites { try site.validate() }
    let names = description.sites.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw fail("site '\(twice)' is declared twice")
    }

    let needed = description.windowed.map { Array($0.shape.suffix(2)) }
    guard description.neighbours?.shape == needed else {
      throw fail(
        "neighbours have the shape \(description.neighbours.map { "\($0.shape)" } ?? "none"), "
          + "but the patterns need \(needed.map { "\($0)" } ?? "none")")
    }

    let input = description.input
    let arrays =
      [
        ("tokens", input.tokens, 3), ("targets", input.targets, 2), ("mask", input.mask, 2),
        ("position_ids", input.positionIDs, 2),
      ] + input.facts.map { ("fact '\($0.key)'", $0.value.values, 2) }
    var places: (name: String, shape: [Int])?
    for case (let name, let array?, let rank) in arrays {
      guard array.shape.count == rank, !array.shape.contains(0) else {
        throw fail("\(name) of shape \(array.shape) should have \(rank) axes, none empty")
      }
      let shape = Array(array.shape.prefix(2))
      if let places, places.shape != shape {
        throw fail("\(name) cover \(shape) but \(places.name) \(places.shape) [batch, position]")
      }
      places = (name, shape)
    }
    if let places, input.rows < 1 || places.shape[1] % input.rows != 0 {
      throw fail("\(places.shape[1]) positions cannot lie in \(input.rows) rows")
    }
    if let places, !input.text.isEmpty, input.text.count != places.shape[0] {
      throw fail("\(input.text.count) texts for a batch of \(places.shape[0])")
    }
    if let bad = input.facts.keys.first(where: {
      !isPlainName($0) || ["batch", "position"].contains($0)
    }) {
      throw fail("a fact cannot be called '\(bad)'")
    }
    if let bad = description.model.weights.keys.first(where: {
      $0.isEmpty || $0 == "." || $0.contains("/") || $0.contains("\0")
    }) {
      throw fail("a weight cannot be called '\(bad)'")
    }
  }

  /// Writes the groups and returns those of the run and of the provenance.
  static func write(
    _ description: TraceDescription, to root: H5Group
  ) throws -> (run: H5Group, provenance: H5Group) {
    try root.setAttribute("NX_class", "NXroot")
    try root.setAttribute("default", "run")
    try root.setAttribute("asura_schema", .integer(Int64(schema)))
    try root.setAttribute("creator", .text(description.program))

    let run = try root.makeGroup("run")
    try run.setAttribute("NX_class", "NXentry")
    try run.setAttribute("program", .text(description.program))
    try run.setAttribute("command_line", .text(description.commandLine))
    try run.setAttribute("start_time", .text(Date().ISO8601Format()))
    try run.setAttribute("status", "running")
    try run.setAttribute("committed_iterations", 0)
    try run.setAttribute("last_iteration", -1)
    if let iterations = description.iterations {
      try run.setAttribute("iterations", .integer(Int64(iterations)))
    }

    try write(description.model, to: run)
    try write(description.input, to: run)

    let provenance = try run.makeGroup("provenance")
    try provenance.setAttribute("NX_class", "NXcollection")
    for (name, seed) in description.seeds.sorted(by: { $0.key < $1.key }) {
      try provenance.setAttribute("seed.\(name)", .unsigned(seed))
    }
    for (name, version) in description.versions.sorted(by: { $0.key < $1.key }) {
      try provenance.setAttribute("version.\(name)", .text(version))
    }
    return (run, provenance)
  }

  private static func write(_ model: TraceModel, to run: H5Group) throws {
    let group = try run.makeGroup("model")
    try group.setAttribute("NX_class", "NXcollection")
    try group.setAttribute("weights_hash", .text(model.weightsHash))
    try group.makeTexts("configuration", [model.configuration], isScalar: true)
    guard !model.weights.isEmpty else { return }
    let weights = try group.makeGroup("weights")
    try weights.setAttribute("NX_class", "NXcollection")
    for (name, values) in model.weights.sorted(by: { $0.key < $1.key }) {
      let shape = values.shape
      let dataset = try weights.makeDataset(name, values.number, shape: shape)
      try values.withBytes {
        try dataset.write($0, as: values.number, start: shape.map { _ in 0 }, count: shape)
      }
    }
  }

  private static func write(_ input: TraceInput, to run: H5Group) throws {
    var data = try NXDataGroup(in: run, "input", title: "Input")
    try data.group.setAttribute("task", .text(input.task))
    if input.rows != 1 { try data.group.setAttribute("rows", .integer(Int64(input.rows))) }
    let arrays: [(String, IntegerArray?, H5Number, String)] = [
      ("tokens", input.tokens, .int32, "token ids"),
      ("targets", input.targets, .int32, "target classes, negative for none"),
      ("mask", input.mask, .uint8, "1 where the loss counts"),
      ("position_ids", input.positionIDs, .int32, "position ids"),
    ]
    let names = ["batch", "position", "channel"]
    let shape = arrays.compactMap { $0.1?.shape }.first ?? []
    for (axis, size) in zip(names, shape) { try data.addAxis(axis, Array(0..<size)) }
    if shape.isEmpty, !input.text.isEmpty {
      try data.addAxis("batch", Array(0..<input.text.count))
    }
    var signal: String?
    for case (let name, let values?, let type, let meaning) in arrays {
      let axes = Array(names.prefix(values.shape.count))
      try data.addArray(name, .integers(values), as: type, axes: axes, longName: meaning)
      if signal == nil {
        signal = name
        try data.setSignal(name, axes: axes)
      }
    }
    if signal == nil { try data.group.setAttribute("NX_class", "NXcollection") }
    if !input.text.isEmpty {
      let text = try data.group.makeTexts("text", input.text)
      try text.attach(data.group.dataset("batch"), axis: 0)
    }

    guard let places = input.facts.values.first?.values.shape else { return }
    var facts = try NXDataGroup(in: data.group, "facts", title: "Facts about each position")
    for (axis, size) in zip(names, places) { try facts.addAxis(axis, Array(0..<size)) }
    let sorted = input.facts.sorted { $0.key < $1.key }
    for (name, fact) in sorted {
      try facts.addArray(
        name, .integers(fact.values), axes: ["batch", "position"], longName: name)
      if !fact.labels.isEmpty {
        try facts.group.dataset(name).setAttribute("labels", .texts(fact.labels))
      }
    }
    let factNames = sorted.map(\.key)
    try facts.setSignal(
      factNames[0], axes: ["batch", "position"], auxiliary: Array(factNames.dropFirst()))
  }
}
