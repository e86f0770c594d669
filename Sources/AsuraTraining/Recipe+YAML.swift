import AsuraConfiguration
import AsuraModel
import AsuraTasks
import Foundation
import Yams

extension Recipe {
  /// Reads a recipe from YAML. `overrides` are `key.path=value` texts that win over the file. The
  /// model's vocabulary, classes and channels are the task's unless the file says otherwise.
  public init(yaml text: String, source: String, overrides: [String] = []) throws {
    self = try StrictYAML.decode(
      text, source: source, expected: "A recipe needs at least task, model and training."
    ) { root in
      guard root.mapping != nil else {
        throw ModelError(
          .configuration, "it has no keys",
          remedy: "A recipe needs at least task, model and training.")
      }
      for override in overrides { try root.set(override) }
      try root.addTaskSizes()
    }
  }

  /// Reads a recipe from a YAML file; see `init(yaml:source:overrides:)`.
  public init(contentsOf url: URL, overrides: [String] = []) throws {
    let text = try StrictYAML.text(
      of: url, "recipe", remedy: "Check the path; Examples/Recipes holds some to start from.")
    try self.init(yaml: text, source: url.path, overrides: overrides)
  }

  /// The whole recipe with every default spelled out.
  public var yaml: String {
    get throws {
      let encoder = YAMLEncoder()
      encoder.options.sortKeys = false
      let text = try encoder.encode(self)
      // Yams rounds numbers to 15 digits and writes 1 as 1e+0: a resumed run must find every bit.
      let exact = try JSONDecoder().decode(Exact.self, from: JSONEncoder().encode(self))
      return try Yams.compose(yaml: text).map { try Yams.serialize(node: $0.exact(exact)) } ?? text
    }
  }
}

/// Values as JSON has them; Foundation's untyped JSON would round numbers of 17 digits.
private indirect enum Exact: Decodable {
  case number(Double)
  case list([Exact])
  case mapping([String: Exact])
  case other

  init(from decoder: any Decoder) throws {
    if let mapping = try? [String: Exact](from: decoder) {
      self = .mapping(mapping)
    } else if let list = try? [Exact](from: decoder) {
      self = .list(list)
    } else {
      self = (try? Double(from: decoder)).map { .number($0) } ?? .other
    }
  }
}

extension Node {
  /// The same with the numbers of `exact`, its counterpart, as Swift spells them: in the fewest digits that keep
  /// every bit.
  fileprivate func exact(_ exact: Exact?) -> Node {
    switch (self, exact) {
    case (.scalar(let scalar), .number(let number)) where tag == Tag(.float):
      // 1e-05 is text to YAML 1.1, which Python's reader follows: 1.0e-05.
      let text = "\(number)"
      let spelled = text.contains(".") ? text : text.replacing("e", with: ".0e")
      return Node(spelled, Tag(.float), scalar.style)
    case (.sequence(var sequence), .list(let values)):
      for (i, value) in zip(sequence.indices, values) { sequence[i] = sequence[i].exact(value) }
      return .sequence(sequence)
    case (.mapping(var mapping), .mapping(let values)):
      for (key, value) in mapping { mapping[key] = value.exact(key.string.flatMap { values[$0] }) }
      return .mapping(mapping)
    default: return self
    }
  }

  /// Sets `key.path=value`, where the value is YAML.
  fileprivate mutating func set(_ override: String) throws {
    let shown = override.count > 60 ? "\(override.prefix(60))…" : override
    let parts = override.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let path = (parts.first ?? "").split(separator: ".", omittingEmptySubsequences: false)
      .map(String.init)
    guard parts.count == 2, path.count <= 16, path.allSatisfy({ !$0.isEmpty }) else {
      throw ModelError(
        .configuration, "--set \(shown) is not key=value",
        remedy: "Write for instance --set optimizer.learningRate=1e-3.")
    }
    do {
      set(
        path[...], to: try Yams.compose(yaml: String(parts[1])) ?? Node("null", Tag(.null), .plain))
    } catch let error as YamlError {
      throw ModelError(
        .configuration, "--set \(shown): the value is not valid YAML: \("\(error)".prefix(400))")
    }
  }

  private mutating func set(_ path: ArraySlice<String>, to value: Node) {
    guard let key = path.first else {
      self = value
      return
    }
    var child: Node = mapping?[key] ?? .mapping(.init([]))
    if child.mapping == nil { child = .mapping(.init([])) }
    if path.count == 1 { child = value } else { child.set(path.dropFirst(), to: value) }
    if mapping == nil { self = .mapping(.init([])) }
    mapping?[Node(key)] = child
  }

  /// Fills in what the task decides about the model.
  fileprivate mutating func addTaskSizes() throws {
    // Options that cannot be are reported when the whole recipe is read, with their place in it.
    guard let node = mapping?["task"], mapping?["model"]?.mapping != nil,
      let configuration = try? YAMLDecoder().decode(TaskConfiguration.self, from: node)
    else { return }
    let task = try configuration.makeTask()
    for (key, size) in [
      ("vocabulary", task.vocabulary.count), ("classes", task.outputs.count),
      ("channels", task.channels),
    ] where mapping?["model"]?.mapping?[key] == nil {
      set(["model", key][...], to: Node("\(size)", Tag(.int)))
    }
  }
}

extension TaskConfiguration {
  /// A task by name with `key=value` options, or the task of a recipe when `name` is a YAML file.
  public init(named name: String, overrides: [String] = []) throws {
    if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
      self = try Recipe(
        contentsOf: URL(fileURLWithPath: name), overrides: overrides.map { "task." + $0 }
      ).task
      return
    }
    var node = Node.mapping(.init([(Node("kind"), Node(name))]))
    for override in overrides { try node.set(override) }
    do {
      self = try YAMLDecoder().decode(TaskConfiguration.self, from: node)
    } catch let DecodingError.dataCorrupted(context) {
      throw context.underlyingError ?? ModelError(.configuration, context.debugDescription)
    } catch let error as DecodingError {
      throw ModelError(.configuration, error.plainly)
    }
  }
}
