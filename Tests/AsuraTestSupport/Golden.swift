import AsuraModel
import AsuraTensor
import Foundation

/// A file of answers computed elsewhere, from `Tests/Goldens`.
public struct Golden {
  public let name: String
  public let file: Safetensors

  public static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Goldens")

  public init(_ name: String) throws {
    self.name = name
    file = try Safetensors(
      contentsOf: Self.folder.appendingPathComponent("\(name).safetensors"))
  }

  /// The files that hold a model: those with a configuration.
  public static let models: [String] = [
    "concat-pre-layer", "add-post-rms", "none-sandwich-layer", "coupled-post-layer",
    "unshared-pre-rms", "sandwich-rms-euler", "coda-post-layer", "plain-pre-layer",
    "grid-pre-layer", "grid-post-rms", "directed-pre-layer",
    "gated-pre-copy", "cross-post-modulated", "cross-sandwich-unshared",
  ]

  /// Those of them whose iterations are sums of parts, without gates.
  public static let sums = models.filter { !$0.hasPrefix("gated-") && !$0.hasPrefix("cross-") }

  public func has(_ name: String) -> Bool { file.entries[name] != nil }

  public subscript(name: String) -> Tensor<Double> {
    get throws { try file.tensor(name) }
  }

  public var configuration: ModelConfiguration {
    get throws {
      try ModelConfiguration(
        json: Data((file.metadata["configuration"] ?? "").utf8), source: name)
    }
  }

  /// The model with the golden's parameters.
  public func model<S: Scalar>(as type: S.Type = S.self) throws -> RecurrentTransformer<S> {
    var parameters: [String: Tensor<S>] = [:]
    for key in file.entries.keys where key.hasPrefix("parameter.") {
      parameters[String(key.dropFirst("parameter.".count))] = try file.tensor(key)
    }
    return try RecurrentTransformer(configuration, parameters: parameters)
  }

  public var input: ModelInput {
    get throws {
      let shape = file.entries["input.tokens"]?.shape ?? []
      return try ModelInput(
        tokens: file.integers("input.tokens").map { Int32($0) }, batch: shape[0],
        positions: shape[1], channels: shape[2],
        positionIDs: file.integers("input.ids").map { Int32($0) },
        rows: Int(file.metadata["rows"] ?? "1") ?? 1)
    }
  }

  public var targets: [Int32] {
    get throws { try file.integers("input.targets").map { Int32($0) } }
  }

  public var smoothing: Double { Double(file.metadata["smoothing"] ?? "") ?? 0 }
}
