import AsuraConfiguration
import AsuraTasks
import AsuraTensor

extension Evaluation {
  /// The symbols of a row at whose positions a fact has one value: of a chain, say, those of one place in it.
  public struct Part: Sendable, Codable, Equatable {
    /// The fact's value.
    public let value: Int
    /// The value's name; the number itself where it counts something.
    public let name: String
    /// How many symbols there are.
    public let symbols: Int
    /// The share of them that are right.
    public let perSymbol: Double
  }
}

/// Right symbols, counted for each value of a fact apart.
struct FactTally {
  private var accuracies: [Int32: Accuracy] = [:]
  private var classes: [String] = []

  /// - Throws: `ConfigurationError` when the batch has no fact of that name.
  mutating func add<S: Scalar>(_ logits: Tensor<S>, _ batch: Batch, by name: String) throws {
    guard let fact = batch.fact(name) else {
      throw ConfigurationError.unknown("fact", found: name, names: batch.facts.map(\.name))
    }
    classes = fact.classes
    let scored = zip(batch.targets, fact.values).filter { $0.0 >= 0 && $0.1 >= 0 }.map(\.1)
    for value in Set(scored) {
      let targets = zip(batch.targets, fact.values).map { $1 == value ? $0 : -1 }
      accuracies[value, default: Accuracy()] += Accuracy(logits, targets: targets)
    }
  }

  /// The parts, by rising value.
  var parts: [Evaluation.Part] {
    accuracies.sorted { $0.key < $1.key }.map { value, accuracy in
      Evaluation.Part(
        value: Int(value), name: classes.isEmpty ? "\(value)" : classes[Int(value)],
        symbols: accuracy.scored, perSymbol: accuracy.perSymbol)
    }
  }
}
