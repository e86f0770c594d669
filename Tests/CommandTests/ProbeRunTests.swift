import Asura
import Foundation
import Testing

/// Of a model that trains in a second: that of `recipe`.
let investigation = """
  question: Does it work?
  model: {recipe: recipe.yaml}
  trace: {examples: 6, iterations: 8, seed: 2, sites: latent}
  analyses:
    - probe: flow
      options: {refine: [1, 2]}
      report:
        - {say: lengths, value: "paths[*].length"}
        - {say: the shortest, value: "paths[length=min].example"}
        - {say: mean length, value: "paths[*].length", of: mean}
    - probe: lens
      name: readouts
      options: {example: 0...2, iter: 0...4}
      report:
        - {say: share right, value: "means[-1].accuracy"}
  caution: Not much.
  """

private struct Answer: Decodable {
  enum Value: Decodable, Equatable {
    case number(Double)
    case numbers([Double])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      self =
        try (try? value.decode(Double.self)).map { .number($0) }
        ?? .numbers(value.decode([Double].self))
    }
  }
  struct Finding: Decodable {
    let say: String
    let value: Value?
  }
  struct Part: Decodable {
    let name: String
    let probe: String
    let findings: [Finding]
    let reading: [String]
    let charts: [String]
    let files: [String]
    let result: String
  }
  let question: String
  let weights: String
  let parts: [Part]
  let caution: String?
  let commands: [String]
  let missing: [String]
}

@Suite struct ProbeRunTests {
  private static let results = "runs/investigations/q"

  /// A folder with `recipe.yaml`, its finished run in `run`, and the investigation `q.yaml`.
  private func withInvestigation(
    _ text: String = investigation, _ body: (URL) throws -> Void
  ) throws {
    try withRun { folder in
      try Data(text.utf8).write(to: folder.appending(path: "q.yaml"))
      try body(folder)
    }
  }

  private func answer(_ arguments: String..., in folder: URL) throws -> Answer {
    let outcome = try run("asura-probe", ["run", "q.yaml", "--json"] + arguments, in: folder)
    #expect(outcome.status == 0, "\(outcome.error)")
    return try JSONDecoder().decode(Answer.self, from: Data(outcome.output.utf8))
  }

  /// What it answers is what the commands answer when they are run one by one.
  @Test func agreesWithTheCommands() throws {
    try withInvestigation { folder in
      let answer = try answer(in: folder)
      let byHand = try RecurrentTransformer<Float>(contentsOf: folder.appending(path: "run"))
      #expect(answer.weights == byHand.weightsHash)
      #expect(answer.question == "Does it work?" && answer.caution == "Not much.")
      #expect(answer.missing.isEmpty && answer.parts.map(\.name) == ["flow", "readouts"])

      for arguments in [
        ["capture", "run", "--examples", "6", "--iterations", "8", "--seed", "2"]
          + ["--sites", "latent", "-o", "a.h5"]
      ] {
        #expect(try run("asura-trace", arguments, in: folder).status == 0)
      }
      let flow = try run("asura-probe", ["flow", "a.h5", "--refine", "1,2", "--json"], in: folder)
      let paths = try #require(
        (try json(flow.output) as? [String: Any])?["paths"] as? [[String: Any]])
      let lengths = paths.compactMap { $0["length"] as? Double }
      #expect(lengths.count == 6)
      let found = answer.parts[0].findings
      #expect(found.map(\.say) == ["lengths", "the shortest", "mean length"])
      #expect(found[0].value == .numbers(lengths))
      let shortest = try #require(lengths.indices.min { lengths[$0] < lengths[$1] })
      #expect(found[1].value == .number(Double(shortest)))
      guard case .number(let mean) = found[2].value else { throw Failure() }
      #expect(abs(mean - lengths.reduce(0, +) / 6) < 1e-12)
      let lens = try run(
        "asura-probe", ["lens", "a.h5", "--example", "0...2", "--iter", "0...4", "--json"],
        in: folder)
      let means = (try json(lens.output) as? [String: Any])?["means"] as? [[String: Any]]
      let accuracy = try #require(means?.last?["accuracy"] as? Double)
      #expect(answer.parts[1].findings.map(\.value) == [.number(accuracy)])

      for part in answer.parts {
        #expect(!part.charts.isEmpty && !part.reading.isEmpty)
        for file in part.files + [part.result] {
          #expect(
            FileManager.default.fileExists(atPath: folder.appending(path: file).path), "\(file)")
        }
      }
    }
  }

  private struct Failure: Error {}

  /// The page holds the question, the numbers, the charts and the caution; and its commands work.
  @Test func writesAPage() throws {
    try withInvestigation { folder in
      let outcome = try run("asura-probe", ["run", "q.yaml", "-q"], in: folder)
      #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome)")
      let results = folder.appending(path: Self.results)
      let page = try String(contentsOf: results.appending(path: "answer.md"), encoding: .utf8)
      for part in ["# Does it work?", "- mean length: ", "Not much.", "readouts (lens)"] {
        #expect(page.contains(part) && outcome.output.contains(part), "\(page)")
      }
      let charts = page.matches(of: /!\[.*?\]\((.*?)\)/).map { String($0.output.1) }
      #expect(charts.count >= 4)
      for chart in charts {
        #expect(FileManager.default.fileExists(atPath: results.appending(path: chart).path))
      }
      let commands = page.split(separator: "\n").filter { $0.hasPrefix("    asura-") }
      #expect(commands.count == 4)
      let words = try #require(commands.last).split(separator: " ").map(String.init)
      let again = try run(words[0], Array(words.dropFirst()) + ["--force"], in: folder)
      #expect(again.status == 0, "\(again)")
    }
  }

  /// What is there and still asked for is used; what changed is done again, with what depends on it.
  @Test func doesOnlyWhatChanged() throws {
    try withInvestigation { folder in
      func times() throws -> [String: Date] {
        var times: [String: Date] = [:]
        for step in ["trace", "flow", "readouts"] {
          let url = folder.appending(path: "\(Self.results)/\(step)/made.json")
          times[step] = try url.resourceValues(forKeys: [.contentModificationDateKey])
            .contentModificationDate
        }
        return times
      }
      func rewrite(_ old: String, _ new: String, in name: String = "q.yaml") throws {
        let url = folder.appending(path: name)
        let text = try String(contentsOf: url, encoding: .utf8)
        #expect(text.contains(old))
        try Data(text.replacing(old, with: new).utf8).write(to: url)
      }
      func changed(_ before: [String: Date]) throws -> [String] {
        try times().filter { before[$0.key] != $0.value }.keys.sorted()
      }
      let first = try answer(in: folder)
      var before = try times()
      #expect(try answer(in: folder).parts[0].findings[0].value == first.parts[0].findings[0].value)
      #expect(try changed(before) == [])

      try rewrite("say: mean length", "say: average")
      #expect(try answer(in: folder).parts[0].findings[2].say == "average")
      #expect(try changed(before) == [])

      try rewrite("iter: 0...4", "iter: 0...3")
      _ = try answer(in: folder)
      #expect(try changed(before) == ["readouts"])

      before = try times()
      try rewrite("iterations: 8", "iterations: 9")
      #expect(try answer(in: folder).parts[0].findings[0].value != first.parts[0].findings[0].value)
      #expect(try changed(before) == ["flow", "readouts", "trace"])

      before = try times()
      _ = try answer("--force", in: folder)
      #expect(try changed(before) == ["flow", "readouts", "trace"])

      // Another recipe, another model; the first stays.
      try rewrite("seed: 3", "seed: 4", in: "recipe.yaml")
      #expect(try answer(in: folder).weights != first.weights)
      let models = try FileManager.default.contentsOfDirectory(
        atPath: folder.appending(path: "runs/investigations/models").path)
      #expect(models.sorted() == ["recipe", "recipe-2"])
      try rewrite("seed: 4", "seed: 3", in: "recipe.yaml")
      #expect(try answer(in: folder).weights == first.weights)
    }
  }

  @Test func aModelOfOnesOwnAndAPlan() throws {
    try withInvestigation { folder in
      let plan = try run("asura-probe", ["run", "q.yaml", "--dry-run"], in: folder)
      #expect(plan.status == 0 && plan.error.isEmpty, "\(plan)")
      let lines = plan.output.split(separator: "\n")
      #expect(lines.count == 4 && lines.allSatisfy { $0.hasPrefix("to be run:   asura-") })
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "runs").path))
      let answer = try answer("--model", "run", "-o", "here", in: folder)
      #expect(
        answer.commands.count == 3 && answer.commands[0].hasPrefix("asura-trace capture run "))
      #expect(
        try FileManager.default.contentsOfDirectory(
          atPath: folder.appending(path: "here").path) == ["q"])
      let again = try run(
        "asura-probe", ["run", "q.yaml", "--dry-run", "--model", "run", "-o", "here", "--json"],
        in: folder)
      let steps = try #require(try json(again.output) as? [[String: Any]])
      #expect(steps.count == 3 && steps.allSatisfy { $0["isDone"] as? Bool == true })
    }
  }

  /// Ctrl-C stops the training in order; the same command goes on from there.
  @Test func goesOnAfterAnInterrupt() throws {
    let text = investigation.replacing(
      "recipe.yaml", with: "recipe.yaml, set: [training.steps=900]")
    try withInvestigation(text) { folder in
      let models = folder.appending(path: "runs/investigations/models/recipe")
      let outcome = try run("asura-probe", ["run", "q.yaml"], in: folder) { process in
        let metrics = models.appending(path: "metrics.jsonl").path
        while process.isRunning, !FileManager.default.fileExists(atPath: metrics) { usleep(2000) }
        kill(process.processIdentifier, SIGINT)
      }
      #expect(outcome.status == 5 && outcome.error.contains("interrupted"), "\(outcome)")
      #expect(outcome.output.isEmpty)
      let files = FileManager.default
      #expect(files.fileExists(atPath: models.appending(path: "checkpoint.safetensors").path))
      #expect(!files.fileExists(atPath: models.appending(path: "model.safetensors").path))
      let answer = try answer(in: folder)
      #expect(answer.missing.isEmpty)
      #expect(
        try files.contentsOfDirectory(atPath: models.deletingLastPathComponent().path).count == 1)
    }
  }

  /// The status of the command that failed is ours, and what came before it is kept.
  @Test func passesFailuresOn() throws {
    let text = investigation.replacing("probe: lens", with: "probe: linear")
      .replacing("options: {example: 0...2, iter: 0...4}", with: "options: {fact: nonsense}")
    try withInvestigation(text) { folder in
      let outcome = try run("asura-probe", ["run", "q.yaml", "--model", "run"], in: folder)
      let trace = folder.appending(path: Self.results + "/trace/trace.h5")
      let byHand = try run(
        "asura-probe", ["linear", trace.path, "--fact", "nonsense"], in: folder)
      #expect(byHand.status != 0 && outcome.status == byHand.status, "\(outcome)")
      #expect(outcome.error.contains("nonsense") && outcome.error.contains("asura-probe linear"))
      #expect(
        FileManager.default.fileExists(
          atPath: folder.appending(path: Self.results + "/flow/made.json").path))
      #expect(outcome.output.isEmpty)
    }
  }

  @Test func saysWhatReportsAskForInVain() throws {
    try withInvestigation(investigation.replacing("means[-1].accuracy", with: "means[-1].acuracy"))
    {
      folder in
      let outcome = try run("asura-probe", ["run", "q.yaml", "--model", "run"], in: folder)
      #expect(outcome.status == 3 && outcome.error.contains("did you mean accuracy?"), "\(outcome)")
      #expect(outcome.output.contains("- share right: not in the result"))
      #expect(outcome.output.contains("- mean length: "))
    }
  }
}
