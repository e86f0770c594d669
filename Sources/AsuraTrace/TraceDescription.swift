import AsuraTensor

/// What a trace is of: everything that is known before the first iteration.
public struct TraceDescription: Sendable {
  /// The program that made the trace, with its version.
  public var program: String
  /// The command as it was given.
  public var commandLine: String
  /// What will be recorded.
  public var sites: [TraceSite]
  /// How many iterations the run has, recorded or not; nil where that is unknown.
  public var iterations: Int?
  public var model: TraceModel
  public var input: TraceInput
  /// Key positions `[query, neighbour]` of windowed attention, −1 for none. Needed where a site's last axes are
  /// `query` and `neighbour`: for the queries that were recorded.
  public var neighbours: IntegerArray?
  /// How many examples of the batch come at a time, if not all: chunks follow that.
  public var rowsAtATime: Int?
  /// Whether the readout keeps its logits, or only loss, correctness and entropy.
  public var keepsLogits = true
  /// The sites that the run's edits name, in the order of the edits.
  public var edits: [String] = []
  /// Seeds by what they were for.
  public var seeds: [String: UInt64] = [:]
  /// Versions of programs and libraries by name.
  public var versions: [String: String] = [:]

  public init(
    program: String, commandLine: String = "", sites: [TraceSite],
    model: TraceModel = TraceModel(), input: TraceInput = TraceInput()
  ) {
    self.program = program
    self.commandLine = commandLine
    self.sites = sites
    self.model = model
    self.input = input
  }
}

extension TraceDescription {
  /// The site whose queries `neighbours` is for: the first pattern, or the first other of windowed attention.
  var windowed: TraceSite? {
    let sites = sites.filter { $0.axes.map(\.name).suffix(2) == ["query", "neighbour"] }
    return sites.first { TraceSite.patternBlock(of: $0.name) != nil } ?? sites.first
  }

  /// The queries that `neighbours` is for; nil when it is not needed.
  public var queriesWithNeighbours: [Int]? { windowed.map { $0.axes[$0.axes.count - 2].values } }

  /// The patterns of the core's blocks that share one array: those recorded as the first is.
  var sharedPatterns: [(block: Int, site: TraceSite)] {
    let patterns = sites.compactMap { site in
      TraceSite.patternBlock(of: site.name).map { (block: $0, site: site) }
    }
    guard let first = patterns.first?.site else { return [] }
    return patterns.filter { $0.site.axes == first.axes && $0.site.iterations == first.iterations }
      .sorted { $0.block < $1.block }
  }

  /// The likeliest classes and their probabilities, where they were recorded as the logits were, or without them: they
  /// stand with the other series of the readout.
  var likeliest: [TraceSite] {
    let top = sites.filter { ["logits.top_class", "logits.top_probability"].contains($0.name) }
    guard let first = sites.first(where: { $0.name == "logits" }) ?? top.first else { return [] }
    return top.filter {
      $0.axes.prefix(2) == first.axes.prefix(2) && $0.iterations == first.iterations
        && $0.axes.map(\.name) == ["batch", "position", "rank"] && $0.axes == top[0].axes
    }
  }

  /// The targets of the places where a readout was recorded, `[batch, position]`; nil without targets.
  func targets(of site: TraceSite) throws -> [Int32]? {
    guard let targets = input.targets else { return nil }
    let (examples, positions) = (site.axes[0].values, site.axes[1].values)
    guard examples.allSatisfy({ (0..<targets.shape[0]).contains($0) }),
      positions.allSatisfy({ (0..<targets.shape[1]).contains($0) })
    else {
      throw TraceError(
        .misuse,
        "targets have the shape \(targets.shape), but logits the shape \(site.shape)")
    }
    return examples.flatMap { example in
      positions.map { targets.elements[example * targets.shape[1] + $0] }
    }
  }

  /// The bytes that the values of each site take in the file, uncompressed: its chunks with their checksums, whole
  /// ones also at the edges, and with the logits those of the series computed from them.
  public func storedBytes(_ elements: TraceElements = .float32) -> [String: Int] {
    func bytes(_ shape: [Int], _ number: H5Number, _ iterations: Int) -> Int {
      let grid = ChunkGrid(
        shape: shape, elementSize: number.size, rowsAtATime: rowsAtATime ?? shape.first)
      return grid.chunks(touching: 0..<grid.count).count
        * (grid.chunkCount * number.size + ChunkEncoding.checksumBytes) * iterations
    }
    var found: [String: Int] = [:]
    for site in sites {
      let count = site.iterations?.count ?? 0
      var total = 0
      if site.name != "logits" || keepsLogits { total += bytes(site.shape, elements.number, count) }
      if site.name == "logits" {
        let places = Array(site.shape.prefix(2))
        total += bytes(places, elements.number, count) * (input.targets == nil ? 1 : 2)
        if input.targets != nil { total += bytes(places, .uint8, count) }
      }
      found[site.name] = total
    }
    return found
  }
}

/// The model a trace was made with.
public struct TraceModel: Sendable {
  /// Its configuration as JSON.
  public var configuration: String
  /// A hash of its weights, named by its algorithm, such as `sha256:…`.
  public var weightsHash: String
  /// Its weights by name, as the weights file names them; empty leaves them out.
  public var weights: [String: TraceArray]

  public init(
    configuration: String = "", weightsHash: String = "", weights: [String: TraceArray] = [:]
  ) {
    self.configuration = configuration
    self.weightsHash = weightsHash
    self.weights = weights
  }
}

/// What a model was run on.
public struct TraceInput: Sendable, Equatable {
  /// What the task is, in words or JSON.
  public var task: String
  /// Token ids `[batch, position, channel]`.
  public var tokens: IntegerArray?
  /// Target classes `[batch, position]`; negative for no target.
  public var targets: IntegerArray?
  /// `[batch, position]`: 1 where the loss counts, 0 elsewhere.
  public var mask: IntegerArray?
  /// Position ids `[batch, position]`.
  public var positionIDs: IntegerArray?
  /// How many rows the positions lie in, row by row: 1 for sequences.
  public var rows: Int
  /// What each example reads as, one text a batch item.
  public var text: [String]
  /// The ground truth of what happens inside, by name.
  public var facts: [String: TraceFact]

  public init(
    task: String = "", tokens: IntegerArray? = nil, targets: IntegerArray? = nil,
    mask: IntegerArray? = nil, positionIDs: IntegerArray? = nil, rows: Int = 1,
    text: [String] = [], facts: [String: TraceFact] = [:]
  ) {
    self.task = task
    self.tokens = tokens
    self.targets = targets
    self.mask = mask
    self.positionIDs = positionIDs
    self.rows = rows
    self.text = text
    self.facts = facts
  }
}

/// A fact about each position, such as the carry into it.
public struct TraceFact: Sendable, Equatable {
  /// The value at each `[batch, position]`; negative where the fact does not apply.
  public var values: IntegerArray
  /// What the values 0, 1, … mean; may be empty.
  public var labels: [String]

  public init(_ values: IntegerArray, labels: [String] = []) {
    self.values = values
    self.labels = labels
  }
}
