import AsuraConfiguration

/// A named place in the computation whose value can be recorded or replaced.
public enum Site: Hashable, Sendable {
  /// The embedded input `[batch, position, width]`, before the prelude.
  case embed
  /// What an iteration's first core block reads: recall of input and latent,
  /// `[batch, position, width]`.
  case recall
  /// The latent after an iteration (and before the first, at iteration 0),
  /// `[batch, position, width]`.
  case latent
  /// A readout's logits `[batch, position, class]`.
  case logits
  /// A place inside the recall: `recall.gate` when it is gated, `recall.attn.q` and so on when it is attention.
  case recalling(BlockSite)
  /// The gate of what an iteration changes, `[batch, position, width]`.
  case neuromodulation
  /// A place inside block `index` of a stack.
  case block(Stack, index: Int, BlockSite)
  /// A site of a run's own, computed from another's value: see `CustomSite`.
  indirect case custom(String, of: Site)

  /// The three stacks of blocks.
  public enum Stack: String, Sendable, CaseIterable { case prelude, core, coda }
}

/// A named place inside a block.
public enum BlockSite: String, Sendable, CaseIterable {
  case residPre = "resid_pre"
  /// Queries, keys and values `[batch, position, heads·headWidth]`, before rotary positions.
  case q = "attn.q"
  case k = "attn.k"
  case v = "attn.v"
  /// Scaled and biased scores `[batch, head, query, key]`; −∞ where masked.
  case scores = "attn.scores"
  /// The attention pattern `[batch, head, query, key]`.
  case pattern = "attn.pattern"
  /// The heads' mixed values `[batch, position, heads·headWidth]`, before the output projection.
  case z = "attn.z"
  /// What attention adds to the residual stream.
  case attnOut = "attn_out"
  case residMid = "resid_mid"
  /// The perceptron's hidden layer before and after its activation.
  case mlpPre = "mlp.pre"
  case mlpPost = "mlp.post"
  /// What the perceptron adds to the residual stream.
  case mlpOut = "mlp_out"
  case residPost = "resid_post"
  /// The gate between what the block read and what it makes of it, `[batch, position, width]`; with a copy gate only.
  case gate

  /// This case's place among all cases.
  var order: Int {
    switch self {
    case .residPre: 0
    case .q: 1
    case .k: 2
    case .v: 3
    case .scores: 4
    case .pattern: 5
    case .z: 6
    case .attnOut: 7
    case .residMid: 8
    case .mlpPre: 9
    case .mlpPost: 10
    case .mlpOut: 11
    case .residPost: 12
    case .gate: 13
    }
  }
}

extension Site: CustomStringConvertible {
  /// The site's name in files and commands, such as `core.0.attn.pattern`.
  public var description: String {
    switch self {
    case .embed: "embed"
    case .recall: "recall"
    case .latent: "latent"
    case .logits: "logits"
    case .recalling(let place): "recall.\(place.rawValue)"
    case .neuromodulation: "neuromodulation"
    case .block(let stack, let index, let place): "\(stack.rawValue).\(index).\(place.rawValue)"
    case .custom(let name, _): name
    }
  }

  /// Whether the site is inside the recurrence, and so has a value for each iteration.
  public var isRecurrent: Bool {
    switch self {
    case .embed, .block(.prelude, _, _): false
    case .custom(_, let parent): parent.isRecurrent
    default: true
    }
  }

  /// The iterations of a run of `count` at which the site has values: latents and what is read out of them
  /// also before the first, at 0; what is outside the recurrence only then.
  public func iterations(of count: Int) -> ClosedRange<Int> {
    switch self {
    case .embed, .block(.prelude, _, _): 0...0
    case .latent, .logits, .block(.coda, _, _): 0...max(0, count)
    case .recall, .recalling, .neuromodulation, .block(.core, _, _): 1...max(1, count)
    case .custom(_, let parent): parent.iterations(of: count)
    }
  }
}

extension Site {
  /// The model's site whose value it is, or is computed from.
  var original: Site {
    if case .custom(_, let parent) = self { parent.original } else { self }
  }
}

/// A model's sites, each with its place in a list so that running models find hooks by number. A run's own
/// stand after the model's.
struct SiteTable: Sendable {
  private(set) var sites: [Site]
  private let prelude: Int
  private let core: Int
  /// How many sites a block has.
  private let places: Int
  /// What a place's order is added to for the number of its site inside the recall.
  private let recall: Int
  /// The number of the gate of what an iteration changes, where there is one.
  let neuromodulation: Int

  static let latent = 2
  static let logits = 3

  init(_ configuration: ModelConfiguration) {
    (prelude, core) = (configuration.prelude, configuration.core)
    let stacks: [(Site.Stack, Int)] = [
      (.prelude, configuration.prelude), (.core, configuration.core), (.coda, configuration.coda),
    ]
    let inBlock = BlockSite.allCases.filter { $0 != .gate || configuration.copyGate != nil }
    let inRecall: [BlockSite] =
      switch configuration.recall {
      case .concat, .add, .none: []
      case .gated: [.gate]
      case .cross: [.q, .k, .v, .scores, .pattern, .z, .attnOut]
      }
    places = inBlock.count
    sites =
      [.embed, .recall, .latent, .logits]
      + stacks.flatMap { stack, count in
        (0..<count).flatMap { index in inBlock.map { Site.block(stack, index: index, $0) } }
      }
    recall = sites.count - (inRecall.first?.order ?? 0)
    sites += inRecall.map { .recalling($0) }
    neuromodulation = sites.count
    if configuration.neuromodulation != nil { sites.append(.neuromodulation) }
  }

  /// The number of a site inside the recall, or of where one would be.
  func recalling(_ place: BlockSite) -> Int { recall + place.order }

  /// The same sites and a run's own after them.
  func adding(_ custom: [Site]) -> SiteTable {
    var table = self
    table.sites += custom
    return table
  }

  /// The number of a block's first site.
  func first(_ stack: Site.Stack, _ index: Int) -> Int {
    let before =
      switch stack {
      case .prelude: 0
      case .core: prelude
      case .coda: prelude + core
      }
    return 4 + (before + index) * places
  }

  /// The numbers of the sites whose names match a pattern: `*` stands for any text, `?` for any
  /// character, and TransformerLens spellings are understood. A pattern that matches nothing is an
  /// error.
  func matches(_ pattern: String) throws -> [Int] {
    let name = Self.canonical(pattern)
    let found = sites.indices.filter { Glob.matches(name[...], sites[$0].description[...]) }
    if found.isEmpty {
      let names = sites.map(\.description)
      let near = nearest(to: name, in: names)
      throw ModelError(
        .hooks, "no site matches \"\(pattern)\"",
        remedy: near.map { "Did you mean \($0)?" }
          ?? "This model has \(names.prefix(4).joined(separator: ", ")) and "
          + "\(BlockSite.allCases.map(\.rawValue).joined(separator: ", ")) in each of "
          + "its blocks, such as core.0.attn.pattern.")
    }
    return found
  }

  /// At which iterations of a run a site has values, for messages.
  func whereabouts(_ site: Int, _ iterations: Int) -> String {
    let span =
      switch sites[site].original {
      case .logits, .block(.coda, _, _):
        "where a readout is computed, the last iteration unless asked"
      case .embed, .block(.prelude, _, _): "once, at iteration 0"
      case .recall, .recalling, .neuromodulation, .block(.core, _, _):
        "at iterations 1 to \(iterations)"
      case .latent, .custom: "at iterations 0 to \(iterations)"
      }
    return "\(sites[site]) exists \(span)"
  }

  /// Our spelling of a TransformerLens name: `blocks.0.attn.hook_pattern` is `core.0.attn.pattern`.
  static func canonical(_ name: String) -> String {
    var name = name
    if name.hasPrefix("blocks.") { name = "core." + name.dropFirst("blocks.".count) }
    guard let range = name.range(of: "hook_") else { return name }
    name.removeSubrange(range)
    return name.hasSuffix(".attn_scores")
      ? name.dropLast("attn_scores".count) + "scores" : name
  }
}

/// Shell-like patterns.
enum Glob {
  static func matches(_ pattern: Substring, _ text: Substring) -> Bool {
    // Greedy with one point to fall back to, so that hostile patterns cannot take long.
    var (p, t) = (pattern.startIndex, text.startIndex)
    var fallback: (p: Substring.Index, t: Substring.Index)?
    while t < text.endIndex {
      if p < pattern.endIndex, pattern[p] == "*" {
        fallback = (p, t)
        p = pattern.index(after: p)
      } else if p < pattern.endIndex, pattern[p] == "?" || pattern[p] == text[t] {
        p = pattern.index(after: p)
        t = text.index(after: t)
      } else if let last = fallback {
        p = pattern.index(after: last.p)
        t = text.index(after: last.t)
        fallback = (last.p, t)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
