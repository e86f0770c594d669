import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// One analysis of an investigation: a command of asura-probe, its options, and which of its numbers are told.
struct InvestigationAnalysis: Decodable {
  /// A number of the result, with the words that say what it is.
  struct Report: Decodable {
    let say: String
    let value: ResultPath
    let summary: ResultSummary

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case say, value
      case summary = "of"
    }

    init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      say = try fields.required(.say)
      value = try ResultPath(
        fields.required(.value), field: optionPath(decoder.codingPath) + ".value")
      summary = try fields.choice(.summary, default: .each)
    }
  }

  let probe: ProbeCommand
  let name: String
  let options: [String: OptionValue]
  let report: [Report]
  /// Where it stands in the file, for messages: `analyses[0]`.
  private let field: String

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case probe, name, options, report
  }

  init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    field = optionPath(decoder.codingPath)
    let command: String = try fields.required(.probe)
    guard let probe = ProbeCommand.all.first(where: { $0.name == command }) else {
      throw ConfigurationError.unknown(
        "\(field).probe", found: command, names: ProbeCommand.all.map(\.name))
    }
    self.probe = probe
    name = try fields.value(.name, default: command)
    options = try fields.value(.options, default: [:])
    report = try fields.value(.report, default: [])
    // A folder and file of that name are made.
    let isName = name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_-]{0,63}/) != nil
    guard isName, name != "trace", name != "model" else {
      throw ConfigurationError(
        field: "\(field).name", found: shortened(name),
        expected: "letters, digits, - and _, and neither trace nor model",
        remedy: "it names a folder")
    }
    _ = try arguments(in: "")
  }

  /// The options as the command takes them, checked as it checks them.
  func arguments(in folder: String) throws -> [String] {
    let arguments = try probe.arguments(options, field: "\(field).options", in: folder)
    do {
      _ = try AsuraProbeCommand.parseAsRoot([probe.name, "trace.h5"] + arguments)
    } catch {
      throw ConfigurationError(
        field: "\(field).options",
        found: shortened(arguments.joined(separator: " ")),
        expected: "options that asura-probe \(probe.name) takes",
        remedy: AsuraProbeCommand.message(for: error))
    }
    return arguments
  }

  /// The files that options name.
  func files(in folder: String) -> [String] {
    options.sorted { $0.key < $1.key }.flatMap { name, value in
      probe.takesFile(name) ? value.words.map { located($0, in: folder) } : []
    }
  }
}

/// An option's value in YAML: as it is written there, or a list.
struct OptionValue: Decodable {
  let words: [String]

  init(from decoder: any Decoder) throws {
    if let word = try? String(from: decoder) {
      words = [word]
    } else if let list = try? [String](from: decoder), !list.isEmpty {
      words = list
    } else {
      throw ConfigurationError(
        field: optionPath(decoder.codingPath), found: describeFound(decoder),
        expected: "a value, a list of values, or true")
    }
  }
}
