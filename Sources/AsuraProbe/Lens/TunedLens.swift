/// Affine maps that make the readout of earlier latents as like the last one's as they can: one for each iteration, and
/// one for all, judged on examples they were not fitted to.
public struct TunedLens: Sendable {
  /// A mean over the examples held out, with the interval that holds it with a confidence of 95% (bootstrap over
  /// examples); NaN bounds for fewer than 2.
  public struct Estimate: Sendable, Equatable {
    public let value: Double
    public let lower: Double
    public let upper: Double
  }

  /// Which maps make a difference.
  public enum Verdict: String, Sendable, CaseIterable {
    /// None does: the readout as it is reads the latents as well as can be read by an affine map.
    case untuned
    /// One map for all iterations does, and those of their own do no better.
    case shared
    /// Only a map of each iteration's own does.
    case own
  }

  /// The iterations before the last, which all maps are fitted to be read out like.
  public let iterations: [Int]
  public let last: Int
  /// The examples fitted to, those that fitting stopped by, and those held out.
  public let fitted: [Int]
  public let validated: [Int]
  public let heldOut: [Int]
  /// How many of the chosen examples were not used, since `TunedLensFit.memory` does not hold the latents of all.
  public let leftOut: Int
  /// By iteration, KL(last readout ‖ lens) in nat on the examples held out: without a map, with the iteration's own and
  /// with the one for all.
  public let untuned: [Estimate]
  public let own: [Estimate]
  public let shared: [Estimate]
  /// The same, averaged over the iterations.
  public let means: (untuned: Estimate, own: Estimate, shared: Estimate)
  /// How much more the shared map leaves than the own ones, and how much less than none, averaged likewise: of the same
  /// examples, so that what they have in common cancels.
  public let sharedOverOwn: Estimate
  public let untunedOverShared: Estimate
  public let untunedOverOwn: Estimate
  /// The maps by iteration, and the one for all.
  public let translators: [Translator]
  public let sharedTranslator: Translator
  /// How many steps each fit took; the last is the shared one's.
  public let steps: [Int]

  /// A map must take away this share of what is left without one to count.
  public static let leastGain = 0.1

  /// A map counts when the interval of what it takes away lies above zero and that is at least `leastGain` of the whole;
  /// without intervals, of one example, none does.
  public var verdict: Verdict {
    let whole = means.untuned.value
    func counts(_ gain: Estimate) -> Bool {
      gain.value >= Self.leastGain * whole && gain.lower > 0
    }
    if counts(sharedOverOwn), counts(untunedOverOwn) { return .own }
    return counts(untunedOverShared) ? .shared : counts(untunedOverOwn) ? .own : .untuned
  }

  /// What there is to know before the numbers are believed.
  public var notes: [String] {
    var notes: [String] = []
    let used = fitted.count + validated.count + heldOut.count
    if leftOut > 0 {
      notes.append(
        "Tuned lenses were made of \(used) of \(used + leftOut) examples, whose latents memory holds; "
          + "with fewer iterations it holds those of more.")
    }
    if heldOut.count < 20 {
      notes.append(
        "Only \(heldOut.count) example\(heldOut.count == 1 ? " was" : "s were") held out from the tuned lenses: "
          + "their intervals are rough. Capture more examples.")
    }
    return notes
  }
}
