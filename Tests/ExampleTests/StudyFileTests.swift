import Asura
import Foundation
import Testing

/// The studies under Examples ask for what can be trained and tested.
@Suite struct StudyFileTests {
  private static let folder = packageFolder.appending(path: "Examples/Studies")

  static let studies: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test func someAreThere() { #expect(Self.studies.count >= 4) }

  @Test(arguments: studies)
  func canBeRun(name: String) throws {
    let study = try Study(contentsOf: Self.folder.appending(path: name))
    let runs = try study.runs(
      besideFile: Self.folder, in: FileManager.default.temporaryDirectory.appending(path: name))
    #expect(runs.count == study.seeds.count * study.variants.count)
    #expect(Set(runs.map(\.folder.url)).count == runs.count)
    // What the docs state rests on five seeds or more.
    #expect(study.seeds.count >= 5)
    for run in runs { #expect(run.recipe.seed == run.seed) }
  }
}
