import AsuraConfiguration
import AsuraTensor
import Foundation

extension RecurrentTransformer {
  /// Reads a model from `NAME.safetensors` and the configuration `NAME.json` beside it, or from a
  /// folder that holds `model.safetensors` and `model.json`.
  public init(contentsOf url: URL) throws {
    let weights = Self.weightsURL(url)
    let file = try Safetensors(contentsOf: weights)
    let json = weights.deletingPathExtension().appendingPathExtension("json")
    guard let text = try? Data(contentsOf: json) else {
      throw ModelError(
        .weights, "cannot read the configuration \(json.path)",
        remedy: "Keep it beside the weights: saving a model writes both.")
    }
    let configuration = try ModelConfiguration(json: text, source: json.path)
    try self.init(configuration, weights: file)
  }

  /// A model from weights already opened.
  public init(_ configuration: ModelConfiguration, weights file: Safetensors) throws {
    var named: [String: Tensor<S>] = [:]
    for name in file.entries.keys { named[name] = try file.tensor(name) }
    try self.init(configuration, parameters: named, source: file.source)
  }

  /// Writes `NAME.safetensors` and `NAME.json`, each whole or not at all. Neither is replaced before
  /// both are written.
  public func save(to url: URL) throws {
    let json = url.deletingPathExtension().appendingPathExtension("json")
    let files = [(json, try configuration.json), (url, try safetensors())].map {
      (file: $0, partial: URL(fileURLWithPath: $0.path + ".partial"), data: $1)
    }
    do {
      for (_, partial, data) in files { try data.write(to: partial) }
      for (file, partial, _) in files where rename(partial.path, file.path) != 0 {
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
      }
    } catch {
      for (_, partial, _) in files { try? FileManager.default.removeItem(at: partial) }
      throw error
    }
  }

  /// The weights in safetensors format, which `safetensors.torch.load_file` reads.
  public func safetensors() throws -> Data {
    try Safetensors.encode(
      zip(parameterNames, parameters).map { ($0, $1) }, metadata: ["format": "pt"])
  }

  private static func weightsURL(_ url: URL) -> URL {
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
    return exists && isDirectory.boolValue ? url.appendingPathComponent("model.safetensors") : url
  }
}

extension ModelConfiguration {
  /// Reads a configuration from JSON; `source` names it in errors.
  public init(json: Data, source: String) throws {
    do {
      self = try JSONDecoder().decode(ModelConfiguration.self, from: json)
    } catch let error as ConfigurationError {
      throw ModelError(.configuration, "\(source): \(error)")
    } catch let error as ModelError {
      throw ModelError(error.kind, "\(source): \(error.message)", remedy: error.remedy)
    } catch {
      throw ModelError(
        .weights, "\(source) is not valid JSON",
        remedy: "It may be truncated: take it again from where the weights come from.")
    }
  }

  /// The configuration as JSON text, readable and with its keys in order.
  public var json: Data {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return try encoder.encode(self)
    }
  }
}
