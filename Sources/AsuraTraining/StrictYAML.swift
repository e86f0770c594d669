import AsuraConfiguration
import AsuraModel
import Foundation
import Yams

/// Reads YAML from outside: of a size a person writes, without a way to grow, with errors that name the file.
package enum StrictYAML {
  /// The largest file taken in.
  private static var mostBytes: Int { 1 << 20 }

  /// Decodes a text after `prepare` had its way with it.
  /// - Parameters:
  ///   - source: what the text is called in messages.
  ///   - expected: what it should hold, for one that holds nothing.
  package static func decode<Value: Decodable>(
    _ text: String, source: String, expected: String,
    preparing prepare: (inout Node) throws -> Void = { _ in }
  ) throws -> Value {
    func failure(_ message: String, _ remedy: String? = nil) -> ModelError {
      ModelError(.configuration, "\(source): \(message)", remedy: remedy)
    }
    guard text.utf8.count <= mostBytes else { throw failure("larger than 1 MiB") }
    // Aliases of aliases grow without bound; a few cannot.
    let isCrowded =
      text.split(separator: "\n").lazy.filter { $0.drop { $0 == " " }.first != "#" }
      .reduce(0) { $0 + $1.utf8.count { $0 == UInt8(ascii: "*") } } > 16
    if isCrowded { throw failure("more than 16 aliases", "Write the values out.") }
    do {
      guard var root = try Yams.compose(yaml: text), root.scalar == nil else {
        throw failure("it has no keys", expected)
      }
      try prepare(&root)
      return try YAMLDecoder().decode(Value.self, from: root)
    } catch let error as ModelError {
      // Those made here name their source already.
      if error.message.hasPrefix("--set ") || error.message.hasPrefix("\(source): ") { throw error }
      throw failure(error.message, error.remedy)
    } catch let error as ConfigurationError {
      throw failure("\(error)")
    } catch let DecodingError.dataCorrupted(context) where context.underlyingError != nil {
      if let error = context.underlyingError as? ModelError {
        throw failure(error.message, error.remedy)
      }
      throw failure(context.underlyingError.map { "\($0)" } ?? context.debugDescription)
    } catch let error as DecodingError {
      throw failure(error.plainly)
    } catch let error as YamlError {
      throw failure("not valid YAML: \("\(error)".prefix(400))")
    }
  }

  /// A file's text; `what` it is and `remedy` are for the message when it cannot be read.
  package static func text(of url: URL, _ what: String, remedy: String) throws -> String {
    let data: Data
    do {
      // No more than can be taken in, whatever the file is.
      data = try FileHandle(forReadingFrom: url).read(upToCount: mostBytes + 1) ?? Data()
    } catch {
      throw ModelError(
        .configuration,
        "cannot read the \(what) \(url.path): "
          + (url.isExistingFolder ? "it is a folder" : error.localizedDescription),
        remedy: remedy)
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw ModelError(.configuration, "\(url.path) is not text in UTF-8")
    }
    return text
  }
}

extension DecodingError {
  /// What happened, without the decoder's own inner life.
  var plainly: String {
    switch self {
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .keyNotFound(_, let context), .dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return (path.isEmpty ? "" : "\(path): ") + context.debugDescription
    @unknown default: return "\(self)"
    }
  }
}
