import AsuraModel
import AsuraTasks
import AsuraTraining
import Foundation
import Testing

@Suite struct RecipeTests {
  @Test(arguments: DeterminismTests.variants)
  func writtenOutAndReadBackItIsTheSame(overrides: [String]) throws {
    let recipe = try small(overrides)
    let again = try Recipe(yaml: try recipe.yaml, source: "again")
    #expect(again == recipe)
    #expect(try again.yaml == recipe.yaml)
  }

  @Test func numbersKeepEveryBit() throws {
    var recipe = try small()
    recipe.seed = .max
    let rates: [Double] = [
      0.1 + 0.2, 1e-300, 1 / 3, 123.456_789_012_345_67, 1e-5, 999.999_999_999_999_9,
    ]
    for rate in rates {
      recipe.optimizer.learningRate = rate
      recipe.optimizer.epsilon = max(1e-30, min(1, rate))
      let again = try Recipe(yaml: try recipe.yaml, source: "again")
      #expect(again == recipe, "\(rate) became \(again.optimizer.learningRate)")
      #expect(try !recipe.yaml.contains(try Regex(": [0-9]+e")), "text to YAML 1.1")
    }
  }

  @Test func sizesFollowTheTask() throws {
    let copy = try small("task={kind: copy, alphabet: 7, targets: nextToken}")
    #expect(copy.model.vocabulary == 8 && copy.model.classes == 7 && copy.model.channels == 1)
    let addition = try small("task={kind: addition}")
    let task = try addition.task.makeTask()
    #expect(addition.model.vocabulary == task.vocabulary.count)
    #expect(addition.model.classes == task.outputs.count && addition.model.channels == 2)
    // What the file says wins, if the task fits.
    #expect(try small("model.vocabulary=50").model.vocabulary == 50)
    let tight = try small("model.vocabulary=2")
    let error = #expect(throws: ModelError.self) { try Trainer<Float>(tight) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("model.vocabulary is 2"))
    #expect(throws: ModelError.self) { try Trainer<Float>(try small("model.channels=2")) }
    #expect(throws: ModelError.self) { try Trainer<Float>(try small("model.classes=3")) }
  }

  @Test func overridesReachAnyKey() throws {
    let recipe = try small(
      "seed=18446744073709551615", "training.steps=7", "optimizer.learningRate=1e-2",
      "model.attention.slopes=[1, 0.5]", "model.norm.kind=rms", "loss={kind: every}",
      "task.lengths=3", "training.averageDecay=0.5", "training.averageDecay=", "depth=n...2n")
    #expect(recipe.seed == .max && recipe.training.steps == 7)
    #expect(recipe.optimizer.learningRate == 0.01)
    #expect(recipe.model.attention.slopes == [1, 0.5] && recipe.model.norm.kind == .rms)
    #expect(recipe.loss.kind == .every && recipe.training.averageDecay == nil)
    #expect(try recipe.task.makeTask().lengths == 3...3)
    // The last one wins.
    #expect(try small("seed=1", "seed=2").seed == 2)
  }

  /// What is wrong, and what the message must name.
  static let mistakes: [(String, [String])] = [
    ("trainng.steps=7", ["trainng", "did you mean training?"]),
    ("training.step=7", ["training.step", "did you mean steps?"]),
    ("model.atention={heads: 2}", ["model.atention", "attention"]),
    ("model.attention.headz=2", ["model.attention.headz", "heads"]),
    ("optimizer.learningrate=1", ["learningrate", "learningRate"]),
    ("depth={progresive: {maximum: 3}}", ["progresive", "progressive"]),
    ("depth={progressive: {maximum: 3, alfa: 1}}", ["alfa", "alpha"]),
    ("depth=[{weigth: 1, graded: 3}]", ["weigth", "weight"]),
    ("depth=[{weight: 1}]", ["depth[0].graded", "found nothing"]),
    ("depth=[{weight: 0, graded: 3}]", ["weight: found 0.0"]),
    ("depth=[{weight: .nan, graded: 3}]", ["weight: found nan"]),
    ("depth=[]", ["found an empty list"]),
    ("depth=-3", ["-3"]),
    ("depth=0", ["depth", "0"]),
    ("depth=n*2", ["n*2", "max(2,n/2)"]),
    ("depth={progressive: {maximum: 3, alpha: 2}}", ["alpha", "0 to 1"]),
    ("training.steps=many", ["training.steps", "a whole number"]),
    ("training.steps=1.5", ["training.steps", "a whole number"]),
    ("training.steps=0", ["training.steps: found 0", "1 to"]),
    ("training.steps=1e30", ["training.steps"]),
    ("training.steps=99999999999999999999999999", ["training.steps"]),
    ("training.batch=-1", ["training.batch: found -1"]),
    ("training.batch=1e6", ["training.batch"]),
    ("training.averageDecay=1", ["training.averageDecay: found 1.0"]),
    ("training.recompute=perhaps", ["training.recompute", "true or false"]),
    ("seed=-1", ["seed"]),
    ("seed=18446744073709551616", ["seed"]),
    ("model.width=1000000000", ["small: model.width: found 1000000000", "65536"]),
    ("model.width=0", ["small: model.width: found 0"]),
    (
      "model={width: 65536, iterations: 1, attention: {heads: 1}, mlp: {width: 1048576}}",
      ["small: model.size: found", "parameters"]
    ),
    ("model.attention.heads=3", ["model.attention.heads: found 3", "divisor"]),
    ("model.norm.kind=batch", ["model.norm.kind", "layer, rms"]),
    ("model.norm.epsilon=.inf", ["norm.epsilon: found inf"]),
    ("model.attention.slopes=[1]", ["attention.slopes"]),
    ("loss.kind=first", ["loss.kind", "last, every"]),
    ("loss.labelSmoothing=1", ["loss.labelSmoothing: found 1.0"]),
    ("loss.fixedPointPenalty=.nan", ["loss.fixedPointPenalty: found nan"]),
    ("optimizer.learningRate=-1", ["optimizer.learningRate: found -1.0"]),
    ("optimizer.learningRate=fast", ["optimizer.learningRate", "a number"]),
    ("optimizer.clip=0", ["optimizer.clip: found 0.0"]),
    ("optimizer=3", ["optimizer"]),
    ("model=small", ["model"]),
    ("task=copy", ["task"]),
    ("task.kind=kopy", ["kopy", "copy"]),
    ("task.alphabet=1", ["task.alphabet", "found 1"]),
    ("task.lenghts=3", ["task.lenghts", "did you mean lengths?"]),
    ("task.lengths=5...2", ["task.lengths", "2...5"]),
    ("training=", ["training: found nothing"]),
    ("task=", ["task"]),
    ("nonsense", ["--set nonsense", "key=value"]),
    ("=3", ["--set =3", "key=value"]),
    (".=3", ["--set .=3", "key=value"]),
    ("a..b=3", ["--set a..b=3"]),
    ("training.=3", ["--set training.=3"]),
    ("training.steps=[1", ["--set training.steps=[1", "YAML"]),
  ]

  @Test(arguments: mistakes)
  func mistakesAreNamed(override: String, expected: [String]) {
    let error = #expect(throws: ModelError.self, "\(override.prefix(80))") { try small(override) }
    guard let text = error.map({ "\($0)" }) else { return }
    #expect(text.hasPrefix("small: ") || text.hasPrefix("--set "), "\(text)")
    for part in expected { #expect(text.contains(part), "\(part) is not in: \(text)") }
    #expect(text.utf8.count < 700 && !text.contains("DecodingError"), "\(text)")
    #expect(!text.contains("Optional<") && !text.contains("CodingKeys"), "\(text)")
  }

  @Test func aPathWithoutEndIsRefused() {
    let error = #expect(throws: ModelError.self) {
      try small("\(String(repeating: "a.", count: 100_000))b=1")
    }
    #expect(error?.message.hasPrefix("--set a.a.a") == true)
    #expect((error?.message.count ?? .max) < 100)
  }

  @Test func filesThatAreNoRecipes() throws {
    let bomb = """
      a0: &a0 [x, x, x, x, x, x, x, x, x]
      \((1...30).map { i in "a\(i): &a\(i) [\((0..<9).map { _ in "*a\(i - 1)" }.joined(separator: ", "))]" }.joined(separator: "\n"))
      """
    let bombAsKey = bomb + "\n? *a30\n: 1\n? *a30\n: 2\n"
    for (name, text) in [
      ("empty", ""), ("a list", "[1, 2]"), ("text", "hello"), ("null", "~"),
      ("comment", "# nothing"),
      ("unclosed", "task: {"), ("tab", "a:\n\t- b"), ("binary", "\u{0}\u{1}\u{2}"),
      ("undefined alias", "task: *nowhere"), ("own alias", "task: &a [*a]"),
      ("deep", String(repeating: "[", count: 200_000)),
      ("deep mapping", String(repeating: "{a: ", count: 200_000)),
      (
        "deep blocks",
        (0..<900).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
      ),
      ("bomb", bomb), ("bomb in place", smallRecipe + "\n" + bomb.replacing("a30:", with: "loss:")),
      ("bomb as a key", bombAsKey), ("twice", "seed: 1\nseed: 2"),
      ("two documents", smallRecipe + "\n---\n" + smallRecipe),
      ("huge", "# " + String(repeating: "x", count: 1 << 20)),
    ] {
      let error = #expect(throws: ModelError.self, "\(name)") {
        try Recipe(yaml: text, source: "file")
      }
      guard let message = error?.description else { continue }
      #expect(
        message.hasPrefix("file: ") && !message.hasPrefix("file: file: ")
          && message.utf8.count < 700, "\(name): \(message.prefix(300))")
    }
  }

  @Test func filesThatCannotBeRead() throws {
    try withFolder { folder in
      for url in [folder.appending(path: "none.yaml"), folder] {
        let error = #expect(throws: ModelError.self) { try Recipe(contentsOf: url) }
        #expect(error?.message.contains(url.path) == true)
        #expect(error?.message.hasSuffix("it is a folder") == (url == folder))
      }
      let latin = folder.appending(path: "latin.yaml")
      try Data([0x73, 0xE9, 0x3A, 0x20, 0x31]).write(to: latin)
      #expect(throws: ModelError.self) { try Recipe(contentsOf: latin) }
      // One that never ends is not read to its end.
      #expect(throws: ModelError.self) { try Recipe(contentsOf: URL(filePath: "/dev/zero")) }
    }
  }

  @Test func everyRecipeInExamplesIsOne() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Examples/Recipes")
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "yaml" }
    #expect(!files.isEmpty)
    for file in files {
      let recipe = try Recipe(contentsOf: file)
      _ = try Trainer<Float>(recipe)
      #expect(try Recipe(yaml: try recipe.yaml, source: "again") == recipe)
    }
  }

  @Test func tasksByName() throws {
    #expect(try TaskConfiguration(named: "copy").name == .copy)
    let task = try TaskConfiguration(named: "copy", overrides: ["alphabet=3", "lengths=2...4"])
    #expect(try task.makeTask().outputs.count == 3)
    for (name, overrides) in [
      ("kopy", []), ("copy", ["alphabit=3"]), ("copy", ["alphabet"]), ("copy", ["alphabet=[1"]),
      ("copy", ["kind.a=3"]), ("none.yaml", []),
    ] {
      let error = #expect(throws: (any Error).self) {
        try TaskConfiguration(named: name, overrides: overrides)
      }
      #expect(
        error is ModelError || error is TaskError,
        "\(name) \(overrides): \(String(describing: error))")
    }
  }
}
