internal import AsuraModel
internal import AsuraTensor
public import AsuraTrace
internal import Foundation

/// The core's attention patterns of a trace, read an iteration at a time; no model is needed.
public struct RecordedPatterns: Sendable {
  public let reader: TraceReader
  /// The core's blocks whose patterns were recorded, in order.
  public let blocks: [Int]
  public let heads: Int
  /// The iterations at which all of these blocks were recorded.
  public let iterations: [Int]
  /// The numbers of the recorded examples in the run's batch.
  public let examples: [Int]
  /// How many positions the input has, as far as the patterns tell.
  public let positions: Int
  /// The positions that were recorded as queries.
  public let queries: [Int]
  /// The position of each key, `[query, slot]`; −1 where the query sees none: a masked key, or an empty slot of a window.
  public let keys: IntegerArray
  /// Whether the trace says which keys are masked; else all are taken for visible.
  public let knowsMask: Bool

  /// How many keys a query has room for.
  public var slots: Int { keys.shape[1] }

  /// - Throws: `ProbeError` for a trace without whole patterns, `TraceError`.
  public init(_ reader: TraceReader) throws {
    self.reader = reader
    let path = reader.url.path
    let sites = reader.sites.compactMap { site in
      Self.block(of: site.name).map { (block: $0, site: site) }
    }.sorted { $0.block < $1.block }
    guard let first = sites.first?.site else {
      let isReduced = reader.sites.contains { $0.name.contains(".attn.pattern.") }
      throw ProbeError(
        .incompleteTrace,
        "\(path) holds no \(isReduced ? "whole " : "")attention patterns"
          + (isReduced ? ", only what was made of them" : ""),
        remedy: "Capture it again with --sites 'latent,core.*.attn.pattern'.")
    }
    if let other = sites.first(where: { $0.site.axes != first.axes })?.site {
      throw ProbeError(
        .incompleteTrace,
        "\(path): \(other.name) has the shape \(other.shape), \(first.name) has \(first.shape)",
        remedy: "Capture the patterns of all blocks in one request.")
    }
    blocks = sites.map(\.block)
    iterations = first.iterations.filter { t in
      sites.allSatisfy { $0.site.iterations.contains(t) }
    }
    guard !iterations.isEmpty else {
      throw ProbeError(
        .incompleteTrace, "\(path) has no iteration with the patterns of all its blocks",
        remedy: "Capture the patterns of all blocks in one request.")
    }
    let axes = first.axes
    (examples, heads, queries) = (axes[0].values, axes[1].count, axes[2].values)
    let isCausal = Self.isCausal(reader)
    if axes[3].name == "neighbour" {
      guard let table = try reader.neighbours(), table.shape == [queries.count, axes[3].count]
      else {
        throw ProbeError(
          .incompleteTrace, "\(path) does not say which keys its windowed patterns are of",
          remedy: "Capture it again.")
      }
      (keys, knowsMask) = (table, true)
    } else {
      let all = axes[3].values
      keys = IntegerArray(
        [queries.count, all.count],
        queries.flatMap { query in all.map { isCausal == true && $0 > query ? -1 : $0 } })
      knowsMask = isCausal != nil
    }
    positions = 1 + max(queries.max() ?? 0, Int(keys.elements.max() ?? 0))
  }

  /// The block of `core.{b}.attn.pattern`.
  private static func block(of name: String) -> Int? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "core", parts[2] == "attn", parts[3] == "pattern" else {
      return nil
    }
    return Int(parts[1])
  }

  /// Whether the model's mask is causal; nil where the trace does not tell.
  private static func isCausal(_ reader: TraceReader) -> Bool? {
    guard let text = try? reader.configuration(), !text.isEmpty,
      let configuration = try? ModelConfiguration(
        json: Data(text.utf8), source: reader.url.path)
    else { return nil }
    return configuration.attention.mask == .causal
  }

  /// The patterns `[example, head, query, slot]` of some of the recorded examples, by their places, checked to be
  /// finite.
  func patterns(block: Int, iteration: Int, rows: Range<Int>) throws -> Tensor<Double> {
    let values: Tensor<Double> = try reader.pattern(
      block: block, iteration: iteration, entries: ["batch": rows])
    guard values.isFinite else {
      let bad = values.elements.firstIndex { !$0.isFinite } ?? 0
      let (query, head) = (bad / slots % queries.count, bad / slots / queries.count % heads)
      let example = bad / slots / queries.count / heads
      throw ProbeError(
        .notFinite,
        "\(reader.url.path): the pattern of example \(examples[rows.lowerBound + example]) at iteration "
          + "\(iteration), block \(block), head \(head), query \(queries[query]) holds "
          + "\(values.elements[bad])",
        remedy: "Look at the iterations before it, where it is still finite: --iter.")
    }
    return values
  }
}
