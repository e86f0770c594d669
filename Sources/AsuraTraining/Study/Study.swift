import AsuraConfiguration
import AsuraModel
import Foundation

/// A question put to training itself: one recipe, varied in several ways, each with several seeds, and tested as is
/// laid down before the first run.
///
/// ```yaml
/// question: Does recall matter?
/// recipe: ../Recipes/addition-columns.yaml
/// seeds: 1...5
/// variants:
///   - {name: recall}
///   - {name: no recall, set: [model.recall=none, model.initialLatent=input]}
/// tests:
///   - {lengths: [10, 100], iterations: [2n, 20n], examples: 1000}
/// ```
///
/// Every run of every variant is trained, tested and shown: none is dropped, and the numbers of iterations are part
/// of the question, so that none is chosen by what it gives.
public struct Study: Sendable, Equatable, Codable {
  /// What the study asks, in a sentence.
  public var question: String
  /// The recipe's file, relative to the study's.
  public var recipe: String
  /// The seeds each variant is trained with.
  public var seeds: [UInt64]
  /// How the recipe is varied.
  public var variants: [Variant]
  /// What the trained models are tested on.
  public var tests: [StudyTest]
  /// The share of whole answers right in training whose first step is reported; none when absent.
  public var reach: Double?

  /// One way of varying the recipe.
  public struct Variant: Sendable, Equatable, Codable {
    public var name: String
    /// Changes to the recipe, each `key.path=value`.
    public var changes: [String]
    /// Another recipe to change, relative to the study's file; the study's own when absent.
    public var recipe: String?
    /// The numbers of iterations to test it at, in place of each test's own: for one that cannot run as many.
    public var iterations: [LengthExpression]?

    public init(
      name: String, changes: [String] = [], recipe: String? = nil,
      iterations: [LengthExpression]? = nil
    ) {
      self.name = name
      self.changes = changes
      self.recipe = recipe
      self.iterations = iterations
    }

    /// What its runs' folder is called.
    var folderName: String { name.replacing(" ", with: "-") }

    enum CodingKeys: String, CodingKey, CaseIterable {
      case name, recipe, iterations
      case changes = "set"
    }

    public init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      name = try fields.required(.name)
      changes = try fields.value(.changes, default: [])
      recipe = try fields.value(.recipe)
      iterations = try fields.value(.iterations)
      // It names a folder too.
      let isSafe = name.allSatisfy {
        $0.isASCII && ($0.isLetter || $0.isNumber || " -_.,+=".contains($0))
      }
      guard (1...60).contains(name.count), isSafe, name.first != ".", name.first != " " else {
        throw ConfigurationError(
          field: optionPath(decoder.codingPath) + ".name", found: shortened(name),
          expected: "1 to 60 letters, digits, spaces and -_.,+=",
          remedy: "begin with a letter or a digit")
      }
    }
  }

  public init(
    question: String, recipe: String, seeds: [UInt64], variants: [Variant], tests: [StudyTest],
    reach: Double? = nil
  ) {
    self.question = question
    self.recipe = recipe
    self.seeds = seeds
    self.variants = variants
    self.tests = tests
    self.reach = reach
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case question, recipe, seeds, variants, tests, reach
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    question = try fields.required(.question)
    recipe = try fields.required(.recipe)
    let list: SeedList = try fields.required(.seeds)
    seeds = list.seeds
    variants = try fields.required(.variants)
    tests = try fields.required(.tests)
    reach = try fields.value(.reach)
    try validate()
  }

  private func validate() throws {
    if let reach, !(reach > 0 && reach <= 1) {
      throw ConfigurationError(
        field: "reach", found: "\(reach)", expected: "a share of answers, above 0 and up to 1")
    }
    for (field, count) in [("variants", variants.count), ("tests", tests.count)] where count == 0 {
      throw ConfigurationError(
        field: field, found: "an empty list", expected: "at least one",
        remedy: field == "variants" ? "the recipe as it is would be - {name: base}" : "")
    }
    var names: Set<String> = []
    for variant in variants where !names.insert(variant.folderName.lowercased()).inserted {
      throw ConfigurationError(
        field: "variants", found: "\(variant.name) twice", expected: "a name of its own for each")
    }
  }

  /// Reads a study from a YAML file.
  public init(contentsOf url: URL) throws {
    let text = try StrictYAML.text(
      of: url, "study", remedy: "Check the path; Examples/Studies holds some to start from.")
    self = try StrictYAML.decode(
      text, source: url.path,
      expected: "A study needs question, recipe, seeds, variants and tests.")
  }
}

/// Seeds as a study writes them: `1...5`, one number, or a list.
private struct SeedList: Decodable, ExpressibleByArrayLiteral {
  let seeds: [UInt64]

  init(arrayLiteral elements: UInt64...) { seeds = elements }

  init(from decoder: any Decoder) throws {
    if let list = try? [UInt64](from: decoder) {
      seeds = list
    } else {
      let text = (try? decoder.singleValueContainer())?.text ?? ""
      let ends = text.split(separator: "...", omittingEmptySubsequences: false).map { UInt64($0) }
      if ends.count == 1, let only = ends[0] {
        seeds = [only]
      } else if ends.count == 2, let low = ends[0], let high = ends[1], low <= high,
        high - low < 1000
      {
        seeds = Array(low...high)
      } else {
        seeds = []
      }
    }
    guard !seeds.isEmpty, seeds.count <= 1000, Set(seeds).count == seeds.count else {
      throw ConfigurationError(
        field: optionPath(decoder.codingPath), found: describeFound(decoder),
        expected: "1 to 1000 different seeds", remedy: "write 1...5, or a list such as [1, 2, 3]")
    }
  }
}

extension SingleValueDecodingContainer {
  fileprivate var text: String? {
    (try? decode(String.self)) ?? (try? decode(UInt64.self)).map { "\($0)" }
  }
}
