import AsuraDiff
import AsuraTensor
import Synchronization

/// Which iterations something applies to.
public enum IterationSelection: Sendable, Equatable, ExpressibleByIntegerLiteral {
  case all
  case only(Set<Int>)

  /// One iteration.
  public init(integerLiteral iteration: Int) { self = .only([iteration]) }

  /// The iterations of a range, both ends included.
  public static func range(_ range: ClosedRange<Int>) -> Self { .only(Set(range)) }

  /// Whether `iteration` is among them.
  public func contains(_ iteration: Int) -> Bool {
    switch self {
    case .all: true
    case .only(let iterations): iterations.contains(iteration)
    }
  }
}

/// Where in a run a hook is called.
public struct HookContext: Sendable {
  /// The part of the computation a site belongs to.
  public enum Phase: Sendable { case input, prelude, recurrence, readout }
  /// The site the value is from; a pattern may match several.
  public let site: Site
  /// The iteration, 1…T; 0 for the initial latent and outside the recurrence.
  public let iteration: Int
  /// The block within its stack, for sites in blocks.
  public let block: Int?
  /// The part of the computation the site belongs to.
  public let phase: Phase
  /// Which sequences of the batch the value holds. A run deals a batch out in parts, to several
  /// threads at once; `RunOptions.wholeBatch` keeps it together.
  public let examples: Range<Int>
}

/// A change made to, or a look taken at, the value of some sites during one run.
///
/// Edits are values passed into a run and gone when it ends. Those on the same site are applied in
/// the order given.
public struct Edit<S: Scalar>: Sendable {
  /// Sees the value and may return another; nil leaves it.
  public typealias Body =
    @Sendable (Value<S>, HookContext, Interpreter<S>) throws -> Value<S>?

  let pattern: String
  let iterations: IterationSelection
  let body: Body

  /// Anything: use the interpreter's operations on the value.
  public init(
    _ pattern: String, at iterations: IterationSelection = .all, _ body: @escaping Body
  ) {
    self.pattern = pattern
    self.iterations = iterations
    self.body = body
  }

  /// Looks at the value. Throwing ends the run with that error.
  public static func observe(
    _ pattern: String, at iterations: IterationSelection = .all,
    _ look: @escaping @Sendable (Tensor<S>, HookContext) throws -> Void
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, _ in
      try look(value.tensor, context)
      return nil
    }
  }

  /// Puts another value, computed from the current one, in its place. Derivatives stop there.
  public static func replace(
    _ pattern: String, at iterations: IterationSelection = .all,
    _ compute: @escaping @Sendable (Tensor<S>, HookContext) throws -> Tensor<S>
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, _ in
      Value(try compute(value.tensor, context))
    }
  }

  /// Puts a value for the whole batch `[batch, …]` in place of the current one.
  public static func replace(
    _ pattern: String, at iterations: IterationSelection = .all, with tensor: Tensor<S>
  ) -> Edit {
    replace(pattern, at: iterations) { _, context in
      try part(of: tensor, for: context)
    }
  }

  /// Adds a value for the whole batch `[batch, …]` to the current one.
  public static func add(
    _ pattern: String, at iterations: IterationSelection = .all, _ tensor: Tensor<S>
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, interpreter in
      let part = try part(of: tensor, for: context)
      guard part.shape == value.shape else { throw misshapen(part.shape, value.shape, context) }
      return interpreter.add(value, Value(part))
    }
  }

  private static func part(of tensor: Tensor<S>, for context: HookContext) throws -> Tensor<S> {
    guard let batch = tensor.shape.first, context.examples.upperBound <= batch else {
      throw ModelError(
        .hooks,
        "the edit of \(context.site) has shape \(tensor.shape), too few for sequence "
          + "\(context.examples.upperBound - 1)",
        remedy: "Give a value for every sequence of the batch, or compute it in a closure.")
    }
    return tensor.slice(context.examples)
  }

  static func misshapen(_ found: [Int], _ expected: [Int], _ context: HookContext) -> ModelError {
    ModelError(
      .hooks,
      "an edit of \(context.site) at iteration \(context.iteration) gave shape \(found), "
        + "expected \(expected)")
  }
}

/// What to record during a run: sites by name or pattern, and iterations.
public struct RecordRequest: Sendable {
  let patterns: [String]
  let iterations: IterationSelection

  /// The sites whose names match any of the patterns, in the iterations where they have values.
  ///
  /// A pattern that matches nothing, and one that never comes up, are errors of the run.
  public static func sites(
    _ patterns: String..., iterations: IterationSelection = .all
  ) -> RecordRequest {
    RecordRequest(patterns: patterns, iterations: iterations)
  }

  /// The same for a list; an empty one is an error of the run.
  public static func sites(
    _ patterns: [String], iterations: IterationSelection = .all
  ) -> RecordRequest {
    RecordRequest(patterns: patterns, iterations: iterations)
  }
}

/// A run's hooks, found by site number, with a count of how often each fired.
///
/// `firings` is the only state, behind a lock: the parts of a batch run on several threads.
final class HookPlan<S: Scalar>: Sendable {
  private struct Hook: Sendable {
    let number: Int
    let iterations: IterationSelection
    /// Nil for a recording.
    let body: Edit<S>.Body?
  }
  private let hooks: [[Hook]]
  private let patterns: [String]
  private let firings: Mutex<[Int]>
  private let sites: SiteTable
  private let recorder: Recorder<S>?

  init?(
    edits: [Edit<S>], record: [RecordRequest], recorder: Recorder<S>?, sites: SiteTable
  ) throws {
    if edits.isEmpty && record.isEmpty { return nil }
    var hooks: [[Hook]] = Array(repeating: [], count: sites.sites.count)
    var patterns: [String] = []
    func install(_ pattern: String, _ iterations: IterationSelection, _ body: Edit<S>.Body?) throws
    {
      for site in try sites.matches(pattern) {
        hooks[site].append(
          Hook(number: patterns.count, iterations: iterations, body: body))
      }
      patterns.append(pattern)
    }
    for edit in edits { try install(edit.pattern, edit.iterations, edit.body) }
    for request in record {
      if request.patterns.isEmpty {
        throw ModelError(.hooks, "a request to record names no site", remedy: "Name some.")
      }
      for pattern in request.patterns { try install(pattern, request.iterations, nil) }
    }
    self.hooks = hooks
    self.patterns = patterns
    self.sites = sites
    self.recorder = recorder
    firings = Mutex(Array(repeating: 0, count: patterns.count))
  }

  /// Whether anything is to happen at the site with this number in this iteration.
  func wants(_ site: Int, _ iteration: Int) -> Bool {
    let hooks = hooks[site]
    return !hooks.isEmpty && hooks.contains { $0.iterations.contains(iteration) }
  }

  /// Whether anything is recorded in this iteration, so that it is to be handed over.
  func records(at iteration: Int) -> Bool {
    hooks.contains { $0.contains { $0.body == nil && $0.iterations.contains(iteration) } }
  }

  /// Applies the site's hooks in order: edits first, then what is recorded is what the run goes on
  /// with.
  func apply(
    _ value: Value<S>, _ site: Int, _ iteration: Int, examples: Range<Int>,
    _ interpreter: Interpreter<S>
  ) throws -> Value<S> {
    var value = value
    var isRecorded = false
    for hook in hooks[site] where hook.iterations.contains(iteration) {
      firings.withLock { $0[hook.number] += 1 }
      if let body = hook.body {
        let context = context(site, iteration, examples)
        if let changed = try body(value, context, interpreter) {
          guard changed.shape == value.shape else {
            throw Edit<S>.misshapen(changed.shape, value.shape, context)
          }
          value = changed
        }
      } else if !isRecorded {
        // A site that several requests name is recorded once.
        recorder?.record(value.tensor, sites.sites[site], iteration, examples)
        isRecorded = true
      }
    }
    return value
  }

  private func context(_ site: Int, _ iteration: Int, _ examples: Range<Int>) -> HookContext {
    let site = sites.sites[site]
    var block: Int?
    let phase: HookContext.Phase
    switch site {
    case .embed: phase = .input
    case .recall, .latent: phase = .recurrence
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

/// Gathers what the parts of a batch recorded into one tensor for each site and iteration.
///
/// The table is behind a lock; two parts never hold the same examples.
final class Recorder<S: Scalar>: Sendable {
  struct Key: Hashable {
    let site: Site
    let iteration: Int
  }
  private struct Parts { var parts: [(Range<Int>, Tensor<S>)] = [] }
  private let table = Mutex<[Key: Parts]>([:])

  func record(_ tensor: Tensor<S>, _ site: Site, _ iteration: Int, _ examples: Range<Int>) {
    table.withLock {
      $0[Key(site: site, iteration: iteration), default: Parts()].parts.append((examples, tensor))
    }
  }

  /// Everything recorded since the last call, whole batches, by iteration and then by site name.
  func drain() -> [(site: Site, iteration: Int, tensor: Tensor<S>)] {
    let entries = table.withLock { table in
      defer { table = [:] }
      return table
    }
    return entries.map { key, parts in
      let ordered = parts.parts.sorted { $0.0.lowerBound < $1.0.lowerBound }
      return (key.site, key.iteration, Tensor.concatenating(ordered.map(\.1)))
    }.sorted { ($0.iteration, $0.site.description) < ($1.iteration, $1.site.description) }
  }
}
