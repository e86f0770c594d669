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
  /// Key positions `[query, neighbour]` of windowed attention, −1 for none. Needed where a
  /// pattern's last axis is `neighbour`.
  public var neighbours: IntegerArray?
  /// How many examples of the batch come at a time, if not all: chunks follow that.
  public var rowsAtATime: Int?
  /// Whether the readout keeps its logits, or only loss, correctness and entropy.
  public var keepsLogits = true
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
  /// What each example reads as, one text a batch item.
  public var text: [String]
  /// The ground truth of what happens inside, by name.
  public var facts: [String: TraceFact]

  public init(
    task: String = "", tokens: IntegerArray? = nil, targets: IntegerArray? = nil,
    mask: IntegerArray? = nil, positionIDs: IntegerArray? = nil, text: [String] = [],
    facts: [String: TraceFact] = [:]
  ) {
    self.task = task
    self.tokens = tokens
    self.targets = targets
    self.mask = mask
    self.positionIDs = positionIDs
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
