import AsuraModel
import AsuraTestSupport
import Foundation
import Testing

@Suite struct ConfigurationTests {
  private func read(_ json: String) throws -> ModelConfiguration {
    try ModelConfiguration(json: Data(json.utf8), source: "model.json")
  }

  /// The smallest configuration, with more fields or others.
  private func json(_ more: String = "", attention: String = "\"heads\": 2", mlp: String = "")
    -> String
  {
    """
    {"vocabulary": 7, "classes": 5, "width": 8, "iterations": 4,
     "attention": {\(attention)}, "mlp": {"width": 16\(mlp)}\(more.isEmpty ? "" : ", ")\(more)}
    """
  }

  private func expectError(
    _ json: String, _ message: String, remedy: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try read(json)
      Issue.record("no error, expected: \(message)", sourceLocation: sourceLocation)
    } catch {
      #expect(
        "\(error)".hasPrefix("model.json: \(message)"), "\(error)", sourceLocation: sourceLocation)
      #expect("\(error)".hasSuffix(remedy), "\(error)", sourceLocation: sourceLocation)
      #expect((error as? ModelError)?.kind == .configuration, sourceLocation: sourceLocation)
    }
  }

  @Test func defaults() throws {
    let c = try read(json())
    #expect(
      c
        == (try ModelConfiguration(
          vocabulary: 7, classes: 5, width: 8, iterations: 4,
          attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 16))))
    #expect(c.recall == .concat && c.initialLatent == .zeros && c.shared && c.finalNorm)
    #expect(c.attention.keyValueHeads == 2 && c.norm.bias && c.norm.epsilon == 1e-5)
    let rms = try read(json(#""norm": {"kind": "rms"}"#))
    #expect(!rms.norm.bias)
    #expect(rms.norm == NormConfiguration(kind: .rms))
    #expect(try read(json(#""norm": {"kind": "rms", "bias": true}"#)).norm.bias)
  }

  @Test func roundTrip() throws {
    for name in Golden.models {
      let c = try Golden(name).configuration
      #expect(try ModelConfiguration(json: c.json, source: "again") == c)
    }
  }

  @Test func unknownKeys() {
    expectError(
      json(#""vocabluary": 3"#), "vocabluary: found vocabluary, expected one of ",
      remedy: "did you mean vocabulary?")
    expectError(
      json(attention: #""heads": 2, "head": 3"#), "attention.head: found head, expected one of ",
      remedy: "did you mean heads?")
    expectError(
      json(mlp: #", "activatoin": "gelu""#), "mlp.activatoin: found activatoin, expected one of ",
      remedy: "did you mean activation?")
    expectError(
      json(#""update": {"rate": 1}"#), "update.rate: found rate, expected one of kind, step")
  }

  @Test func wrongTypes() {
    expectError(
      json(#""prelude": "two""#), "prelude: found two, expected a whole number")
    expectError(
      json(#""prelude": 1.5"#), "prelude: found 1.5, expected a whole number")
    expectError(
      json(#""prelude": 1e300"#), "prelude: found 1e+300, expected a whole number")
    expectError(
      json(#""shared": 1"#), "shared: found 1, expected true or false")
    expectError(json(#""noise": []"#), "noise: found a list or a mapping, expected a number")
    expectError(
      json(#""recall": "cat""#),
      "recall: found cat, expected one of concat, add, gated, cross, none")
    expectError(json(#""copyGate": true"#), "copyGate: found true, expected a mapping of options")
    expectError(json(#""copyGate": {}"#), "copyGate.width: found nothing, expected a whole number")
    expectError(
      json(#""neuromodulation": {"width": 4, "reads": "all"}"#),
      "neuromodulation.reads: found all, expected one of both, input, latent")
    expectError(
      json(#""norm": {"kind": 3}"#),
      "norm.kind: found 3, expected one of layer, rms")
    expectError(
      json(attention: #""heads": 2, "slopes": "steep""#),
      "attention.slopes: found steep, expected a list of numbers")
    expectError(
      json(attention: #""heads": 2, "window": true"#),
      "attention.window: found true, expected a whole number")
    expectError(
      json(#""norm": "layer""#),
      "norm: found layer, expected a mapping of options")
    expectError("{}", "vocabulary: found nothing, expected a whole number")
    expectError(json(attention: ""), "attention.heads: found nothing, expected a whole number")
    for text in ["", "[]", "3", "{", "null", "\u{0}", "{\"vocabulary\": 7,}"] {
      #expect(throws: ModelError.self) { try read(text) }
    }
  }

  @Test func absurdSizes() {
    expectError(
      json(#""prelude": -1"#), "prelude: found -1, expected a number from 0 to 1024")
    expectError(
      json(#""prelude": 9223372036854775807"#),
      "prelude: found 9223372036854775807, expected a number from 0 to 1024")
    expectError(
      json(attention: #""heads": 0"#), "attention.heads: found 0, expected a number from 1 to 4096")
    expectError(
      json(attention: #""heads": 3"#), "attention.heads: found 3, expected a divisor of width 8")
    expectError(
      json(attention: #""heads": 4, "keyValueHeads": 3"#),
      "attention.keyValueHeads: found 3, expected a divisor of attention.heads 4")
    expectError(
      json(attention: #""heads": 8, "positions": "rope""#),
      "attention.positions: found rope with heads of odd width 1, expected an even width/heads, since "
        + "rotary positions turn pairs")
    expectError(
      json(attention: #""heads": 2, "slopes": [1]"#),
      "attention.slopes: found [1.0], expected one finite number for each of the 2 heads")
    expectError(
      json(#""recall": "none""#),
      "recall: found none with initialLatent zeros, expected initialLatent: input, or the recurrence never "
        + "sees its input")
    expectError(
      json(#""copyGate": {"width": 0}"#),
      "copyGate.width: found 0, expected a number from 1 to 1048576")
    expectError(
      json(#""neuromodulation": {"width": -3}"#),
      "neuromodulation.width: found -3, expected a number from 1 to 1048576")
    expectError(json(#""core": 0"#), "core: found 0, expected a number from 1 to 1024")
    expectError(
      json(#""norm": {"epsilon": 0}"#), "norm.epsilon: found 0.0, expected a finite number above 0")
    expectError(json(#""noise": -1"#), "noise: found -1.0, expected a finite number, 0 or more")
    expectError(
      json(#""update": {"step": 0}"#), "update.step: found 0.0, expected a finite number above 0")
    expectError(
      json(#""embedding": {"maximumPositions": 0}"#),
      "embedding.maximumPositions: found 0, expected a number from 1 to 1048576")
  }

  /// Each size is allowed, all together no machine could hold.
  @Test func absurdTotals() {
    expectError(
      """
      {"vocabulary": 1048576, "classes": 5, "width": 65536, "iterations": 4,
       "attention": {"heads": 1}, "mlp": {"width": 1}}
      """,
      "size: found 94490525702 parameters, expected at most 17179869184",
      remedy: "choose a smaller vocabulary, width, mlp.width or fewer blocks")
    // A million blocks, small as they are, take long to list.
    let many = json(#""shared": false, "core": 1024"#)
    #expect(throws: ModelError.self) {
      try read(many.replacingOccurrences(of: "\"iterations\": 4", with: "\"iterations\": 1024"))
    }
  }

  /// The ordinary transformers to compare with, as the article on training says.
  @Test func baselines() throws {
    func count(_ change: (inout ModelConfiguration) -> Void) throws -> Double {
      let configuration = try smallConfiguration {
        $0.width = 64
        $0.mlp.width = 128
        ($0.prelude, $0.coda, $0.iterations) = (0, 0, 16)
        change(&$0)
      }
      // Without what both have around the iterations.
      let around = Double(64 * 11 + 128 + 65 * 5)
      return configuration.parameterCount
        - (configuration.width == 64 ? around : Double(16 * 11 + 32 + 17 * 5))
    }
    let recurrent = try count { _ in }
    // Equal depth: as many weights for each iteration.
    #expect(try count { $0.shared = false } == 16 * recurrent)
    // Equal parameters: one iteration.
    let one = try count {
      $0.shared = false
      $0.iterations = 1
    }
    #expect(one == recurrent)
    // Both: narrower by the root of the iterations.
    let both = try count {
      $0.shared = false
      $0.width = 16
      $0.mlp.width = 32
    }
    #expect(abs(both / recurrent - 1) < 0.1)
  }

  /// Counted from the sizes alone, against the parameters themselves.
  @Test func parametersAreCountedExactly() throws {
    let variants: [(inout ModelConfiguration) -> Void] = [
      { _ in },
      {
        $0.embedding.positions = .learned
        $0.initialLatent = .learned
        $0.attention.positions = .relative
        $0.norm.placement = .sandwich
      },
      {
        $0.shared = false
        $0.outerNorm = true
        $0.finalNorm = false
        $0.attention.bias = false
        $0.mlp.activation = .swiglu
      },
      {
        $0.recall = .add
        $0.norm.bias = false
        $0.mlp.bias = false
      },
      {
        $0.recall = .gated
        $0.copyGate = CopyGateConfiguration(width: 7)
        $0.neuromodulation = NeuromodulationConfiguration(width: 9)
      },
      {
        $0.recall = .cross
        $0.attention.positions = .relative
        $0.attention.bias = false
        $0.norm = NormConfiguration(kind: .rms)
        $0.neuromodulation = NeuromodulationConfiguration(width: 9, reads: .input)
      },
    ]
    for configuration in try Golden.models.map({ try Golden($0).configuration })
      + variants.map(smallConfiguration)
    {
      let model = RecurrentTransformer<Float>(configuration, seed: 0)
      #expect(configuration.parameterCount == Double(model.parameterCount))
    }
  }
}
