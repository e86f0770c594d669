import AsuraConfiguration
import AsuraTensor

/// A way of choosing examples: the mix to train on, or a named kind to be tested on.
public struct ExampleKind: Hashable, Sendable {
  public let name: String
  public let description: String

  public init(name: String, description: String) {
    self.name = name
    self.description = description
  }

  /// What a model is trained on, as the task's options say.
  public static let training = ExampleKind(
    name: "training", description: "the mix the options ask for")
}

/// Something a model can learn: it makes examples, knows their answers and what happens inside
/// them, and shows them as a person would write them.
///
/// A task is a value without state: the generator it is handed alone decides the examples, and
/// example `i` doesn't depend on how many there are.
public protocol LearningTask: Sendable {
  var name: String { get }
  /// One sentence for listings.
  var summary: String { get }
  /// The symbol each token stands for.
  var vocabulary: [String] { get }
  /// The symbol each output class stands for.
  var outputs: [String] { get }
  /// The token that writes each output class back into the input; empty where answers are never written there.
  var outputSymbols: [Int32] { get }
  /// Symbols at one position, whose embeddings are added up.
  var channels: Int { get }
  /// Lengths to train on.
  var lengths: ClosedRange<Int> { get }
  /// The ways this task can choose examples, `.training` first.
  var kinds: [ExampleKind] { get }

  /// Draws a length to train on: each of `lengths` as likely, unless the task has reasons for others.
  func drawLength(random: inout Random) -> Int

  /// Where things stand in examples of that length, without making any.
  ///
  /// - Throws: `TaskError` when the task has no examples of that length.
  func layout(length: Int) throws -> Layout

  /// Makes examples of one length.
  ///
  /// - Throws: `TaskError` for a length, a number of examples or a kind the task can't make.
  func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch

  /// Makes examples of what texts ask, the inverse of `question`: one example a text, all of one length.
  ///
  /// - Parameter length: their length; that of the texts when nil.
  /// - Throws: `TaskError` for a text the task cannot read, with its number, or when it reads none.
  func makeBatch(reading texts: [String], length: Int?) throws -> Batch

  /// The ways this task can choose pairs of examples, the usual one first; none unless it makes pairs.
  var pairKinds: [ExampleKind] { get }

  /// Makes pairs of examples that differ as little as changes the answer.
  ///
  /// - Parameter kind: one of `pairKinds`; the first when nil.
  /// - Throws: `TaskError` when the task makes no pairs, or cannot make these.
  func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs

  /// What an example asks, on one line.
  func question(_ batch: Batch, example: Int) -> String

  /// An answer to an example, on one line.
  ///
  /// - Parameter classes: `[position]`, indices into `outputs`; the targets or a prediction.
  func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String

  /// An example over several lines, with what happens inside it; with a prediction, also what was
  /// predicted and which symbols of it are wrong.
  ///
  /// - Parameter prediction: `[position]`, indices into `outputs`.
  func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String
}

extension LearningTask {
  public func drawLength(random: inout Random) -> Int {
    lengths.lowerBound + Int(random.below(UInt64(lengths.count)))
  }

  /// Makes examples to train on.
  public func makeBatch(length: Int, examples: Int, random: inout Random) throws -> Batch {
    try makeBatch(length: length, examples: examples, kind: .training, random: &random)
  }

  /// The kinds to be tested on: all but training's mix, or that where there is nothing else.
  public var testKinds: [ExampleKind] { kinds.count > 1 ? Array(kinds.dropFirst()) : kinds }

  /// The kind of that name; an unknown one is an error that suggests the nearest.
  public func kind(named name: String) throws -> ExampleKind {
    guard let kind = kinds.first(where: { $0.name == name }) else {
      throw TaskError.unknown("example kind", found: name, names: kinds.map(\.name))
    }
    return kind
  }

  public func render(_ batch: Batch, example: Int) -> String {
    render(batch, example: example, prediction: nil)
  }

  /// Checks what was asked before anything is allocated, and returns the layout.
  func checkedLayout(length: Int, examples: Int, kind: ExampleKind) throws -> Layout {
    _ = try self.kind(named: kind.name)
    let layout = try layout(length: length)
    let places = layout.positions * channels
    try TaskError.check(
      "examples", examples, in: 1...max(1, Batch.mostTokens / places),
      remedy: "make smaller batches (\(places) tokens an example)")
    return layout
  }
}

extension Batch {
  /// More tokens in one batch than this are taken for a slip.
  static let mostTokens = 1 << 28
}

extension Random {
  /// A whole number uniform in `0..<bound`, the same on every machine and Swift version.
  mutating func below(_ bound: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: bound).high
  }

  /// A generator for one call: the next call's is another one.
  mutating func branch() -> Random {
    let draw = next()
    return split(draw)
  }
}
