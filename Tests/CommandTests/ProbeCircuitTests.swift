import Asura
import Foundation
import Testing

/// The commands that estimate patches, follow paths and search for circuits, on a model of sums in a folder, as training
/// leaves one.
@Suite final class ProbeCircuitTests {
  private let folder: URL

  init() throws {
    folder = try temporaryDirectory()
    let configuration = try ModelConfiguration(
      vocabulary: 11, channels: 2, classes: 10, width: 16, iterations: 4,
      attention: AttentionConfiguration(heads: 2, mask: .causal), mlp: MLPConfiguration(width: 16))
    try RecurrentTransformer<Float>(configuration, seed: 2).save(
      to: folder.appending(path: "model.safetensors"))
    try Data(#"{"kind": "addition", "lengths": "1...4"}"#.utf8).write(
      to: folder.appending(path: "task.json"))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func probe(_ command: String, _ arguments: String...) throws -> Outcome {
    try run(
      "asura-probe", [command, ".", "--pairs", "3", "--min-difference", "0"] + arguments,
      in: folder)
  }

  /// What `--json` prints, as a reader would take it.
  private func report(_ outcome: Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.error)")
    return try #require(
      JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  private func lines(_ name: String) throws -> [[Substring]] {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
  }

  private func companion() throws -> [String] {
    try CompanionFile(at: folder.appending(path: "model.probe.h5")).names().sorted()
  }

  private func expectFiles(_ report: [String: Any], charts: Int) throws {
    let files = try #require(report["files"] as? [String])
    #expect(files.count { $0.hasSuffix(".svg") } == charts)
    for file in files {
      let name = file.split(separator: "/").last.map(String.init) ?? ""
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: name).path), "\(file)")
    }
  }

  @Test func attributionIsJudgedStoredAndDrawn() throws {
    let report = try report(
      probe("attribution", "--sample", "30", "--csv", "rows.csv", "--json", "--double"))
    let effects = try #require(report["effects"] as? [[String: Any]])
    #expect(effects.count == 4 * 2 * 6)
    #expect(effects.count { $0["sampled"] as? Bool == true } == 30)
    let sample = try #require(report["sample"] as? [String: Any])
    #expect(sample["patches"] as? Int == 30)
    // What was run is what the sweep says.
    let sweep = try self.report(probe("patch", "--json", "--double"))
    let exact = try #require(sweep["effects"] as? [[String: Any]])
    for (one, other) in zip(effects, exact) where one["exact"] is Double {
      #expect(one["exact"] as? Double == other["effect"] as? Double)
    }
    try expectFiles(report, charts: 3)
    #expect(try lines("rows.csv").count == 49 && companion() == ["attribution", "patch"])
    let shown = try probe("attribution", "--steps", "3", "--force", "--sites", "latent,embed", "-q")
    #expect(shown.status == 0 && shown.output.contains("random sample"), "\(shown)")
    #expect(shown.output.contains("integrated gradients of 3 steps"))
  }

  @Test func pathsAreStoredAndDrawn() throws {
    let report = try report(probe("paths", "--iter", "2...4", "--csv", "rows.csv", "--json"))
    let paths = try #require(report["paths"] as? [[String: Any]])
    // Two heads and a perceptron in three iterations: to three inputs of two heads and the perceptron of the next
    // one, if there is one (3·2·7); heads to the same iteration's perceptron (2·3); all to the logits (3·3).
    #expect(paths.count == 57)
    #expect(report["runs"] as? Int == paths.count * 3)
    try expectFiles(report, charts: 1)
    #expect(try lines("rows.csv").count == 1 + paths.count * 3 && companion() == ["paths"])
    let shown = try probe(
      "paths", "--from", "latent", "--to", "recall,logits", "--lag", "1", "--force", "--no-svg")
    #expect(shown.status == 0 && shown.output.contains("receiver"), "\(shown)")
  }

  @Test func aCircuitIsStoredAndDrawn() throws {
    let report = try report(
      probe("circuit", "--keep", "0.8", "--random", "5", "--csv", "rows.csv", "--json"))
    let units = try #require(report["units"] as? [[String: Any]])
    #expect(try #require(report["faithfulness"] as? Double) >= 0.8)
    #expect(report["unitsInAll"] as? Int == 48 && report["randomSets"] as? Int == 5)
    #expect(try lines("rows.csv").count == 1 + units.count)
    try expectFiles(report, charts: 3)
    #expect(try companion() == ["circuit"])
    let again = try probe("circuit")
    #expect(again.status == 2 && again.error.contains("--force"))
    let shown = try probe("circuit", "--force", "--scores", "exact", "--no-svg", "-q")
    #expect(shown.status == 0 && shown.output.contains("faithfulness"), "\(shown)")
  }

  @Test func whatRunsOutOfTimeSaysSo() throws {
    let cut = try probe("circuit", "--max-minutes", "0.000001")
    #expect(cut.status == 1 && cut.error.contains("interrupted before anything was run"), "\(cut)")
    let paths = try probe("paths", "--max-minutes", "0.000001")
    #expect(paths.status == 1 && paths.error.contains("nothing was written"), "\(paths)")
  }

  @Test func mistakesAreTold() throws {
    func fails(
      _ command: String, _ arguments: [String], _ status: Int32, _ part: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      try expectFailure(
        "asura-probe", [command, "."] + arguments, in: folder, status: status, part,
        sourceLocation: sourceLocation)
    }
    try fails("attribution", ["--metric", "exact-match"], 2, "no gradient")
    try fails("attribution", ["--steps", "0"], 2, "--steps")
    try fails("attribution", ["--sites", "core.0.attn.zz"], 3, "Did you mean")
    try fails("paths", ["--to", "core.0.attn_out"], 2, "no path")
    try fails("paths", ["--from", "embed"], 2, "no path")
    try fails("paths", ["--lag", "9"], 3, "the last is 4")
    try fails("circuit", ["--keep", "1.5"], 2, "--keep")
    try fails("circuit", ["--sites", "embed"], 2, "no units")
  }
}
