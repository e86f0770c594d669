import AsuraConfiguration
import AsuraModel
import Foundation

/// One model of a study: a variant trained with a seed, in a folder of its own.
public struct StudyRun: Sendable {
  public let variant: String
  public let seed: UInt64
  /// The study's recipe with the variant's changes and the seed.
  public let recipe: Recipe
  public let folder: RunFolder
  /// What it is tested on.
  public let tests: [StudyTest]
}

extension Study {
  /// The runs of the study, seed by seed so that every variant has a first result early.
  ///
  /// Whatever cannot be, in a variant or a test, is an error here: before anything is trained.
  ///
  /// - Parameters:
  ///   - folder: where the study's own file lies.
  ///   - output: the folder for its runs.
  public func runs(besideFile folder: URL, in output: URL) throws -> [StudyRun] {
    let checked = try variants.map { variant in
      do {
        let name = variant.recipe ?? self.recipe
        let recipe = try Recipe(
          contentsOf: name.hasPrefix("/")
            ? URL(fileURLWithPath: name) : folder.appendingPathComponent(name),
          overrides: variant.changes)
        let task = try Trainer<Float>(recipe).task
        return (recipe, try tests.map { try $0.checked(for: variant, recipe, task) })
      } catch let error as ModelError {
        throw ModelError(
          .configuration, "variant \(variant.name): \(error.message)", remedy: error.remedy)
      } catch let error as ConfigurationError {
        throw ModelError(.configuration, "variant \(variant.name): \(error)")
      }
    }
    return seeds.flatMap { seed in
      zip(variants, checked).map { variant, checked in
        var recipe = checked.0
        recipe.seed = seed
        let url = output.appendingPathComponent(
          "\(variant.folderName)/seed-\(seed)", isDirectory: true)
        return StudyRun(
          variant: variant.name, seed: seed, recipe: recipe, folder: RunFolder(url),
          tests: checked.1)
      }
    }
  }
}

/// What has come of one run of a study.
public struct StudyOutcome: Sendable, Codable, Equatable {
  /// How long it was trained, over all sessions.
  public var trainingSeconds = 0.0
  /// Whether its training has come to an end, be it a failure.
  public var isTrained = false
  /// Why training ended before its time; such a run counts as wrong in everything.
  public var failure: String?
  /// The tests made so far.
  public var tests: [Tested] = []

  /// A test and what it gave.
  public struct Tested: Sendable, Codable, Equatable {
    public let test: StudyTest
    public let evaluation: Evaluation
    public let seconds: Double

    public init(test: StudyTest, evaluation: Evaluation, seconds: Double) {
      self.test = test
      self.evaluation = evaluation
      self.seconds = seconds
    }
  }

  public init() {}
}

extension StudyRun {
  /// How far the run has come: what is in its folder, if it is of this recipe; nil where there is none.
  public func outcome() throws -> StudyOutcome? {
    guard FileManager.default.fileExists(atPath: folder.recipe.path) else { return nil }
    let found = try Recipe(contentsOf: folder.recipe)
    guard found == recipe else {
      throw TrainingError.exists(
        "\(folder.url.relativePath) holds a run of another recipe than the study's variant "
          + "\(variant), seed \(seed)",
        remedy: "Choose another folder with -o, or train all that differ anew with --force.")
    }
    guard let data = try? Data(contentsOf: folder.outcome) else { return StudyOutcome() }
    guard let outcome = try? JSONDecoder().decode(StudyOutcome.self, from: data) else {
      throw TrainingError.folder(
        "\(folder.outcome.path) is damaged", remedy: "Remove it: the run is then tested again.")
    }
    return outcome
  }

  /// Writes down how far the run has come.
  public func save(_ outcome: StudyOutcome) throws {
    try folder.write(outcome, to: folder.outcome)
  }
}
