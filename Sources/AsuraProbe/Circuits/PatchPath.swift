internal import AsuraModel

/// A way an effect may take: from a sender straight to a receiver, through no other head or perceptron.
///
/// What lies on it is the residual stream with its norms, and across iterations the latent with the outer norm, the
/// update and the recall; what the attention and perceptrons between them add stays as in the base run.
public struct PatchPath: Sendable, Hashable {
  /// What is replaced by the source's: a site of a core block's attention or perceptron, the recall or a latent.
  public var sender: PatchPlace
  /// What takes in the change: `attn.q`, `attn.k`, `attn.v`, `attn.scores`, `attn.pattern` or `attn.z` of a head,
  /// `mlp.pre` or `mlp.post`, the recall, a latent, or the logits. Without a position it takes it in wherever it comes.
  public var receiver: PatchPlace

  public init(from sender: PatchPlace, to receiver: PatchPlace) {
    self.sender = sender
    self.receiver = receiver
  }
}

/// Where a site stands among those of a run that write to the residual stream or read it, in the order of computation.
struct PathOrder: Comparable {
  private let iteration: Int
  /// Within the iteration: the recall, each block's attention and perceptron, the latent, the readout.
  private let stage: Int

  /// Nil for a site no path begins or ends at.
  init?(_ site: Site, at iteration: Int, blocks: Int) {
    self.iteration = iteration
    switch site {
    case .recall, .recalling: stage = 0
    case .block(.core, let block, let place):
      switch place {
      case .q, .k, .v, .scores, .pattern, .z, .attnOut: stage = 1 + 2 * block
      case .mlpPre, .mlpPost, .mlpOut, .gate: stage = 2 + 2 * block
      case .residPre, .residMid, .residPost: return nil
      }
    case .latent, .neuromodulation: stage = 1 + 2 * blocks
    case .logits: stage = 2 + 2 * blocks
    default: return nil
    }
  }

  static func < (a: Self, b: Self) -> Bool { (a.iteration, a.stage) < (b.iteration, b.stage) }
}

extension PatchExperiment {
  /// Refuses a path whose ends do not fit, or that leads nowhere.
  public func check(_ path: PatchPath) throws {
    try check(Patch(path.sender))
    try check(Patch(path.receiver, .replace(.base)))
    guard let start = order(path.sender), path.sender.site != .logits else {
      throw ProbeError(
        .badPatch, "\(path.sender.site) is no sender",
        remedy:
          "Paths begin at a site of a core block's attention or perceptron, at the recall or at a latent."
      )
    }
    guard let end = order(path.receiver), !Self.isOutput(path.receiver.site) else {
      throw ProbeError(
        .badPatch, "\(path.receiver.site) is no receiver",
        remedy:
          "Paths end at attn.q, attn.k, attn.v, attn.scores, attn.pattern, attn.z, mlp.pre, mlp.post, recall, latent or logits."
      )
    }
    guard path.sender.iterations.count == 1, path.receiver.iterations.count == 1 else {
      throw ProbeError(
        .badPatch, "a path between held places", remedy: "Give one iteration for either end.")
    }
    guard start < end else {
      throw ProbeError(
        .badPatch,
        "\(path.receiver.site) of iteration \(path.receiver.iterations.lowerBound) does not read what \(path.sender.site) "
          + "of iteration \(path.sender.iterations.lowerBound) writes",
        remedy: "The receiver must come after the sender.")
    }
  }

  /// Whether a path between two places can be.
  func connects(_ sender: PatchPlace, _ receiver: PatchPlace) -> Bool {
    guard let start = order(sender), let end = order(receiver) else { return false }
    return start < end
  }

  private func order(_ place: PatchPlace) -> PathOrder? {
    PathOrder(
      place.site, at: place.iterations.lowerBound, blocks: model.configuration.core)
  }

  /// What a block adds, which paths keep as in the base run.
  private static func isOutput(_ site: Site) -> Bool {
    switch site {
    case .block(_, _, let place), .recalling(let place): place == .attnOut || place == .mlpOut
    default: false
    }
  }

  /// What a direct path keeps as in the base run: what blocks and the recall's attention add, and gates, whose networks
  /// read the latent too.
  private var heldSites: [Site] {
    model.siteList.filter {
      switch $0 {
      case .block(.core, _, let place): place == .attnOut || place == .mlpOut || place == .gate
      case .recalling(let place): place == .attnOut || place == .gate
      case .neuromodulation: true
      default: false
      }
    }
  }

  /// A sender's change with everything that the core adds to the residual stream after it, and all gates, held as in
  /// the base run.
  func direct(_ sender: PatchPlace, _ kind: PatchKind) -> Patch {
    let t = sender.iterations.lowerBound
    var changes = [Patch.Change(sender, kind)]
    for site in heldSites {
      // The sender's own block passes on what the sender changes.
      let place = PatchPlace(site, at: t)
      let first = t > 0 && connects(sender, place) ? t : t + 1
      if first <= iterations {
        changes.append(
          Patch.Change(PatchPlace(site, iterations: first...iterations), .replace(.base)))
      }
    }
    return Patch(changes)
  }
}
