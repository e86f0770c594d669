/// A numeric axis of a recorded array: its name and the coordinate of each entry.
public struct TraceAxis: Sendable, Equatable {
  /// What the axis counts, such as `batch`, `position`, `query`.
  public let name: String
  /// The coordinate of each entry: its number in the whole, where only some were recorded.
  public let values: [Int]

  public init(_ name: String, _ values: [Int]) {
    self.name = name
    self.values = values
  }

  /// An axis of `count` entries numbered from 0.
  public init(_ name: String, _ count: Int) {
    self.init(name, Array(0..<max(0, count)))
  }

  public var count: Int { values.count }
}

/// A site to record: its name, the axes of its values at one iteration, and which iterations to
/// keep.
public struct TraceSite: Sendable, Equatable {
  /// The site's name, such as `latent`, `core.0.attn.pattern` or `core.0.mlp.post`.
  public let name: String
  /// The axes of the values of one iteration, slowest first.
  public let axes: [TraceAxis]
  /// The iterations to keep; nil keeps every one that is appended. The others still count in the
  /// summary.
  public let iterations: [Int]?
  /// The unit of the values; empty for none.
  public let unit: String
  /// What the values are, as a plot's label.
  public let longName: String

  public init(
    _ name: String, axes: [TraceAxis], iterations: [Int]? = nil, unit: String = "",
    longName: String? = nil
  ) {
    self.name = name
    self.axes = axes
    self.iterations = iterations
    self.unit = unit
    self.longName = longName ?? name
  }

  /// The shape of the values of one iteration.
  public var shape: [Int] { axes.map(\.count) }

  /// The latent `[batch, position, width]`.
  public static func latent(
    batch: Int, positions: Int, width: Int, iterations: [Int]? = nil
  ) -> TraceSite {
    TraceSite(
      "latent", axes: [.init("batch", batch), .init("position", positions), .init("width", width)],
      iterations: iterations)
  }

  /// The readout's logits `[batch, position, class]`.
  public static func logits(
    batch: Int, positions: Int, classes: Int, iterations: [Int]? = nil
  ) -> TraceSite {
    TraceSite(
      "logits",
      axes: [.init("batch", batch), .init("position", positions), .init("class", classes)],
      iterations: iterations)
  }

  /// The attention pattern of one core block `[batch, head, query, key]`, or
  /// `[batch, head, query, neighbour]` where each query sees only `neighbours` keys.
  public static func pattern(
    block: Int, batch: Int, heads: Int, positions: Int, neighbours: Int? = nil,
    iterations: [Int]? = nil
  ) -> TraceSite {
    let last =
      neighbours.map { TraceAxis("neighbour", $0) } ?? TraceAxis("key", positions)
    return TraceSite(
      "core.\(block).attn.pattern",
      axes: [.init("batch", batch), .init("head", heads), .init("query", positions), last],
      iterations: iterations, longName: "attention pattern")
  }
}

// MARK: - Where a site lies in the file

/// Whether every reader takes `name` as the name of a group or dataset: letters, digits, `.` and
/// `_`, with neither end a `.`.
func isPlainName(_ name: String) -> Bool {
  !name.isEmpty && !name.hasPrefix(".") && !name.hasSuffix(".") && name.utf8.count <= 200
    && name.utf8.allSatisfy { byte in
      switch byte {
      case 0x2E, 0x5F, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: false
      }
    }
}

extension TraceSite {
  /// The last part of the name, which names the dataset.
  static func datasetName(of site: String) -> String {
    String(site[(site.lastIndex(of: ".").map { site.index(after: $0) } ?? site.startIndex)...])
  }

  /// The block of `core.{b}.attn.pattern`, whose values share one array over all blocks.
  static func patternBlock(of site: String) -> Int? {
    let parts = site.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "core", parts[2] == "attn", parts[3] == "pattern",
      let block = Int(parts[1]), block >= 0, String(block) == parts[1]
    else { return nil }
    return block
  }

  /// Refuses names and axes that the file cannot carry.
  func validate() throws {
    func fail(_ message: String) -> TraceError {
      TraceError(.misuse, "site '\(name)' \(message)")
    }
    guard isPlainName(name) else {
      throw fail("has a name of other than letters, digits, '.' and '_'")
    }
    guard axes.count <= 24, let count = elementCount(shape), count < Int.max / 16 else {
      throw fail("has the impossible shape \(shape)")
    }
    let names = axes.map(\.name)
    for axis in axes {
      guard axis.count > 0 else { throw fail("has no entries along '\(axis.name)'") }
      guard isPlainName(axis.name), axis.name != "iteration", axis.name != "block" else {
        throw fail("cannot have an axis '\(axis.name)'")
      }
    }
    guard Set(names).count == names.count else { throw fail("repeats an axis: \(names)") }
    guard !names.contains(Self.datasetName(of: name)) else {
      throw fail("has the name of one of its axes")
    }
    let fixed: [[String]]? =
      if name == "latent" {
        [["batch", "position", "width"]]
      } else if name == "logits" {
        [["batch", "position", "class"]]
      } else if Self.patternBlock(of: name) != nil {
        [["batch", "head", "query", "key"], ["batch", "head", "query", "neighbour"]]
      } else { nil }
    if let fixed, !fixed.contains(names) {
      throw fail("has the axes \(names), expected \(fixed[0])")
    }
    if let iterations, zip(iterations, iterations.dropFirst()).contains(where: { $0 >= $1 }) {
      throw fail("lists iterations out of order: \(iterations)")
    }
    if iterations?.contains(where: { $0 < 0 }) == true { throw fail("lists negative iterations") }
  }
}
