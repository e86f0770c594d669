import AsuraProbe
import AsuraTensor
import Foundation
import Testing

@Suite struct ProbeWeightsTests {
  private let weights = ProbeWeights(
    site: "latent", fact: "carry", classes: ["no carry", "Übertrag"], iterations: [0, 5],
    positions: [1, 2, 4],
    weights: Tensor(
      [2, 3, 2, 2], (0..<24).map { $0 / 4 == 2 ? Double.nan : Double($0 * $0) }),
    bias: Tensor([2, 3, 2], (0..<12).map { Double($0) / 7 }),
    mean: Tensor([2, 3, 2], (0..<12).map { -Double($0) }))

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test func readsBackWhatItWrote() throws {
    try inFolder { folder in
      let url = folder.appending(path: "probe.npz")
      try weights.write(to: url)
      let read = try ProbeWeights(contentsOf: url)
      #expect(read.weights.isIdentical(to: weights.weights))
      #expect(read.bias == weights.bias && read.mean == weights.mean)
      #expect(read.iterations == [0, 5] && read.positions == [1, 2, 4])
      #expect(read.classes == weights.classes && read.site == "latent" && read.fact == "carry")
      // Whatever is cut off, it is an error and no crash.
      let whole = try Data(contentsOf: url)
      for length in stride(from: 0, to: whole.count, by: 41) {
        let cut = folder.appending(path: "cut.npz")
        try whole.prefix(length).write(to: cut)
        #expect(throws: ProbeError.self) { try ProbeWeights(contentsOf: cut) }
      }
    }
  }

  @Test func directions() throws {
    // Cell (5, 1): rows [144, 169], [196, 225].
    let up = try weights.direction(iteration: 5, position: 1, class: 1)
    #expect(up.elements == [196 - 144, 225 - 169])
    let down = try weights.direction(iteration: 5, position: 1, class: 0, against: 1)
    #expect(down.elements == [144 - 196, 169 - 225])
    #expect(try weights.classIndex("Übertrag") == 1)
    for (iteration, position, words) in [(3, 1, "0, 5"), (0, 3, "1, 2, 4"), (0, 4, "constant")] {
      let error = try #require(throws: ProbeError.self) {
        try weights.direction(iteration: iteration, position: position)
      }
      #expect(error.description.contains(words), "\(error)")
    }
    #expect(throws: ProbeError.self) {
      try weights.direction(iteration: 0, position: 1, class: 2)
    }
  }

  /// Classes that do not occur at a position count for nothing there.
  @Test func absentClassesHaveNoDirection() throws {
    let weights = ProbeWeights(
      site: "latent", fact: "sum", classes: ["a", "b", "c"], iterations: [1], positions: [0],
      weights: Tensor([1, 1, 3, 1], [5, 2, 0]), bias: Tensor([1, 1, 3], [0, 0, -.infinity]),
      mean: .zeros([1, 1, 1]))
    #expect(try weights.direction(iteration: 1, position: 0, class: 0).elements == [3])
    for (index, other) in [(2, 0), (0, 2)] {
      let error = try #require(throws: ProbeError.self) {
        try weights.direction(iteration: 1, position: 0, class: index, against: other)
      }
      #expect(error.description.contains("'c' of sum does not occur"), "\(error)")
    }
  }

  @Test func onePooledProbeAnswersForAllPositions() throws {
    let pooled = ProbeWeights(
      site: "latent", fact: "sum", classes: ["a", "b", "c"], iterations: [1],
      positions: [ProbeWeights.pooled], weights: Tensor([1, 1, 3, 1], [1, 2, 6]),
      bias: .zeros([1, 1, 3]), mean: .zeros([1, 1, 1]))
    #expect(try pooled.direction(iteration: 1, position: 17, class: 2).elements == [4.5])
  }
}
