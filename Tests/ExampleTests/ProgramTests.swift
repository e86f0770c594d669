import Foundation
import Testing

/// Runs the programs under Examples as a reader would, and checks what they show.
@Suite struct ProgramTests {
  @Test func firstRunComesToRest() throws {
    let lines = try linesOfExample("first-run")
    let steps = lines.filter { $0.contains("▪") || $0.contains("e-") }.map(numbers)
    #expect(steps.map { $0.first } == (1...50).map { Double($0) })
    #expect(steps.first?[1] == 1, "the first latent is all step, since it starts from zeros")
    #expect(try #require(steps.last)[1] < 1e-4)
    #expect(lines.filter { $0.hasPrefix("sequence") }.count == 2)
  }

  @Test func hooksChangeTheReadoutOnlyFromWhereTheyAct() throws {
    let lines = try linesOfExample("hooks")
    let attention = try #require(lines.first { $0.hasPrefix("iteration 7,") })
    let weights = numbers(in: String(attention.split(separator: "attends")[1]))
    #expect(weights.count == 8)
    #expect(abs(weights.reduce(0, +) - 1) < 0.05, "a pattern's rows sum to 1, here rounded")
    #expect(lines.contains("core.*.resid_post fired 6 times"))

    let start = try #require(lines.firstIndex { $0.hasPrefix("iteration   change") })
    let changes = lines[(start + 1)...].map(numbers).filter { $0.count == 3 }
    #expect(changes.count == 16)
    for row in changes {
      #expect((row[1] > 0) == (row[0] >= 7), "\(row)")
      #expect((row[2] > 0) == (row[0] >= 7), "\(row)")
    }
    // The recurrence forgets: by the last iteration most of the damage is undone.
    #expect(changes[15][1] < changes[6][1] / 10)
    #expect(changes[15][2] < changes[8][2] / 10)
  }

  @Test func aSiteOfOnesOwnIsRecordedAndPushed() throws {
    let lines = try linesOfExample("own-site")
    #expect(lines.contains("latent: batch 4 × position 8 × width 32, 51 iterations"))
    #expect(lines.contains("towards_3: batch 4 × position 8 × direction 1, 51 iterations"))
    let start = try #require(lines.firstIndex { $0.hasPrefix("iteration   towards") })
    let rows = lines[(start + 1)...].map(numbers).filter { $0.count == 3 }
    #expect(rows.map { $0[0] } == [0, 1, 5, 9, 10, 11, 12, 15, 20, 50])
    for row in rows where row[0] < 10 { #expect(row[1] == row[2], "\(row)") }
    // Means of four digits.
    let pushed = try #require(rows.first { $0[0] == 10 })
    #expect(abs(pushed[2] - pushed[1] - 2) < 2e-4)
    let last = try #require(rows.last)
    #expect(abs(last[2] - last[1]) < 0.2, "most of the push is forgotten")
  }

  @Test func copyingIsLearnedAtEveryLength() throws {
    let lines = try linesOfExample("train-copy")
    let training = lines.filter { $0.hasPrefix("step") }.map(numbers)
    #expect(training.count == 10)
    #expect(try #require(training.last)[3] < #require(training.first)[3], "the loss falls")
    let tested = lines.filter { $0.hasPrefix("length") }.map(numbers)
    #expect(
      tested.map { [$0[0], $0[1]] } == [8, 16, 64].flatMap { n in [2, 4, 32].map { [n, $0] } })
    for row in tested where row[1] >= 4 { #expect(row[2] >= 90, "\(row)") }
  }

  @Test func bothSpectraAgree() throws {
    let lines = try linesOfExample("spectrum")
    let difference = try #require(lines.first { $0.hasPrefix("largest difference") })
    #expect(try #require(numbers(in: difference).last) < 1e-10)
    let radius = try #require(lines.first { $0.hasPrefix("spectral radius") })
    // An untrained model's latent came to rest, so every eigenvalue is inside the unit circle.
    #expect((0.01..<1).contains(try #require(numbers(in: radius).last)))
  }
}
