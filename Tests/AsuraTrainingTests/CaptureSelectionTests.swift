import AsuraDiff
import AsuraModel
import AsuraProbe
import AsuraTasks
import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import AsuraTraining
import Foundation
import Testing

/// What of a run goes into a trace, beyond whole values.
@Suite struct CaptureSelectionTests {
  private func capture(_ overrides: String..., examples: Int = 60) throws -> TraceCapture<Float> {
    let trainer = try Trainer<Float>(try small(overrides))
    var random = Random(seed: 4)
    let batch = try trainer.task.makeBatch(length: 5, examples: examples, random: &random)
    return try TraceCapture(trainer.model, on: batch, of: trainer.task, iterations: 6)
  }

  /// Everything selectable at once: the trace holds what the run records, under its names and coordinates.
  @Test func selectionsAndReducersAreStoredAsARunRecordsThem() throws {
    try withEvery("window", in: [false, true]) { isWindowed in
      try withFolder { folder in
        var capture = try capture("model.core=2", "model.attention.mask=causal")
        if isWindowed { capture = try self.capture("model.core=2", "model.attention.window=1") }
        capture.record = [
          .sites(
            "latent", iterations: .only([0, 3, 6]), positions: .only([1, 4]),
            examples: .only([0, 7, 59])),
          .sites("latent", reducer: .norm),
          .sites("core.0.attn.pattern", iterations: .only([2, 5]), positions: .only([0, 3])),
          .sites("core.1.attn.pattern", iterations: 4),
          .sites("core.*.attn.pattern", positions: .only([3]), reducer: .meanOverHeads),
          .sites("core.*.attn.scores", reducer: .meanOverPositions),
          .sites("core.0.attn.scores", positions: 2, reducer: .norm),
          .sites("logits", positions: .only([2, 3]), examples: .range(10...49)),
          .sites("logits", reducer: .top(2)),
        ]
        let url = folder.appending(path: "a.h5")
        try capture.write(to: url)
        let reader = try TraceReader(url)
        #expect(try reader.input() == capture.subject.description, "\(currentCase)")

        #expect(try reader.verify().findings == [], "\(currentCase)")

        var options = RunOptions<Float>()
        options.iterations = 6
        options.record = capture.record
        let recorded = try capture.model.run(capture.subject.input, options).recorded
        var compared = 0
        for value in recorded.values {
          // Recorded otherwise than the logits, the likeliest classes are sites of their own.
          let stored: Tensor<Float> = try reader.values(value.name, iteration: value.iteration)
          #expect(
            stored.isIdentical(to: value.tensor),
            "\(currentCase): \(value.name) at \(value.iteration)")
          let site = try reader.site(value.name)
          #expect(
            site.axes.map(\.values) == value.quantity.axes.map(\.values),
            "\(currentCase): \(value.name)")
          #expect(
            site.iterations == value.quantity.iterations(of: 6), "\(currentCase): \(value.name)")
          compared += 1
        }
        #expect(compared == recorded.keys.count && compared > 50, "\(currentCase)")
        #expect(try reader.site("latent").axes[0].values == [0, 7, 59], "\(currentCase)")
        // Probes go on from whole latents only, and say so.
        #expect {
          try TracedRun(reader)
        } throws: { "\($0)".contains("have the shape [3, 2, 16]") }
        let table = capture.model.neighbours(for: capture.subject.input)
        #expect((table != nil) == isWindowed, "\(currentCase)")
        if let table {
          // Of queries 0 and 3.
          #expect(
            try reader.neighbours()?.elements == Array(table.keys[..<3] + table.keys[9..<12]))
        }

        // The loss at a place is that of the whole batch's logits there.
        options.record = [.sites("logits")]
        let logits = try capture.model.run(capture.subject.input, options).recorded["logits", 6]!
        let loss: Tensor<Double> = try reader.readout(.loss, iteration: 6)
        #expect(loss.shape == [40, 2], "\(currentCase)")
        let targets = try #require(capture.subject.description.targets)
        for (example, position) in [(10, 2), (31, 3), (49, 2)] {
          let place = Tensor<Double>(
            [1, 1, 4], logits[example][position].elements.map { Double($0) })
          let expected = crossEntropy(place, [targets.elements[example * 5 + position]])
          #expect(
            abs(loss[[example - 10, position - 2]] - expected) < 1e-6, "\(currentCase)")
        }
      }
    }
  }

  @Test func likeliestClassesStandWithTheReadout() throws {
    for withLogits in [false, true] {
      try withFolder { folder in
        var capture = try capture()
        capture.record = [.sites("logits", reducer: .top(3))]
        if withLogits { capture.record.append(.sites("logits")) }
        let url = folder.appending(path: "a.h5")
        try capture.write(to: url)
        let reader = try TraceReader(url)
        #expect(try reader.verify().findings == [])
        #expect(reader.readouts.map(\.name).contains("readout.top_class"))
        let classes: Tensor<Float> = try reader.values("readout.top_class", iteration: 6)
        let chances: Tensor<Float> = try reader.values("readout.top_probability", iteration: 6)
        var options = RunOptions<Float>()
        options.iterations = 6
        let logits = try capture.model.run(capture.subject.input, options).logits!
        for row in 0..<300 {
          let all = logits.elements[row * 4..<row * 4 + 4].map { Double($0) }
          let order = (0..<4).sorted { all[$0] > all[$1] }.prefix(3)
          #expect(classes.elements[row * 3..<row * 3 + 3].map { Int($0) } == Array(order))
          let sum = all.reduce(0) { $0 + exp($1) }
          #expect(abs(Double(chances.elements[row * 3]) - exp(all[order[0]]) / sum) < 1e-6)
        }
      }
    }
  }

  /// The bytes said before are those of the chunks in the file, edges included.
  @Test func bytesAreExact() throws {
    for examples in [1, 60, 500] {
      try withFolder { folder in
        var capture = try capture("model.core=2", examples: examples)
        capture.record = [
          .sites("*"), .sites("latent", iterations: .only([1, 2]), reducer: .norm),
          .sites("core.1.attn.pattern", examples: 0, reducer: .meanOverHeads),
        ]
        let url = folder.appending(path: "a.h5")
        try capture.write(to: url)
        let sizes = try capture.storedBytes()
        let file = try H5File.open(url)
        let run = try file.root.group("run")
        func stored(_ path: String...) throws -> Int {
          let group = try path.dropLast().reduce(run) { try $0.group($1) }
          return try group.dataset(path[path.count - 1]).storedBytes
        }
        var patterns = 0
        for (quantity, bytes) in sizes {
          let name = quantity.name
          let last = String(name.split(separator: ".").last ?? "")
          let found: Int
          switch name {
          case "latent": found = try stored("latent", "latent")
          case "logits":
            found = try ["logits", "entropy", "loss", "correct"].reduce(0) {
              $0 + (try stored("readout", $1))
            }
          case "core.0.attn.pattern", "core.1.attn.pattern":
            patterns += bytes
            continue
          default: found = try stored("sites", name, last)
          }
          #expect(bytes == found, "\(name), \(examples) examples")
        }
        #expect(patterns == (try stored("attention", "pattern")), "\(examples) examples")
        #expect(try capture.byteCount() == sizes.reduce(0) { $0 + $1.bytes })
      }
    }
  }

  @Test func sitesOfOnesOwnAreTraced() throws {
    try withFolder { folder in
      var capture = try capture()
      let direction = Tensor<Float>([1, 16], repeating: 0.25)
      capture.sites = [
        CustomSite("along", of: .latent, axes: [.position, .named("direction", 1)], unit: "1") {
          latent, _, interpreter in
          interpreter.linear(latent, Value(direction))
        } puttingBack: { edited, latent, _, interpreter in
          let change = interpreter.add(
            edited, interpreter.linear(latent, Value(direction)), times: -1)
          return interpreter.add(
            latent, interpreter.linear(change, Value(direction.reshaped([16, 1]))))
        }
      ]
      capture.record = [.sites("along", "latent")]
      capture.edits = [.replace("along", at: 3) { x, _ in Tensor(x.shape, repeating: 5) }]
      let url = folder.appending(path: "a.h5")
      try capture.write(to: url)
      let reader = try TraceReader(url)
      // 60 examples of 5 positions are dealt out in one part.
      let stored = try storedData(url)
      #expect(stored["/run/provenance/edits/site"] == Data("along".utf8))
      #expect(stored["/run/provenance/edits/fired"] == Data([1, 0, 0, 0, 0, 0, 0, 0]))
      let site = try reader.site("along")
      #expect(site.axes.map(\.name) == ["batch", "position", "direction"] && site.unit == "1")
      for t in 0...6 {
        let (along, latent): (Tensor<Float>, Tensor<Float>) = (
          try reader.values("along", iteration: t), try reader.latent(iteration: t)
        )
        let expected = Tensor<Float>(
          [60, 5, 1],
          (0..<300).map { row in latent.elements[row * 16..<row * 16 + 16].reduce(0, +) / 4 })
        #expect(largestError([along], [expected]) < 1e-5, "\(t)")
        if t == 3 { #expect(along.elements.allSatisfy { abs($0 - 5) < 1e-4 }) }
      }
    }
  }
}
