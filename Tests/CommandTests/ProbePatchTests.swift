import Asura
import Foundation
import Testing

/// A model of sums in a folder, as training leaves one, that goes when this object does.
private final class SumModel {
  let folder: URL

  init(iterations: Int = 6) throws {
    folder = try temporaryDirectory()
    let configuration = try ModelConfiguration(
      vocabulary: 11, channels: 2, classes: 10, width: 16, iterations: iterations,
      attention: AttentionConfiguration(heads: 2, mask: .causal), mlp: MLPConfiguration(width: 16))
    try RecurrentTransformer<Float>(configuration, seed: 2).save(
      to: folder.appending(path: "model.safetensors"))
    try Data(#"{"kind": "addition", "lengths": "1...4"}"#.utf8).write(
      to: folder.appending(path: "task.json"))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func patch(_ arguments: String...) throws -> Outcome {
    try run("asura-probe", ["patch", "."] + arguments, in: folder)
  }

  func has(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: name).path)
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }
}

/// What `--json` prints, as a reader would take it.
private struct Report: Decodable {
  struct Effect: Decodable, Equatable {
    let name: String
    let iteration: Int
    let head: Int?
    let position: Int?
    /// Nil where there is none yet: NaN, which JSON spells as a text.
    let effect: Double?

    private enum CodingKeys: CodingKey { case name, iteration, head, position, effect }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: CodingKeys.self)
      name = try fields.decode(String.self, forKey: .name)
      iteration = try fields.decode(Int.self, forKey: .iteration)
      head = try fields.decodeIfPresent(Int.self, forKey: .head)
      position = try fields.decodeIfPresent(Int.self, forKey: .position)
      effect = try? fields.decode(Double.self, forKey: .effect)
    }
  }
  struct Pair: Decodable {
    let name: String
    let source: [String: Double]
  }
  let direction: String
  let pairs: [Pair]
  let effects: [Effect]
  let runs: Int
  let runsInAll: Int
  let runsRejoined: Int
  let files: [String]

  init(_ outcome: Outcome) throws {
    #expect(outcome.status == 0, "\(outcome.error)")
    self = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
  }
}

@Suite struct ProbePatchTests {
  @Test func aSweepIsPrintedStoredAndDrawn() throws {
    let model = try SumModel()
    let report = try Report(
      model.patch("--pairs", "3", "--csv", "rows.csv", "--json", "--min-difference", "0"))
    // Four digits: a column of marks, four digits and one of zeros.
    #expect(report.effects.count == 6 * 2 * 6 && report.runs == 6 * 2 * 6 * 3)
    #expect(report.pairs.count == 3 && report.pairs[0].name.contains("+"))
    // Under a causal mask the columns before the changed digit are the same in both runs.
    #expect(report.runsRejoined > 0)
    for file in report.files {
      #expect(model.has(file.split(separator: "/").last.map(String.init)!))
    }
    #expect(report.files.count { $0.hasSuffix(".svg") } == 2)
    #expect(!model.has("model.probe.h5.patch-journal"))
    let rows = try String(contentsOf: model.folder.appending(path: "rows.csv"), encoding: .utf8)
      .split(separator: "\n")
    #expect(rows.count == 1 + report.runs)
    // A row's fields: the effect of one patch over its pairs follows from them.
    let first = report.effects[40]
    let place: [String] = [first.iteration, first.head ?? -1, first.position ?? -1].map { "\($0)" }
    let fields: [[String]] = rows.dropFirst().map { row in
      row.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let own: [[String]] = fields.filter { Array($0[1...3]) == place }
    #expect(own.count == 3)
    var (change, difference) = (0.0, 0.0)
    for row in own {
      let numbers: [Double] = row[5...7].compactMap { Double($0) }
      change += numbers[0] - numbers[1]
      difference += numbers[2] - numbers[1]
    }
    #expect(abs(try #require(first.effect) - change / difference) < 1e-12)
    let companion = CompanionFile(at: model.folder.appending(path: "model.probe.h5"))
    #expect(try companion.names() == ["patch"])
    let again = try model.patch("--pairs", "3")
    #expect(again.status == 2 && again.error.contains("--force"))
    let shown = try model.patch("--pairs", "3", "--force", "--sites", "latent", "--relative", "-q")
    #expect(shown.status == 0 && shown.output.contains("95% interval"), "\(shown)")
    #expect(shown.output.contains("the ratio of means over the pairs"), "\(shown)")
  }

  @Test func whatRanOutOfTimeGoesOn() throws {
    let model = try SumModel(iterations: 30)
    let sweep = ["--pairs", "60", "--json", "--quiet", "--resamples", "0", "--no-svg"]
    func patch(_ more: String...) throws -> Outcome {
      try run("asura-probe", ["patch", "."] + sweep + more, in: model.folder)
    }
    let whole = try Report(patch("-o", "whole.h5"))
    let cut = try patch("--max-minutes", "0.002")
    let part = try Report(cut)
    #expect(part.runs > 0 && part.runs < part.runsInAll)
    #expect(cut.error.contains("out of time") && cut.error.contains("--resume"))
    #expect(model.has("model.probe.h5.patch-journal"))
    let other = try patch("--resume", "--direction", "noise")
    #expect(other.status == 2 && other.error.contains("another sweep"), "\(other)")
    let wide = try patch("--resume", "--double")
    #expect(wide.status == 2 && wide.error.contains("another sweep"), "\(wide)")
    let rest = try Report(patch("--resume"))
    #expect(rest.effects == whole.effects && rest.runs == whole.runs)
    #expect(!model.has("model.probe.h5.patch-journal"))
    // There is nothing left to go on with, and what is there is not replaced.
    let ended = try patch("--resume")
    #expect(ended.status == 2 && ended.error.contains("--force"), "\(ended)")
  }

  @Test func kindsAndOrdersAreTaken() throws {
    let model = try SumModel()
    for options in [
      ["--kind", "mean"], ["--kind", "zero", "--hold"], ["--kind", "resample"],
      ["--kind", "noise", "--sigma", "3"], ["--from", "2"], ["--from=-1", "--iter", "2...6"],
      ["--order", "skip-iteration"], ["--order", "repeat-block", "--hold"],
      ["--freeze-patterns", "--sites", "core.0.resid_pre"], ["--direction", "noise", "--double"],
      ["--sites", "embed", "--kind", "zero"], ["--pair-kind", "digit", "--length", "2"],
      ["--sites", "core.0.attn.pattern,core.0.attn.v", "--heads", "1", "--positions", "together"],
    ] {
      let outcome = try run(
        "asura-probe",
        ["patch", ".", "--pairs", "2", "--json", "--force", "--min-difference", "0"] + options,
        in: model.folder)
      let report = try Report(outcome)
      #expect(report.runs == report.runsInAll && !report.effects.isEmpty, "\(options)")
    }
  }

  @Test func pairsOfOnesOwn() throws {
    let model = try SumModel()
    try model.write(
      """
      {"clean": "99 + 1 =", "corrupted": "99 + 0 ="}
      {"clean": "45 + 55", "corrupted": "45 + 54"}

      """, to: "pairs.jsonl")
    let report = try Report(
      model.patch("--input", "pairs.jsonl", "--json", "--heads", "together"))
    #expect(report.pairs.map(\.name) == ["99 + 1 = | 99 + 0 =", "45 + 55 | 45 + 54"])
    try model.write(
      #"{"clean": [[1, 2], [3, 4]], "corrupted": [[0, 0], [1, 2], [5, 4]], "positions": [[0, 1], [1, 2]]}"#,
      to: "tokens.jsonl")
    let mapped = try model.patch("--input", "tokens.jsonl", "--json", "--force")
    // The untrained model may give both the same answer, which is an error that says so.
    #expect(mapped.status == 0 || mapped.error.contains("two answers differ"), "\(mapped)")
  }

  @Test func mistakesAreTold() throws {
    let model = try SumModel()
    func fails(
      _ arguments: [String], _ status: Int32, _ part: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      try expectFailure(
        "asura-probe", ["patch", "."] + arguments, in: model.folder, status: status, part,
        sourceLocation: sourceLocation)
    }
    try fails(["--sites", "core.0.attn.zz"], 3, "Did you mean")
    try fails(["--heads", "7"], 2, "no head 7")
    try fails(["--positions", "50"], 2, "no position 50")
    try fails(["--iter", "50"], 3, "the last is 6")
    try fails(["--kind", "noise"], 2, "--sigma")
    try fails(["--kind", "steer"], 2, "--basis")
    try NumpyArchiveWriter.write(
      ["directions": .reals(.identity(2))], to: model.folder.appending(path: "unnamed.npz"))
    try fails(["--kind", "steer", "--basis", "unnamed.npz"], 1, "It has: directions")
    try fails(["--order", "swap-blocks"], 2, "one block")
    try fails(["--pair-kind", "cary"], 2, "carry")
    try fails(["--input", "none.jsonl"], 5, "none.jsonl")
    try model.write("{\"clean\": [[1, 2], [3, 4]], \"corrupted\": [[1, 2]]}", to: "unequal.jsonl")
    try fails(["--input", "unequal.jsonl"], 5, "line 1: the clean input has 2 positions")
    try model.write("{\"clean\": \"1 + 2\", \"corrupt\": \"1 + 3\"}", to: "key.jsonl")
    try fails(["--input", "key.jsonl"], 5, "corrupted")
    try model.write("{\"clean\": \"1 + 2\", \"corrupted\": \"1 + b\"}", to: "text.jsonl")
    try fails(["--input", "text.jsonl"], 5, "line 1")
    try FileManager.default.removeItem(at: model.folder.appending(path: "task.json"))
    try fails([], 2, "--task")
  }
}
