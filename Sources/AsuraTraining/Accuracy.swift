import AsuraTensor

/// How many symbols and whole answers a readout got right.
public struct Accuracy: Sendable, Equatable {
  /// Scored symbols whose class is the likeliest.
  public var correct = 0
  /// Symbols with a target.
  public var scored = 0
  /// Examples with every scored symbol right.
  public var exact = 0
  public var examples = 0

  public init() {}

  /// Compares logits `[example, position, class]` with one target a position, negative where not
  /// scored. NaN is wrong.
  public init<S: Scalar>(_ logits: Tensor<S>, targets: [Int32]) {
    let (positions, classes) = (logits.shape[1], logits.shape[2])
    examples = logits.shape[0]
    logits.read { logits in
      for example in 0..<examples {
        var allRight = true
        for position in 0..<positions {
          let target = Int(targets[example * positions + position])
          guard target >= 0 else { continue }
          scored += 1
          let row = logits + (example * positions + position) * classes
          if Self.isRight(row, classes, target) { correct += 1 } else { allRight = false }
        }
        if allRight { exact += 1 }
      }
    }
  }

  /// Whether `target` is the likeliest class of a row of logits.
  @inline(__always)
  static func isRight<S: Scalar>(_ row: UnsafePointer<S>, _ classes: Int, _ target: Int) -> Bool {
    (0..<classes).allSatisfy { $0 == target || row[$0] < row[target] }
  }

  public static func += (a: inout Accuracy, b: Accuracy) {
    a.correct += b.correct
    a.scored += b.scored
    a.exact += b.exact
    a.examples += b.examples
  }

  /// The share of scored symbols that are right; NaN when none is scored.
  public var perSymbol: Double { Double(correct) / Double(scored) }
  /// The share of examples that are right throughout.
  public var exactMatch: Double { Double(exact) / Double(examples) }
}
