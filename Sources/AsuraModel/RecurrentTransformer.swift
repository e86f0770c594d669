import AsuraDiff
import AsuraTensor
import Foundation

/// A recurrent-depth transformer: a shared core of attention blocks applied again and again to a
/// latent, with the embedded input recalled before every pass.
public struct RecurrentTransformer<S: Scalar>: Sendable {
  /// What the model is made of.
  public let configuration: ModelConfiguration
  let layout: ParameterLayout
  let sites: SiteTable
  /// The parameters, in the order of `parameterNames`.
  public private(set) var parameters: [Tensor<S>]

  /// A model with parameters drawn from `seed`: linear layers uniform in ±1/√fan-in, embeddings
  /// normal.
  public init(_ configuration: ModelConfiguration, seed: UInt64) {
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    sites = SiteTable(configuration)
    let random = Random(seed: seed, for: "parameters")
    parameters = layout.entries.enumerated().map { i, entry in
      var random = random.split(UInt64(i))
      return entry.initializer.tensor(entry.shape, using: &random)
    }
  }

  /// A model with the given parameters, each under its name. Missing, unknown or misshapen ones are
  /// errors that list them all, and so are values that are not finite.
  public init(_ configuration: ModelConfiguration, parameters named: [String: Tensor<S>]) throws {
    try self.init(configuration, parameters: named, source: nil)
  }

  /// The same, for errors that name where the parameters come from.
  init(
    _ configuration: ModelConfiguration, parameters named: [String: Tensor<S>], source: String?
  ) throws {
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    sites = SiteTable(configuration)
    var problems: [String] = []
    var poisoned: [String] = []
    for entry in layout.entries {
      guard let tensor = named[entry.name] else {
        problems.append("missing \(entry.name) \(entry.shape)")
        continue
      }
      if tensor.shape != entry.shape {
        problems.append("\(entry.name) has shape \(tensor.shape), expected \(entry.shape)")
      } else if !tensor.isFinite {
        poisoned.append("\(entry.name) holds NaN or infinite values")
      }
    }
    let known = Set(layout.entries.map(\.name))
    problems += named.keys.filter { !known.contains($0) }.sorted().map { name in
      "unknown \(name) \(named[name]?.shape ?? [])"
    }
    let weights = "the weights" + (source.map { " in \($0)" } ?? "")
    guard problems.isEmpty else {
      throw ModelError(
        .weights, "\(weights) do not fit the configuration:\(Self.list(problems + poisoned))",
        remedy: "Use the configuration these weights were saved with.")
    }
    guard poisoned.isEmpty else {
      throw ModelError(
        .weights, "\(weights) are not all finite numbers:\(Self.list(poisoned))",
        remedy: "Training diverged, or the file is damaged: go back to a good checkpoint.")
    }
    parameters = layout.entries.compactMap { named[$0.name] }
  }

  /// A dozen of the lines, each on its own.
  private static func list(_ lines: [String]) -> String {
    lines.prefix(12).map { "\n  \($0)" }.joined()
      + (lines.count > 12 ? "\n  … and \(lines.count - 12) more" : "")
  }

  /// The parameters' names, such as `core.0.attn.qkv.weight`.
  public var parameterNames: [String] { layout.entries.map(\.name) }

  /// The parameters by name.
  public var namedParameters: [String: Tensor<S>] {
    Dictionary(uniqueKeysWithValues: zip(parameterNames, parameters))
  }

  /// How many numbers the parameters hold.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Every site of this model.
  public var siteList: [Site] { sites.sites }

  /// The sites whose names match a pattern; an error that suggests near names when there is none.
  public func sites(matching pattern: String) throws -> [Site] {
    try sites.matches(pattern).map { sites.sites[$0] }
  }

  /// Replaces the parameters, in the order of `parameterNames`.
  package mutating func setParameters(_ tensors: [Tensor<S>]) {
    precondition(
      tensors.map(\.shape) == parameters.map(\.shape), "parameters of other shapes")
    parameters = tensors
  }

  /// Lets go of one parameter's storage so that an optimiser may change it in place.
  package mutating func updateParameter(_ index: Int, _ body: (inout Tensor<S>) -> Void) {
    body(&parameters[index])
  }

  /// The same model in another precision.
  public func converted<T: Scalar>(to type: T.Type = T.self) -> RecurrentTransformer<T> {
    var model = RecurrentTransformer<T>(configuration, seed: 0)
    model.setParameters(parameters.map { $0.converted() })
    return model
  }

  /// Checks an input against the configuration.
  func check(_ input: ModelInput) throws {
    guard input.channels == configuration.channels else {
      throw ModelError(
        .input,
        "the input has \(input.channels) tokens a position, the model reads "
          + "\(configuration.channels)")
    }
    if let bad = input.tokens.first(where: { $0 < 0 || $0 >= configuration.vocabulary }) {
      throw ModelError(
        .input, "token \(bad) is outside the vocabulary 0..<\(configuration.vocabulary)")
    }
  }

  /// Checks that there is a core for that many iterations.
  package func check(iterations: Int) throws {
    if !configuration.shared && iterations > configuration.iterations {
      throw ModelError(
        .input,
        "\(iterations) iterations of a model with unshared weights for "
          + "\(configuration.iterations)",
        remedy: "Only a shared core can be iterated longer than it was built for.")
    }
  }

  /// Δ for Euler updates over a run of `iterations`.
  func eulerStep(iterations: Int) -> Double {
    configuration.update.step ?? 1 / Double(max(1, iterations))
  }

  /// A pass over some examples of `input` (all of `input` must be those examples).
  package func pass(
    _ input: ModelInput, parameters: [Value<S>], _ interpreter: Interpreter<S>,
    from start: (latent: Tensor<S>, at: Int)? = nil, of iterations: Int, noise: Random
  ) throws -> Pass<S> {
    try Pass(
      computation(
        parameters: parameters, interpreter, geometry: Geometry(configuration, input), hooks: nil,
        examples: 0..<input.batch), input, from: start, step: eulerStep(iterations: iterations),
      noise: noise)
  }

  func computation(
    parameters: [Value<S>]? = nil, _ interpreter: Interpreter<S>, geometry: Geometry<S>,
    hooks: HookPlan<S>?, examples: Range<Int>, schedule: CoreSchedule? = nil
  ) -> Computation<S> {
    Computation(
      configuration: configuration, layout: layout, sites: sites,
      parameters: parameters ?? self.parameters.map { Value($0) }, interpreter: interpreter,
      geometry: geometry, hooks: hooks, examples: examples, schedule: schedule)
  }
}
