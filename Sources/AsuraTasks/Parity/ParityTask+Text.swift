import AsuraConfiguration
import AsuraTensor

extension ParityTask {
  public func question(_ batch: Batch, example: Int) -> String {
    batch.tokens(ofExample: example).suffix(batch.length).map { vocabulary[Int($0)] }.joined()
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return batch.layout.answer.map { outputs[Int(classes[$0])] }.joined()
  }

  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let places = batch.layout.answer
    let targets = Array(batch.targets(ofExample: example))
    var rows = TextRows()
    rows.add("bits", question(batch, example: example).map(String.init))
    rows.add("parity", places.map { outputs[Int(targets[$0])] })
    if let prediction {
      rows.add("model", places.map { outputs[Int(prediction[$0])] })
      rows.add("wrong", places.map { prediction[$0] == targets[$0] ? " " : "^" })
    }
    return """
      \(name), \(batch.length) bit\(batch.length == 1 ? "" : "s")
      tokens: \(inputText(batch, example: example))
      \(rows.text())
      """
  }

  /// Reads bits such as `0110` or `0 1 1 0`.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let strings = texts.map { text in text.filter { !$0.isWhitespace } }
    let length = length ?? strings.first?.count ?? 1
    let layout = try checkedLayout(
      length: max(1, length), examples: texts.count, kind: .training)
    let bits = try strings.enumerated().map { number, string in
      guard string.count == length, !string.isEmpty, string.allSatisfy({ "01".contains($0) }) else {
        throw TaskError.text(
          number, found: texts[number], expected: "\(max(1, length)) bits, as in 0110",
          remedy: "all texts must have one length")
      }
      return string.map { $0 == "1" ? UInt8(1) : 0 }
    }
    return batch(bits, layout)
  }

  // MARK: - Pairs

  /// One bit differs: every answer from it on.
  public static let bitPairs = ExampleKind(
    name: "bit", description: "one bit differs, and all answers from there on")
  /// Two bits differ: only the answers from the first up to the second.
  public static let stretchPairs = ExampleKind(
    name: "stretch", description: "two bits differ, and only the answers from one to the other")

  public var pairKinds: [ExampleKind] { [Self.bitPairs, Self.stretchPairs] }

  /// Pairs of uniform strings that differ in one bit or in two, any as likely.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let flips = kind == Self.stretchPairs ? 2 : 1
    try TaskError.check(
      "length", length, in: flips...LengthRange.longest,
      remedy: "pairs of the kind \(kind.name) differ in \(flips) bits")
    let pairs = random.each(count) { random in
      let clean = bits(length: length, kind: Self.uniform, random: &random)
      var corrupted = clean
      let first = Int(random.below(UInt64(length)))
      corrupted[first] = 1 - corrupted[first]
      if flips == 2 {
        let second = (first + 1 + Int(random.below(UInt64(length - 1)))) % length
        corrupted[second] = 1 - corrupted[second]
      }
      return (clean: clean, corrupted: corrupted)
    }
    return ExamplePairs(
      clean: batch(pairs.map(\.clean), layout), corrupted: batch(pairs.map(\.corrupted), layout))
  }
}
