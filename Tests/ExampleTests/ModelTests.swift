import Asura
import Foundation
import Testing

/// The small trained models under Examples do what their recipes' results say.
@Suite struct ModelTests {
  static let folder = packageFolder.appending(path: "Examples/Models")

  /// The share of fresh examples answered right at a length training never saw.
  @Test(arguments: [("addition", 30, "2n"), ("mazes", 21, "2d")])
  func answersBeyondTraining(name: String, length: Int, iterations: String) throws {
    let url = Self.folder.appending(path: name)
    let model: RecurrentTransformer<Float> = try RunFolder.trainedModel(at: url)
    let task = try RunFolder.task(besideModel: url).makeTask()
    #expect(length > task.lengths.upperBound)
    let kinds = task.kinds.dropFirst().map(\.name).filter { $0 != "cycles" }
    var options = EvaluationOptions(
      lengths: [length], iterations: [try LengthExpression(iterations)], kinds: kinds)
    options.examples = 40
    options.seed = 7
    let rows = try Evaluation(of: model, on: task, options).rows
    #expect(rows.count == kinds.count)
    for row in rows { #expect(row.exactMatch >= 0.95, "\(row)") }
  }

  /// The recipe beside each is the one that made it.
  @Test(arguments: ["addition", "mazes"])
  func haveTheirRecipe(name: String) throws {
    let url = Self.folder.appending(path: name)
    let recipe = try Recipe(contentsOf: url.appending(path: "recipe.yaml"))
    let model: RecurrentTransformer<Float> = try RunFolder.trainedModel(at: url)
    #expect(recipe.model == model.configuration)
    let file = url.appending(path: "model.safetensors")
    let bytes = try #require(try file.resourceValues(forKeys: [.fileSizeKey]).fileSize)
    #expect(bytes < 1_000_000)
  }
}
