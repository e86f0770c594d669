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
  private var counts: [Int32: (right: Int, symbols: Int)] = [:]
  private var classes: [String] = []

  /// - Throws: `ConfigurationError` when the batch has no fact of that name.
  mutating func add<S: Scalar>(_ logits: Tensor<S>, _ batch: Batch, by name: String) throws {
    guard let fact = batch.fact(name) else {
      throw ConfigurationError.unknown("fact", found: name, names: batch.facts.map(\.name))
    }
    classes = fact.classes
    let width = logits.shape[2]
    logits.read { logits in
      for (place, (target, value)) in zip(batch.targets, fact.values).enumerated()
      where target >= 0 && value >= 0 {
        let isRight = Accuracy.isRight(logits + place * width, width, Int(target))
        counts[value, default: (0, 0)].right += isRight ? 1 : 0
        counts[value, default: (0, 0)].symbols += 1
      }
    }
  }

  /// The parts, by rising value.
  var parts: [Evaluation.Part] {
    counts.sorted { $0.key < $1.key }.map { value, count in
      Evaluation.Part(
        value: Int(value), name: classes.isEmpty ? "\(value)" : classes[Int(value)],
        symbols: count.symbols, perSymbol: Double(count.right) / Double(count.symbols))
    }
  }
}
