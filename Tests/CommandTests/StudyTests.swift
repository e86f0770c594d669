import Asura
import Foundation
import Testing

/// Two variants of the small copy recipe with two seeds.
private let study = """
  question: Does a smaller step matter?
  recipe: recipe.yaml
  seeds: 1...2
  variants:
    - {name: base, set: [training.steps=20]}
    - {name: slow one, set: [training.steps=20, optimizer.learningRate=1e-4], iterations: [3]}
  tests:
    - {lengths: [2, 7], iterations: [1, n], examples: 40}
  """

@Suite struct StudyTests {
  private func withStudy<R>(_ text: String = study, _ body: (URL) throws -> R) throws -> R {
    try withFolder { folder in
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      try Data(text.utf8).write(to: folder.appending(path: "study.yaml"))
      return try body(folder)
    }
  }

  @Test func everySeedIsTrainedAndShown() throws {
    try withStudy { folder in
      let arguments = ["study", "study.yaml", "-o", "runs", "--json"]
      let outcome = try run("asura-train", arguments, in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let results = try JSONDecoder().decode(StudyResults.self, from: Data(outcome.output.utf8))
      #expect(results.seeds == [1, 2])
      #expect(
        results.rows.map { "\($0.variant) \($0.length) \($0.iterations)" } == [
          "base 2 1", "base 2 n", "base 7 1", "base 7 n", "slow one 2 3", "slow one 7 3",
        ])
      // A run by itself and its evaluation say the same.
      for (i, seed) in [1, 2].enumerated() {
        let alone = try run(
          "asura-train",
          [
            "run", "recipe.yaml", "-o", "alone\(seed)", "--set", "training.steps=20", "--seed",
            "\(seed)",
          ],
          in: folder)
        #expect(alone.status == 0, "\(alone)")
        let tested = try run(
          "asura-train",
          [
            "eval", "alone\(seed)", "--lengths", "2,7", "--iterations", "1,n", "--examples", "40",
            "--json",
          ], in: folder)
        let rows = try JSONDecoder().decode(Evaluation.self, from: Data(tested.output.utf8)).rows
        #expect(rows.map(\.exactMatch) == results.rows.prefix(4).map { $0.exactMatch[i] })
        #expect(rows.map(\.perSymbol) == results.rows.prefix(4).map { $0.perSymbol[i] })
      }
      let row = results.rows[1]
      let (a, b) = (try #require(row.exactMatch[0]), try #require(row.exactMatch[1]))
      #expect(abs(row.mean - (a + b) / 2) < 1e-12)
      #expect(abs(row.deviation - abs(a - b) / 2.squareRoot()) < 1e-12)

      // The files say it too, and again it is only shown.
      let file = try Data(contentsOf: folder.appending(path: "runs/results.json"))
      #expect(try JSONDecoder().decode(StudyResults.self, from: file) == results)
      let csv = try String(contentsOf: folder.appending(path: "runs/results.csv"), encoding: .utf8)
      #expect(csv.split(separator: "\n").count == 1 + 2 * results.rows.count)
      let before = try contents(folder.appending(path: "runs/slow-one"))
      #expect(try run("asura-train", arguments, in: folder).output == outcome.output)
      #expect(try contents(folder.appending(path: "runs/slow-one")) == before)
      let table = try run("asura-train", ["study", "study.yaml", "-o", "runs"], in: folder).output
      #expect(table.contains("Does a smaller step matter?"))
      #expect(table.contains(String(format: "%.2f", 100 * row.mean)), "\(table)")
    }
  }

  @Test func goesOnWhereItWasStopped() throws {
    let slow = study.replacing("training.steps=20", with: "training.steps=60")
    try withStudy(slow) { folder in
      let whole = try run(
        "asura-train", ["study", "study.yaml", "-o", "whole", "--json"], in: folder)
      // Killed once something of the second run is there.
      let second = folder.appending(path: "cut/slow-one/seed-1/checkpoint.safetensors")
      let cut = try run(
        "asura-train", ["study", "study.yaml", "-o", "cut", "--json"], in: folder,
        during: { process in
          while process.isRunning && !FileManager.default.fileExists(atPath: second.path) {
            usleep(1000)
          }
          kill(process.processIdentifier, SIGKILL)
        })
      #expect(cut.status == SIGKILL, "\(cut)")
      let again = try run(
        "asura-train", ["study", "study.yaml", "-o", "cut", "--json"], in: folder)
      func rows(_ outcome: Outcome) throws -> [StudyResults.Row] {
        try JSONDecoder().decode(StudyResults.self, from: Data(outcome.output.utf8)).rows
      }
      #expect(try rows(again) == rows(whole))
    }
  }

  @Test func aDivergedSeedCountsAsWrong() throws {
    let wild = study.replacing(
      "optimizer.learningRate=1e-4",
      with: "optimizer.learningRate=1000, optimizer.clip=1e12, training.averageDecay=0")
    try withStudy(wild) { folder in
      let outcome = try run(
        "asura-train", ["study", "study.yaml", "-o", "runs", "--json"], in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let results = try JSONDecoder().decode(StudyResults.self, from: Data(outcome.output.utf8))
      let training = try #require(results.training.last)
      #expect(training.variant == "slow one")
      for (i, failure) in training.failures.enumerated() where failure != nil {
        for row in results.rows where row.variant == "slow one" {
          #expect(row.exactMatch[i] == 0 && row.perSymbol[i] == 0)
        }
      }
      #expect(training.failures.contains { $0 != nil }, "\(training)")
    }
  }

  @Test func whatCannotBeIsSaidBeforeAnythingIsTrained() throws {
    for (change, parts) in [
      (("question:", "questoin:"), ["questoin", "question"]),
      (("training.steps=20, opt", "training.stops=20, opt"), ["slow one", "stops", "steps"]),
      (("seeds: 1...2", "seeds: [1, 1]"), ["seeds", "different"]),
      (("name: base", "name: slow-one"), ["variants", "twice"]),
      (("name: base", "name: ../up"), ["name", "../up"]),
      (("recipe: recipe.yaml", "recipe: none.yaml"), ["none.yaml"]),
      (("lengths: [2, 7]", "lengths: [0]"), ["base", "0"]),
      (("examples: 40", "examples: 40, kinds: [nines]"), ["base", "nines"]),
      (("training.steps=20]", "model.shared=false]"), ["base", "iterations", "shared"]),
    ] {
      try withStudy(study.replacing(change.0, with: change.1)) { folder in
        let outcome = try run("asura-train", ["study", "study.yaml", "-o", "runs"], in: folder)
        #expect(outcome.status == 2, "\(change): \(outcome)")
        for part in parts { #expect(outcome.error.contains(part), "\(change): \(outcome.error)") }
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "runs").path))
      }
    }
  }

  @Test func runsOfAnotherRecipeAreKeptUnlessForced() throws {
    try withStudy { folder in
      let arguments = ["study", "study.yaml", "-o", "runs", "--json"]
      try run("asura-train", arguments, in: folder)
      let other = study.replacing("1e-4", with: "2e-4")
      try Data(other.utf8).write(to: folder.appending(path: "study.yaml"))
      try expectFailure(
        "asura-train", ["study", "study.yaml", "-o", "runs"], in: folder, status: 2, "slow one",
        "--force")
      let forced = try run("asura-train", arguments + ["--force"], in: folder)
      #expect(forced.status == 0, "\(forced)")
    }
  }
}
