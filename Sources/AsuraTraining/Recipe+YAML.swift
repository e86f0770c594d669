import AsuraConfiguration
import AsuraModel
import AsuraTasks
import Foundation
import Yams

extension Recipe {
  /// Reads a recipe from YAML. `overrides` are `key.path=value` texts that win over the file. The model's vocabulary,
  /// classes and channels are the task's unless the file says otherwise.
  public init(yaml text: String, source: String, overrides: [String] = []) throws {
    func failure(_ message: String, _ remedy: String? = nil) -> ModelError {
      ModelError(.configuration, "\(source): \(message)", remedy: remedy)
    }
    guard text.utf8.count <= 1 << 20 else { throw failure("larger than 1 MiB") }
    do {
      guard var root = try Yams.compose(yaml: text), root.mapping != nil else {
        throw failure("it has no keys", "A recipe needs at least task, model and training.")
      }
      for override in overrides { try root.set(override) }
      try root.addTaskSizes()
      self = try YAMLDecoder().decode(Recipe.self, from: root)
    } catch let error as ModelError {
      throw failure(error.message, error.remedy)
    } catch let error as ConfigurationError {
      throw failure("\(error)")
    } catch let DecodingError.dataCorrupted(context) where context.underlyingError != nil {
      if let error = context.underlyingError as? ModelError {
        throw failure(error.message, error.remedy)
      }
      throw failure(context.underlyingError.map { "\($0)" } ?? context.debugDescription)
    } catch let error as DecodingError {
      throw failure("\(error)")
    } catch let error as YamlError {
      throw failure("not valid YAML: \(error)")
    }
  }

  public init(contentsOf url: URL, overrides: [String] = []) throws {
    let text: String
    do {
      text = try String(contentsOf: url, encoding: .utf8)
    } catch {
      throw ModelError(
        .configuration, "cannot read the recipe \(url.path): \(error.localizedDescription)",
        remedy: "Check the path; Examples/Recipes holds some to start from.")
    }
    try self.init(yaml: text, source: url.path, overrides: overrides)
  }

  /// The whole recipe with every default spelled out.
  public var yaml: String {
    get throws {
      let encoder = YAMLEncoder()
      encoder.options.sortKeys = false
      return try encoder.encode(self)
    }
  }
}

extension Node {
  /// Sets `key.path=value`, where the value is YAML.
  fileprivate mutating func set(_ override: String) throws {
    guard let equals = override.firstIndex(of: "="), equals != override.startIndex else {
      throw ModelError(
        .configuration, "--set \(override) is not key=value",
        remedy: "Write for instance --set optimizer.learningRate=1e-3.")
    }
    let path = override[..<equals].split(separator: ".").map(String.init)
    let value = try Yams.compose(yaml: String(override[override.index(after: equals)...]))
    set(path[...], to: value ?? Node("", Tag(.null)))
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
    guard let taskNode = mapping?["task"], mapping?["model"]?.mapping != nil else { return }
    let task: any LearningTask
    do {
      task = try YAMLDecoder().decode(TaskConfiguration.self, from: taskNode).makeTask()
    } catch let DecodingError.dataCorrupted(context) where context.underlyingError != nil {
      throw (context.underlyingError as? ConfigurationError)?.within("task")
        ?? DecodingError.dataCorrupted(context)
    }
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
    }
  }
}
