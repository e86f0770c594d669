/// Examples of one length, as a model is given them.
public struct Batch: Sendable, Equatable {
  /// How many examples there are.
  public let examples: Int
  /// Symbols at one position, whose embeddings the model adds up.
  public let channels: Int
  /// Where things stand in each of them.
  public let layout: Layout
  /// `[example, position, channel]`, each an index into the task's vocabulary.
  public private(set) var tokens: [Int32]
  /// `[example, position]`, each an index into the task's outputs; −1 where nothing is asked.
  public let targets: [Int32]
  /// Ground truth about what happens inside.
  public let facts: [Fact]
  /// Digits or symbols an example: what the batch was asked for.
  public let length: Int
  /// How many steps a local rule may need for the answer: the scale for a number of iterations.
  public let difficulty: Int

  public var positions: Int { layout.positions }
  public var positionIDs: [Int32] { layout.positionIDs }

  public init(
    examples: Int, channels: Int = 1, layout: Layout, tokens: [Int32], targets: [Int32],
    facts: [Fact] = [], length: Int, difficulty: Int
  ) {
    let places = examples * layout.positions
    precondition(tokens.count == places * channels, "\(tokens.count) tokens at \(places) places")
    precondition(targets.count == places, "\(targets.count) targets at \(places) places")
    for fact in facts {
      precondition(fact.values.count == places, "\(fact.name): \(fact.values.count) of \(places)")
    }
    self.examples = examples
    self.channels = channels
    self.layout = layout
    self.tokens = tokens
    self.targets = targets
    self.facts = facts
    self.length = length
    self.difficulty = difficulty
  }

  /// The fact of that name, if the task publishes it.
  public func fact(_ name: String) -> Fact? { facts.first { $0.name == name } }

  /// The targets of one example, `[position]`.
  public func targets(ofExample example: Int) -> ArraySlice<Int32> {
    targets[example * positions..<(example + 1) * positions]
  }

  /// The tokens of one example, `[position, channel]`.
  public func tokens(ofExample example: Int) -> ArraySlice<Int32> {
    let size = positions * channels
    return tokens[example * size..<(example + 1) * size]
  }

  // MARK: - Answering symbol by symbol

  /// The batch without the answer's own symbols in the input: where symbol-by-symbol evaluation
  /// starts. A parallel batch holds none, and comes back as it is.
  public func hidingAnswer() -> Batch {
    guard layout.mode == .nextToken else { return self }
    var hidden = self
    for example in 0..<examples {
      for position in layout.answer.dropFirst() { hidden.setToken(0, example, position) }
    }
    return hidden
  }

  /// Writes what was answered at `layout.answer[step]` to where the next step reads it.
  ///
  /// For `step` from 0: run the model, take the class with the largest logit at
  /// `layout.answer[step]` of each example, and feed it. The last step has nowhere to be written.
  ///
  /// - Parameters:
  ///   - classes: `[example]`, indices into the task's outputs.
  ///   - symbols: the task's `outputSymbols`.
  public mutating func feed(_ classes: [Int32], afterStep step: Int, symbols: [Int32]) {
    precondition(layout.mode == .nextToken, "a parallel batch is answered at once")
    precondition(classes.count == examples, "\(classes.count) classes for \(examples) examples")
    guard step + 1 < layout.answer.count else { return }
    for example in 0..<examples {
      setToken(symbols[Int(classes[example])], example, layout.answer[step + 1])
    }
  }

  private mutating func setToken(_ token: Int32, _ example: Int, _ position: Int) {
    for channel in 0..<channels {
      tokens[(example * positions + position) * channels + channel] = token
    }
  }
}
