import Asura
import AsuraCommandLine
import Foundation

/// A question about a trained model with all that answers it, as a YAML file gives it.
///
///     question: Is the state a flow?
///     model: {recipe: ../Examples/Recipes/addition-columns.yaml}
///     trace: {kind: uniform, examples: 32, iterations: 40}
///     analyses:
///       - probe: flow
///         options: {refine: "1,2,4,8"}
///         report:
///           - {say: "order of convergence, median over examples", value: "paths[*].refinement.order", of: median}
///     caution: What the numbers above cannot tell.
///
/// Paths are relative to the file.
struct Investigation: Decodable {
  let question: String
  let model: InvestigatedModel
  let trace: InvestigationTrace
  let analyses: [InvestigationAnalysis]
  /// What the answer does not show.
  let caution: String?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case question, model, trace, analyses, caution
  }

  init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    question = try fields.required(.question)
    model = try fields.required(.model)
    trace = try fields.value(.trace) ?? InvestigationTrace()
    analyses = try fields.required(.analyses)
    caution = try fields.value(.caution)
    guard !analyses.isEmpty else {
      throw ConfigurationError(
        field: "analyses", found: "an empty list", expected: "at least one analysis",
        remedy: "write - probe: flow")
    }
    for (index, analysis) in analyses.enumerated()
    where analyses[..<index].contains(where: { $0.name == analysis.name }) {
      throw ConfigurationError(
        field: "analyses[\(index)].name", found: "\(analysis.name) once more",
        expected: "a name of its own", remedy: "add name: to one of the two")
    }
  }

  /// Reads an investigation and checks all that can be checked before anything is run.
  /// - Throws: `ModelError` or `CommandError` that names the file and the field.
  init(contentsOf url: URL) throws {
    let text = try StrictYAML.text(
      of: url, "investigation", remedy: "Check the path; the folder Probes holds some.")
    self = try StrictYAML.decode(
      text, source: url.relativePath,
      expected: "An investigation needs at least question, model and analyses.")
  }
}

/// The model an investigation is about: trained by a recipe on demand, or trained before.
struct InvestigatedModel: Decodable {
  let recipe: String?
  /// Changes of the recipe, `key=value`.
  let changes: [String]
  /// A run's folder, or a model.safetensors.
  let run: String?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case recipe, run
    case changes = "set"
  }

  /// A model trained before.
  init(run: String) { (self.run, recipe, changes) = (run, nil, []) }

  init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    recipe = try fields.value(.recipe)
    run = try fields.value(.run)
    changes = try fields.value(.changes, default: [])
    guard (recipe == nil) != (run == nil) else {
      throw ConfigurationError(
        field: optionPath(decoder.codingPath), found: recipe == nil ? "neither" : "both",
        expected: "either recipe or run",
        remedy: "recipe: a file to train by, or run: the folder of a model trained before")
    }
    if run != nil, !changes.isEmpty {
      throw ConfigurationError(
        field: optionPath(decoder.codingPath) + ".set", found: changes.joined(separator: ", "),
        expected: "nothing beside run", remedy: "set changes a recipe")
    }
  }
}

/// What asura-trace capture records; what is missing is its default.
struct InvestigationTrace: Decodable {
  var kind: String?
  var length: Int?
  var examples: Int?
  var iterations: Int?
  var seed: UInt64?
  var sites: [String]?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, length, examples, iterations, seed, sites
  }

  init() {}

  init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    kind = try fields.value(.kind)
    length = try fields.value(.length)
    examples = try fields.value(.examples)
    iterations = try fields.value(.iterations)
    seed = try fields.value(.seed)
    let names: OptionValue? = try fields.value(.sites)
    sites = names?.words.flatMap { $0.split(separator: ",") }.map {
      $0.trimmingCharacters(in: .whitespaces)
    }
  }

  /// The same as options of asura-trace capture.
  var arguments: [String] {
    let values: KeyValuePairs<String, String?> = [
      "--kind": kind, "--length": length?.description, "--examples": examples?.description,
      "--iterations": iterations?.description, "--seed": seed?.description,
      "--sites": sites?.joined(separator: ","),
    ]
    return values.flatMap { option, value in value.map { [option, $0] } ?? [] }
  }

  /// Throws where a capture of `model` on examples of `task` would not begin.
  func check(_ model: RecurrentTransformer<Float>, task: any LearningTask) throws {
    var random = Random(seed: seed ?? 0, for: "capture")
    let batch = try task.makeBatch(
      length: length ?? task.lengths.upperBound, examples: examples ?? 16,
      kind: try task.kind(named: kind ?? ExampleKind.training.name), random: &random)
    let count = iterations ?? model.configuration.iterations
    try ConfigurationError.check(
      "iterations", count, in: 1...10_000_000, remedy: "leave it out for the model's own number")
    var capture = try TraceCapture(model, on: batch, of: task, iterations: count)
    if let sites { capture.record = [RecordRequest(sites)] }
    _ = try capture.storedBytes()
  }
}
