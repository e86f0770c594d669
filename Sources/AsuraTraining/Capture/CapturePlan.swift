import AsuraConfiguration
import AsuraModel
import Foundation

/// What to record, as a YAML file says it: a list of requests, each with sites and, if it wants less than
/// everything, which iterations, positions and examples, and a reducer.
///
/// ```yaml
/// - sites: latent
///   iterations: 0...50:5
/// - sites: [core.*.attn.pattern]
///   positions: 0,7
///   batch: 0...3
///   reduce: mean-heads
/// ```
public struct CapturePlan: Decodable, Sendable, Equatable {
  /// One request. Ranges are as on the command line, such as `1...50` or `0,7`; nil for all.
  public struct Request: Decodable, Sendable, Equatable {
    public let sites: [String]
    public let iterations: String?
    public let positions: String?
    public let batch: String?
    public let reducer: Reducer

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case sites, iterations, positions, batch, reduce
    }

    public init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      let path = optionPath(decoder.codingPath)
      let names: Words = try fields.required(.sites)
      sites = names.words
      iterations = try (fields.value(.iterations) as Words?)?.text
      positions = try (fields.value(.positions) as Words?)?.text
      batch = try (fields.value(.batch) as Words?)?.text
      let reduce: String? = try fields.value(.reduce)
      do { reducer = try reduce.map { try Reducer(parsing: $0) } ?? .all } catch let error
        as ConfigurationError
      {
        throw error.within(path)
      }
    }
  }

  public let requests: [Request]

  public init(from decoder: any Decoder) throws {
    requests = try [Request](from: decoder)
  }

  /// Reads a plan; errors name the file and the field.
  public init(contentsOf url: URL) throws {
    let expected = "A plan is a list of requests, such as - sites: latent"
    self = try StrictYAML.decode(
      try StrictYAML.text(of: url, "plan", remedy: "Check the path."), source: url.path,
      expected: expected
    ) { root in
      guard let count = root.sequence?.count, count > 0 else {
        throw ModelError(.configuration, "it is no list", remedy: expected)
      }
    }
  }

  /// One word or several, parted by commas or as a list.
  private struct Words: Decodable {
    let words: [String]
    var text: String { words.joined(separator: ",") }

    init(from decoder: any Decoder) throws {
      if let list = try? [String](from: decoder) {
        words = list
      } else {
        words = try String(from: decoder).split(separator: ",").map {
          $0.trimmingCharacters(in: .whitespaces)
        }
      }
    }
  }
}

extension Reducer {
  private static let names = ["all", "mean-heads", "mean-positions", "norm", "top:K"]

  /// A reducer by name: `all`, `mean-heads`, `mean-positions`, `norm`, or `top:5`.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("all", 1): self = .all
    case ("mean-heads", 1): self = .meanOverHeads
    case ("mean-positions", 1): self = .meanOverPositions
    case ("norm", 1): self = .norm
    case ("top", 2):
      guard let count = Int(parts[1]), count > 0 else {
        throw ConfigurationError(
          field: "reduce", found: text, expected: "top: and a number of classes",
          remedy: "write top:5 for the five likeliest")
      }
      self = .top(count)
    default: throw ConfigurationError.unknown("reduce", found: text, names: Self.names)
    }
  }
}
