import Asura
import AsuraCommandLine
import Foundation

/// A command of asura-probe that analyses a trace or a model, and its options, as its help lists them.
struct ProbeCommand: Sendable {
  private struct Option: Decodable, Sendable {
    struct Name: Decodable, Sendable {
      let kind: String
      let name: String
    }
    let kind: String
    let names: [Name]?
    let isRepeating: Bool
    let valueName: String?

    var long: String? { names?.first { $0.kind == "long" }?.name }
  }
  private struct Dump: Decodable {
    struct Command: Decodable {
      let commandName: String
      let arguments: [Option]?
      let subcommands: [Command]?
    }
    let command: Command
  }

  let name: String
  /// Whether it is given the model rather than the trace.
  let takesModel: Bool
  private let options: [String: Option]

  /// All there are.
  static let all: [ProbeCommand] = {
    let dump = try? JSONDecoder().decode(Dump.self, from: Data(AsuraProbeCommand._dumpHelp().utf8))
    return (dump?.command.subcommands ?? []).compactMap(ProbeCommand.init)
  }()

  /// Nil for a command that is no analysis.
  private init?(_ command: Dump.Command) {
    let arguments = command.arguments ?? []
    guard let subject = arguments.first(where: { $0.kind == "positional" }),
      ["trace", "traces", "model"].contains(subject.valueName)
    else { return nil }
    name = command.commandName
    takesModel = subject.valueName == "model"
    options = Dictionary(
      arguments.compactMap { option in option.long.map { ($0, option) } }, uniquingKeysWith: { $1 })
  }

  /// What whoever runs an investigation decides, and where its results go.
  private static let managed: Set = [
    "output", "svg", "no-svg", "force", "json", "quiet", "threads", "resume", "help", "csv",
    "weights", "max-minutes",
  ]

  func takesFile(_ option: String) -> Bool {
    ["file", "path"].contains(options[option]?.valueName)
  }

  /// The options as arguments, in alphabetical order; files are looked for in `folder`.
  func arguments(
    _ values: [String: OptionValue], field: String, in folder: String
  ) throws(ConfigurationError) -> [String] {
    var arguments: [String] = []
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      if Self.managed.contains(key), options[key] != nil {
        throw ConfigurationError(
          field: "\(field).\(key)", found: "an option that asura-probe run sets itself",
          expected: "options of the analysis", remedy: "leave it out")
      }
      guard let option = options[key] else {
        throw ConfigurationError.unknown(
          "\(field).\(shortened(key))", found: key,
          names: options.keys.filter { !Self.managed.contains($0) }.sorted())
      }
      if option.kind == "flag" {
        guard value.words == ["true"] || value.words == ["false"] else {
          throw ConfigurationError(
            field: "\(field).\(key)", found: shortened(value.words.joined(separator: ", ")),
            expected: "true or false")
        }
        if value.words == ["true"] { arguments.append("--\(key)") }
        continue
      }
      let words = value.words.map {
        takesFile(key) ? located($0, in: folder) : $0
      }
      for word in option.isRepeating ? words : [words.joined(separator: ",")] {
        arguments += word.hasPrefix("-") ? ["--\(key)=\(word)"] : ["--\(key)", word]
      }
    }
    return arguments
  }
}

/// The path of a file that is named relative to `folder`.
func located(_ name: String, in folder: String) -> String {
  guard !name.hasPrefix("/") else { return name }
  var parts: [Substring] = []
  for part in folder.split(separator: "/") + name.split(separator: "/") where part != "." {
    if part == "..", let last = parts.last, last != ".." {
      parts.removeLast()
    } else {
      parts.append(part)
    }
  }
  let path = (folder.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  return path.isEmpty ? "." : path
}
