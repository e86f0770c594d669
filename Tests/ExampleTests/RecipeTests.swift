import Asura
import Foundation
import Testing

/// The recipes under Examples load, and train.
@Suite struct RecipeTests {
  private static let folder = packageFolder.appending(path: "Examples/Recipes")

  static let recipes: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test func allAreThere() {
    #expect(
      Set(recipes).isSuperset(of: [
        "addition-columns.yaml", "addition-columns-unshared.yaml", "addition-plain.yaml",
        "addition-plain-causal.yaml", "copy.yaml",
      ]))
  }

  private var recipes: [String] { Self.recipes }

  @Test(arguments: recipes)
  func trains(name: String) throws {
    // Smaller batches, for speed.
    let recipe = try Recipe(
      contentsOf: Self.folder.appending(path: name), overrides: ["training.batch=16"])
    var trainer = try Trainer<Float>(recipe)
    let before = trainer.model
    var losses: [Double] = []
    for _ in 0..<20 { losses.append(try trainer.update().loss) }
    #expect(trainer.step == 20)
    #expect(losses.allSatisfy { $0.isFinite && $0 > 0 })
    #expect(losses.suffix(5).reduce(0, +) < losses.prefix(5).reduce(0, +), "\(losses)")
    #expect(trainer.model.weightsHash != before.weightsHash)
  }

  /// A recipe written out in full reads back as the same recipe.
  @Test(arguments: recipes)
  func survivesItsOwnYAML(name: String) throws {
    let recipe = try Recipe(contentsOf: Self.folder.appending(path: name))
    #expect(try Recipe(yaml: recipe.yaml, source: name) == recipe)
  }
}
