import Foundation
import Testing

/// The investigations under Probes.
@Suite struct ReadyInvestigationTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Probes")

  static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test func allAreThere() {
    #expect(
      Set(Self.names).isSuperset(of: [
        "where-is-the-carry.yaml", "which-head-moves-the-carry.yaml",
        "does-more-thinking-undo-the-answer.yaml", "is-the-state-a-flow.yaml",
      ]))
  }

  /// As they stand they could be run, and are told of in their README.
  @Test(arguments: names)
  func passesItsCheck(name: String) throws {
    try withFolder { folder in
      let path = Self.folder.appending(path: name).path
      let outcome = try run("asura-probe", ["run", path, "--dry-run"], in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.output.split(separator: "\n").count >= 3)
    }
    let readme = try String(contentsOf: Self.folder.appending(path: "README.md"), encoding: .utf8)
    #expect(readme.contains(name))
  }

  /// Of a model that has learned for two seconds, with fewer examples: every number asked for is there.
  @Test(arguments: names)
  func findsItsNumbers(name: String) throws {
    try withFolder { folder in
      let model = try Self.model.get()
      let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
        .replacing(/examples: \d+/, with: "examples: 24").replacing(/pairs: \d+/, with: "pairs: 20")
        .replacing(/recipe: [^}]*/, with: "run: \(model.path)")
      try Data(text.utf8).write(to: folder.appending(path: name))
      // An option of the trace's examples must still find them.
      let fitting = text.replacing(/example: 0\.\.\.\d+/, with: "example: 0...23")
      try Data(fitting.utf8).write(to: folder.appending(path: name))
      let outcome = try run("asura-probe", ["run", name, "--json", "-q"], in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let answer = try JSONDecoder().decode(Told.self, from: Data(outcome.output.utf8))
      #expect(answer.missing.isEmpty && answer.caution != nil)
      for part in answer.parts { #expect(!part.findings.isEmpty && !part.charts.isEmpty) }
    }
  }

  private struct Told: Decodable {
    struct Part: Decodable {
      struct Finding: Decodable { let say: String }
      let findings: [Finding]
      let charts: [String]
    }
    let parts: [Part]
    let caution: String?
    let missing: [String]
  }

  private static let model: Result<URL, any Error> = Result {
    let folder = try temporaryDirectory()
    let recipe = Self.folder.appending(path: "../Examples/Recipes/addition-columns.yaml").path
    let outcome = try run(
      "asura-train", ["run", recipe, "-o", "run", "--set", "training.steps=200", "-q"], in: folder)
    #expect(outcome.status == 0, "\(outcome)")
    atexit {
      if let run = try? model.get() {
        try? FileManager.default.removeItem(at: run.deletingLastPathComponent())
      }
    }
    return folder.appending(path: "run")
  }
}
