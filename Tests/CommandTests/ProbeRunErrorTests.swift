import Foundation
import Testing

/// What `asura-probe run` refuses, and what it says of it.
@Suite struct ProbeRunErrorTests {
  /// Keys and values that are wrong are named before anything is run.
  @Test(arguments: [
    ("question:", "qestion:", 2, ["qestion", "did you mean question?"]),
    ("question: Does it work?\n", "", 2, ["question", "nothing"]),
    ("probe: flow", "probe: flwo", 2, ["analyses[0].probe", "did you mean flow?"]),
    ("probe: flow", "probe: run", 2, ["analyses[0].probe", "one of jacobian"]),
    ("name: readouts", "nam: readouts", 2, ["analyses[1].nam", "did you mean name?"]),
    ("name: readouts", "name: flow", 2, ["analyses[1].name", "flow once more"]),
    ("name: readouts", "name: ../up", 2, ["analyses[1].name", "../up"]),
    ("refine: [1, 2]", "refin: [1, 2]", 2, ["analyses[0].options.refin", "did you mean refine?"]),
    ("refine: [1, 2]", "refine: [1, 3, 5]", 2, ["analyses[0].options", "1,3,5"]),
    ("refine: [1, 2]", "components: 0", 2, ["analyses[0].options", "--components is 0"]),
    ("refine: [1, 2]", "strict: maybe", 2, ["analyses[0].options.strict", "true or false"]),
    ("refine: [1, 2]", "refine: {a: 1}", 2, ["analyses[0].options.refine"]),
    ("refine: [1, 2]", "output: x.h5", 2, ["analyses[0].options.output", "sets itself"]),
    ("refine: [1, 2]", "model: nowhere", 5, ["cannot read nowhere"]),
    ("iter: 0...4", "iter: 4...0", 2, ["analyses[1].options", "did you mean 0...4?"]),
    ("of: mean", "of: meen", 2, ["analyses[0].report[2].of", "did you mean mean?"]),
    (
      "paths[*].length\"}", "paths[*.length\"}", 2,
      ["analyses[0].report[0].value", "paths[*.length"]
    ),
    ("examples: 6", "exampels: 6", 2, ["trace.exampels", "did you mean examples?"]),
    ("examples: 6", "examples: six", 2, ["trace.examples", "six", "a whole number"]),
    ("examples: 6", "examples: 6, kind: hard", 2, ["trace: ", "hard"]),
    ("iterations: 8", "iterations: 0", 2, ["trace: iterations", "found 0"]),
    ("sites: latent", "sites: latnet", 3, ["trace: ", "latnet"]),
    ("recipe: recipe.yaml", "recipe: nowhere.yaml", 2, ["nowhere.yaml"]),
    ("recipe: recipe.yaml", "recipe: recipe.yaml, run: run", 2, ["model: found both"]),
    ("recipe: recipe.yaml", "run: nowhere", 5, ["nowhere"]),
    (
      "recipe: recipe.yaml", "recipe: recipe.yaml, set: [model.widht=3]", 2, ["did you mean width?"]
    ),
    ("caution: Not much.", "caution: [", 2, ["not valid YAML"]),
    ("caution: Not much.", "cautoin: x", 2, ["did you mean caution?"]),
  ])
  func namesWhatIsWrong(old: String, new: String, status: Int, parts: [String]) throws {
    try withFolder { folder in
      #expect(investigation.contains(old))
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      try Data(investigation.replacing(old, with: new, maxReplacements: 1).utf8)
        .write(to: folder.appending(path: "q.yaml"))
      for part in parts + ["q.yaml: "] {
        try expectFailure(
          "asura-probe", ["run", "q.yaml"], in: folder, status: Int32(status), part)
      }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
          == ["q.yaml", "recipe.yaml"])
    }
  }

  @Test func wrongFiles() throws {
    try withFolder { folder in
      try Data("question: Why?\nmodel: {run: run}\nanalyses: 3".utf8)
        .write(to: folder.appending(path: "q.yaml"))
      try expectFailure(
        "asura-probe", ["run", "q.yaml"], in: folder, status: 2,
        "analyses: found 3, expected a list")
      try expectFailure(
        "asura-probe", ["run", "nowhere.yaml"], in: folder, status: 2, "nowhere.yaml", "Probes")
      try expectFailure("asura-probe", ["run", "."], in: folder, status: 2, "it is a folder")
      try expectFailure("asura-probe", ["run"], in: folder, status: 2, "<file>")
    }
  }

  @Test func helpFitsATerminal() throws {
    let help = try run(
      "asura-probe", ["run", "--help"], in: FileManager.default.temporaryDirectory)
    let lines = help.output.split(separator: "\n").filter { !$0.hasPrefix("USAGE: ") }
    #expect(help.status == 0 && lines.count > 20 && lines.allSatisfy { $0.count <= 80 })
  }
}
