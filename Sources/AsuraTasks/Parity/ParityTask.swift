import AsuraConfiguration
import AsuraTensor

/// Prefix parity: at every bit, whether the ones up to and with it are odd in number.
///
/// An optional `bos` with position id 0, then the bits with ids 1…n; every bit is asked.
public struct ParityTask: LearningTask {
  public let options: ParityOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: ParityOptions = ParityOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.parity.rawValue }
  public var summary: String { "say after each bit whether the ones so far are odd in number" }
  public var outputs: [String] { ["0", "1"] }
  public var outputSymbols: [Int32] { [0, 1] }
  public var vocabulary: [String] { outputs + (options.bos ? ["bos"] : []) }
  public var channels: Int { 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  // MARK: - Kinds

  /// Independent bits, zero or one as likely.
  public static let uniform = ExampleKind(
    name: "uniform", description: "independent bits, some of which training may have seen")
  /// Uniform bits that training leaves out.
  public static let heldOut = ExampleKind(
    name: "held-out", description: "independent bits that training leaves out")
  /// The parity changes at every bit.
  public static let ones = ExampleKind(name: "ones", description: "nothing but ones")
  /// The parity is to be carried far.
  public static let sparse = ExampleKind(
    name: "sparse", description: "one to three ones, anywhere")
  /// The parity changes at every other bit.
  public static let alternating = ExampleKind(
    name: "alternating", description: "0101… or 1010…")

  public var kinds: [ExampleKind] {
    [.training, Self.uniform, Self.heldOut, Self.ones, Self.sparse, Self.alternating]
  }

  /// Bits below which strings are too few to leave any out.
  private static let shortestHeldOut = 8

  private func isHeldOut(_ bits: [UInt8]) -> Bool {
    bits.count >= Self.shortestHeldOut && ExamplePart(of: bits, test: options.heldOut) == .test
  }

  func bits(length: Int, kind: ExampleKind, random: inout Random) -> [UInt8] {
    switch kind {
    case Self.ones: return Array(repeating: 1, count: length)
    case Self.alternating:
      let first = random.below(2)
      return (0..<length).map { UInt8((first + UInt64($0)) % 2) }
    case Self.sparse:
      var bits = [UInt8](repeating: 0, count: length)
      for _ in 0..<1 + random.below(3) { bits[Int(random.below(UInt64(length)))] = 1 }
      return bits
    case Self.uniform: return Self.drawn(length: length, random: &random)
    case Self.heldOut:
      // There are strings of either part, of any length and share that can be asked for.
      while true {
        let bits = Self.drawn(length: length, random: &random)
        if isHeldOut(bits) { return bits }
      }
    default:
      while true {
        let isVaried = options.varied > 0 && random.uniform() < options.varied
        let chance = isVaried ? random.uniform() : 0.5
        let bits = Self.drawn(length: length, chance: chance, random: &random)
        if !isHeldOut(bits) { return bits }
      }
    }
  }

  private static func drawn(
    length: Int, chance: Double = 0.5, random: inout Random
  ) -> [UInt8] {
    (0..<length).map { _ in random.uniform() < chance ? 1 : 0 }
  }

  // MARK: - Batches

  public func layout(length: Int) throws -> Layout {
    try TaskError.check(
      "length", length, in: 1...LengthRange.longest, remedy: "ask for a number of bits")
    let first = options.bos ? 1 : 0
    let ids = (options.bos ? [0] : []) + (1...Int32(length)).map { $0 }
    return Layout(columns: ids.count, positionIDs: ids, answer: Array(first..<ids.count))
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    if kind == Self.heldOut {
      guard options.heldOut > 0 else {
        throw TaskError(
          field: "kind", found: "\(kind.name) with heldOut 0", expected: "another kind",
          remedy: "training leaves none out: set heldOut to a share")
      }
      guard length >= Self.shortestHeldOut else {
        throw TaskError(
          field: "length", found: "\(length) with kind \(kind.name)",
          expected: "at least \(Self.shortestHeldOut)",
          remedy: "of shorter strings there are so few that training has them all")
      }
    }
    let strings = random.each(examples) { random in
      return bits(length: length, kind: kind, random: &random)
    }
    return batch(strings, layout)
  }

  func batch(_ strings: [[UInt8]], _ layout: Layout) -> Batch {
    var tokens: [Int32] = []
    var (parity, count, since): ([Int32], [Int32], [Int32]) = ([], [], [])
    for bits in strings {
      if options.bos {
        tokens.append(2)
        parity.append(-1)
        count.append(-1)
        since.append(-1)
      }
      var ones: Int32 = 0
      var sinceOne: Int32 = -1
      for bit in bits {
        ones += Int32(bit)
        sinceOne = bit == 1 ? 0 : sinceOne < 0 ? -1 : sinceOne + 1
        tokens.append(Int32(bit))
        parity.append(ones % 2)
        count.append(ones)
        since.append(sinceOne)
      }
    }
    let length = layout.answer.count
    return Batch(
      examples: strings.count, layout: layout, tokens: tokens, targets: parity,
      facts: [
        Fact(
          name: "parity", description: "whether the ones so far are odd in number",
          classes: ["even", "odd"], values: parity),
        Fact(name: "ones", description: "ones so far", values: count),
        Fact(
          name: "sinceOne", description: "bits since the last one, undefined before the first",
          values: since),
      ], length: length, difficulty: length)
  }
}
