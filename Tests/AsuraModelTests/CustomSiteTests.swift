import AsuraDiff
import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Synchronization
import Testing

@Suite struct CustomSiteTests {
  private let model: RecurrentTransformer<Double>
  private let input: ModelInput
  /// A direction of length 1.
  private let direction: Tensor<Double>
  init() throws {
    model = try smallModel()
    input = try severalParts()
    let random: Tensor<Double> = normal([1, 12])
    direction = random.scaled(by: 1 / random.norm)
  }

  /// How far the latent lies along the direction.
  private func projection(
    of parent: Site = .latent
  ) -> CustomSite<Double> {
    let direction = direction
    return CustomSite(
      "along", of: parent, axes: [.position, .named("direction", 1)], unit: "latent"
    ) { latent, _, interpreter in
      interpreter.linear(latent, Value(direction))
    } puttingBack: { edited, latent, _, interpreter in
      let before = interpreter.linear(latent, Value(direction))
      let change = interpreter.add(edited, before, times: -1)
      return interpreter.add(
        latent, interpreter.linear(change, Value(direction.reshaped([12, 1]))))
    }
  }

  private func options(_ site: CustomSite<Double>) -> RunOptions<Double> {
    var options = RunOptions<Double>()
    options.sites = [site]
    return options
  }

  @Test func itIsRecordedLikeAnyOther() throws {
    var options = options(projection())
    options.record = [.sites("al*", "latent"), .sites("along", reducer: .norm)]
    let run = try model.run(input, options)
    #expect(run.latent.isIdentical(to: try model.run(input).latent))
    for t in 0...4 {
      let (latent, along) = (run.recorded["latent", t]!, run.recorded["along", t]!)
      #expect(along.shape == [20, 30, 1])
      for row in 0..<600 {
        let expected = zip(latent.elements[row * 12..<row * 12 + 12], direction.elements)
          .reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(along.elements[row] - expected) < 1e-12)
        #expect(run.recorded["along.norm", t]!.elements[row] == abs(along.elements[row]))
      }
    }
    let site = Site.custom("along", of: .latent)
    #expect(run.recorded[site, 3] != nil)
    let quantities = try model.quantities(
      recording: options.record, of: input, sites: options.sites)
    #expect(quantities.map(\.name) == ["along", "latent", "along.norm"])
    #expect(quantities[0].unit == "latent" && quantities[0].iterations(of: 4) == [0, 1, 2, 3, 4])
    #expect(run.hookFirings.map(\.count) == [20, 20, 20])
  }

  @Test func editsGoBackIntoTheParent() throws {
    var options = options(projection())
    options.record = [.sites("along", "latent")]
    let plain = try model.run(input, options)
    options.edits = [
      .replace("along", at: 2) { x, context in
        #expect(context.iteration == 2 && context.site == .custom("along", of: .latent))
        return Tensor(x.shape, repeating: 3)
      }
    ]
    let pushed = try model.run(input, options)
    let along = pushed.recorded["along", 2]!
    #expect(along.elements.allSatisfy { abs($0 - 3) < 1e-12 })
    // Only along the direction has the latent moved.
    let moved = pushed.recorded["latent", 2]! - plain.recorded["latent", 2]!
    for row in 0..<600 {
      let change = 3 - plain.recorded["along", 2]!.elements[row]
      for i in 0..<12 {
        #expect(abs(moved.elements[row * 12 + i] - change * direction.elements[i]) < 1e-12)
      }
    }
    #expect(pushed.recorded["latent", 1]!.isIdentical(to: plain.recorded["latent", 1]!))
    #expect(!pushed.latent.isIdentical(to: plain.latent))
  }

  @Test func anEditThatOnlyLooksChangesNoBit() throws {
    var options = options(projection())
    let seen = Mutex(0)
    options.edits = [.observe("along") { x, _ in seen.withLock { $0 += x.shape[0] } }]
    #expect(try model.run(input, options).latent.isIdentical(to: try model.run(input).latent))
    #expect(seen.withLock { $0 } == 5 * 20)
  }

  @Test func withoutAWayBackEditsAreErrors() throws {
    let site = CustomSite<Double>("first", of: .block(.core, index: 0, .mlpPost), axes: [.position])
    {
      hidden, _, interpreter in
      Value(interpreter.columns(hidden, 0..<1).tensor.reshaped(Array(hidden.shape.dropLast())))
    }
    var options = options(site)
    options.record = [.sites("first")]
    #expect(try model.run(input, options).recorded["first", 2]!.shape == [20, 30])
    options.edits = [.replace("first") { x, _ in x }]
    #expect {
      try model.run(input, options)
    } throws: {
      "\($0)".hasPrefix(
        "first was edited, but does not say how a value goes back into core.0.mlp.post")
    }
  }

  @Test func itsParentMayBeAnywhere() throws {
    for parent in model.siteList {
      let site = CustomSite<Double>("twice", of: parent, axes: []) { value, context, _ in
        #expect(value.shape[0] == context.examples.count)
        return Value(Tensor([context.examples.count], repeating: Double(context.iteration)))
      }
      var options = options(site)
      options.record = [.sites("twice")]
      let recorded = try model.run(input, options).recorded
      #expect(recorded.keys.map(\.iteration) == Array(parent.iterations(of: 4)), "\(parent)")
    }
  }

  @Test func mistakesAreExplained() throws {
    func run(_ site: CustomSite<Double>, _ request: RecordRequest) throws {
      var options = options(site)
      options.record = [request]
      _ = try model.run(input, options)
    }
    func own(
      _ name: String, of parent: Site = .latent, axes: [CustomSite<Double>.Axis] = [.position]
    )
      -> CustomSite<Double>
    {
      CustomSite(name, of: parent, axes: axes) { value, _, _ in
        Value(Tensor(Array(value.shape.prefix(2)), repeating: 1))
      }
    }
    let cases: [(CustomSite<Double>, RecordRequest, String)] = [
      (own("latent"), .sites("latent"), "there are two sites called latent"),
      (own("a b"), .sites("*"), "a site cannot be called \"a b\""),
      (own("a", of: .block(.core, index: 9, .z)), .sites("a"), "that this model does not have"),
      (
        own("a", axes: [.named("direction", 2)]), .sites("a"),
        "the site a gave shape [5, 30], its axes say [5, 2]"
      ),
      (own("latent.norm"), .sites("latent.norm"), ""),
      (own("near"), .sites("neaar"), "Did you mean near?"),
      (own("a", axes: []), .sites("a", positions: 1), "a has no positions to select from"),
    ]
    for (site, request, message) in cases {
      if message.isEmpty {
        try run(site, request)
      } else {
        #expect {
          try run(site, request)
        } throws: { "\($0)".contains(message) }
      }
    }
    var both = options(own("latent.norm"))
    both.record = [.sites("latent.norm"), .sites("latent", reducer: .norm)]
    #expect(throws: ModelError.self) { try model.run(input, both) }
  }
}
