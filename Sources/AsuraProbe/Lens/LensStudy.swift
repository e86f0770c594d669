/// What a lens probe found out: what each iteration's latent reads as, and, where they were asked for, tuned lenses and
/// the parts that logits are made of.
public struct LensStudy: Sendable {
  public let readout: ReadoutLens
  public var tuned: TunedLens?
  public var attribution: DirectAttribution?
  /// What was left out, and why.
  public var notes: [String] = []

  public init(_ readout: ReadoutLens) { self.readout = readout }

  /// Whether all that was asked for was done.
  public var isComplete: Bool { readout.isComplete && attribution?.isComplete ?? true }
}
