import AsuraDiff
import AsuraTensor
import Synchronization

/// A run's hooks, found by site number, with a count of how often each fired.
///
/// `firings` is the only state, behind a lock: the parts of a batch run on several threads.
final class HookPlan<S: Scalar>: Sendable {
  private struct EditHook: Sendable {
    let number: Int
    let iterations: Selection
    let body: Edit<S>.Body
  }
  /// What is to happen at one site.
  private struct Place: Sendable {
    var edits: [EditHook] = []
    var recordings: [RecordingPlan.Entry] = []
    /// The run's own sites that are computed from this one, by number.
    var children: [Int] = []

    func edits(at t: Int) -> Bool { edits.contains { $0.iterations.contains(t) } }
    func records(at t: Int) -> Bool { recordings.contains { $0.quantity.iterations.contains(t) } }
  }
  private let places: [Place]
  private let patterns: [String]
  private let firings: Mutex<[Int]>
  private let sites: SiteTable
  private let custom: [CustomSite<S>]
  private let positions: Int
  private let sink: any RecordingSink<S>

  /// The hooks of a run's options; nil when there are none.
  init?(
    _ options: RunOptions<S>, model: RecurrentTransformer<S>, _ input: ModelInput,
    neighbours: NeighbourTable?, sink: any RecordingSink<S>
  ) throws {
    try CustomSite.check(options.sites, against: model.sites.sites)
    if options.edits.isEmpty && options.record.isEmpty { return nil }
    let sites = model.sites.adding(options.sites.map(\.site))
    var places = Array(repeating: Place(), count: sites.sites.count)
    for (child, site) in sites.sites.enumerated().dropFirst(model.sites.sites.count) {
      guard let parent = sites.sites.firstIndex(of: site.original) else { continue }
      places[parent].children.append(child)
    }
    for (number, edit) in options.edits.enumerated() {
      for site in try sites.matches(edit.pattern) {
        places[site].edits.append(
          EditHook(number: number, iterations: edit.iterations, body: edit.body))
      }
    }
    let plan = try RecordingPlan(
      options.record, sites: sites, input: input, firstNumber: options.edits.count,
      axes: model.description(of: options.sites, input, neighbours))
    for entry in plan.entries { places[entry.site].recordings.append(entry) }
    self.places = places
    self.sites = sites
    self.sink = sink
    custom = options.sites
    positions = input.positions
    patterns = options.edits.map(\.pattern) + plan.patterns
    firings = Mutex(Array(repeating: 0, count: patterns.count))
  }

  /// Whether anything is to happen at the site with this number in this iteration.
  func wants(_ site: Int, _ iteration: Int) -> Bool {
    let place = places[site]
    return place.edits(at: iteration) || place.records(at: iteration)
      || place.children.contains { wants($0, iteration) }
  }

  /// Whether anything is recorded in this iteration.
  func records(at iteration: Int) -> Bool { places.contains { $0.records(at: iteration) } }

  /// Applies the site's hooks in order: edits first, its own and then those of the sites computed from it. What is
  /// recorded is what the run goes on with.
  func apply(
    _ value: Value<S>, _ site: Int, _ iteration: Int, examples: Range<Int>,
    _ interpreter: Interpreter<S>
  ) throws -> Value<S> {
    var value = try edit(value, site, iteration, examples, interpreter)
    for child in places[site].children where places[child].edits(at: iteration) {
      let own = custom[child - (sites.sites.count - custom.count)]
      let context = context(child, iteration, examples)
      let before = try own.value(of: value, context, positions: positions, interpreter)
      var isChanged = false
      let after = try edit(before, child, iteration, examples, interpreter) { isChanged = true }
      if isChanged { value = try own.value(value, holding: after, context, interpreter) }
    }
    try record(value.tensor, site, iteration, examples)
    for child in places[site].children where places[child].records(at: iteration) {
      let own = custom[child - (sites.sites.count - custom.count)]
      let context = context(child, iteration, examples)
      try record(
        own.value(of: value, context, positions: positions, .plain).tensor, child, iteration,
        examples)
    }
    return value
  }

  private func edit(
    _ value: Value<S>, _ site: Int, _ iteration: Int, _ examples: Range<Int>,
    _ interpreter: Interpreter<S>, onChange: () -> Void = {}
  ) throws -> Value<S> {
    var value = value
    for hook in places[site].edits where hook.iterations.contains(iteration) {
      firings.withLock { $0[hook.number] += 1 }
      let context = context(site, iteration, examples)
      if let changed = try hook.body(value, context, interpreter) {
        guard changed.shape == value.shape else {
          throw Edit<S>.misshapen(changed.shape, value.shape, context)
        }
        value = changed
        onChange()
      }
    }
    return value
  }

  private func record(
    _ value: Tensor<S>, _ site: Int, _ iteration: Int, _ examples: Range<Int>
  ) throws {
    for entry in places[site].recordings where entry.quantity.iterations.contains(iteration) {
      guard let (rows, values) = entry.quantity.values(from: value, examples: examples) else {
        continue
      }
      firings.withLock { firings in
        for request in entry.requests where request.iterations.contains(iteration) {
          firings[request.number] += 1
        }
      }
      try sink.record(values, of: entry.quantity, iteration: iteration, rows: rows)
    }
  }

  private func context(_ site: Int, _ iteration: Int, _ examples: Range<Int>) -> HookContext {
    let site = sites.sites[site]
    var block: Int?
    let phase: HookContext.Phase
    switch site.original {
    case .embed: phase = .input
    case .recall, .recalling, .neuromodulation, .latent, .custom: phase = .recurrence
    case .logits: phase = .readout
    case .block(let stack, let index, _):
      block = index
      phase =
        switch stack {
        case .prelude: .prelude
        case .core: .recurrence
        case .coda: .readout
        }
    }
    return HookContext(
      site: site, iteration: iteration, block: block, phase: phase, examples: examples)
  }

  /// How often the hooks of each pattern fired, in the order given.
  var firingCounts: [(pattern: String, count: Int)] {
    firings.withLock { counts in zip(patterns, counts).map { ($0, $1) } }
  }

  /// Throws if some hook never fired.
  func checkFired(iterations: Int) throws {
    for (pattern, count) in firingCounts where count == 0 {
      throw ModelError(
        .hooks, "the hook on \"\(pattern)\" never fired in \(iterations) iterations",
        remedy: try sites.matches(pattern).prefix(4).map { sites.whereabouts($0, iterations) }
          .joined(separator: "; ") + ".")
    }
  }
}
