internal import Foundation

/// Jacobian spectra along the trajectories of some examples.
public struct JacobianTrajectory: Sendable {
  /// The spectrum at one iteration of one example, and what goes with it.
  public struct Entry: Sendable {
    public let iteration: Int
    public let example: Int
    public internal(set) var spectrum: JacobianSpectrum
    /// `‖F(z_t) − z_t‖ / ‖F(z_t)‖`: how far the latent still is from rest.
    public let relativeStep: Double
    /// `‖F(z_t) − z_{t+1}‖ / ‖z_{t+1}‖` with the recorded z_{t+1}: about the recording's precision where the trace
    /// came from this map unedited; NaN where z_{t+1} was not recorded.
    public let mismatch: Double
    /// What the eigenvalues do not tell, where it was asked for.
    public let shape: JacobianShape?
    /// How the latent came to rest, where the spectrum is of the latent at rest.
    public let rest: Rest?
  }

  /// How a latent was taken on to where the map leaves it as it is.
  public struct Rest: Sendable, Equatable {
    /// How many more iterations it took, and how long `‖F(z) − z‖ / ‖F(z)‖` then was.
    public let iterations: Int
    public let relativeStep: Double
    /// Whether that is within the tolerance. If not, the spectrum is of a latent that still moves.
    public let isSettled: Bool
  }

  /// The modes of one example's last Jacobian.
  public struct Modes: Sendable {
    public let iteration: Int
    public let example: Int
    public let modes: [JacobianMode]
    /// Whether all eigenvalues were at hand; if not, the fastest modes are unknown.
    public let isWhole: Bool
  }

  /// What ended the work early.
  public struct Failure: Sendable {
    public let iteration: Int
    public let example: Int
    public let error: any Error
  }

  /// A mismatch above this is beyond the rounding of 32-bit runs: the run was edited, or its map is another one.
  public static let largestMismatch = 1e-3

  /// The part of the state that was looked at.
  public let part: StatePart
  /// The size of that part.
  public let dimension: Int
  public let positions: Int
  public let width: Int
  public let method: JacobianSpectrum.Method
  public let iterations: [Int]
  public let examples: [Int]
  /// By iteration, then by example.
  public let entries: [Entry]
  /// The first spectrum that could not be computed, where one could not; `iterations` are then those that were
  /// whole.
  public let failure: Failure?
  /// The modes at the last of the iterations, one entry an example, where they were asked for.
  public internal(set) var modes: [Modes] = []

  /// The entries at an iteration, one an example.
  public func entries(at iteration: Int) -> [Entry] {
    entries.filter { $0.iteration == iteration }
  }

  /// One example's entries along the iterations.
  public func entries(of example: Int) -> [Entry] { entries.filter { $0.example == example } }

  /// The mean over the examples of something at an iteration.
  public func mean(at iteration: Int, of value: (Entry) -> Double) -> Double {
    let values = entries(at: iteration).map(value)
    return values.reduce(0, +) / Double(values.count)
  }

  /// Whether every search found all it sought.
  public var converged: Bool { entries.allSatisfy(\.spectrum.converged) }

  /// The entry whose recorded next latent is least like the map's, when that is beyond rounding.
  public var mismatched: Entry? {
    entries.filter { $0.mismatch > Self.largestMismatch }.max { $0.mismatch < $1.mismatch }
  }
}

// MARK: - In words

extension JacobianTrajectory {
  /// What the spectra say, in a few sentences that claim no more than they show.
  public var reading: [String] {
    guard let last = iterations.last else { return ["No spectrum was computed."] }
    var sentences = [radiusReading(last)]
    let rests = entries.compactMap(\.rest)
    if !rests.isEmpty { return sentences + [restReading(rests)] + searchReading }
    let steps = entries(at: last).map(\.relativeStep)
    if let largest = steps.max(), let smallest = steps.min() {
      let range = sentence(smallest, largest)
      sentences.append(
        largest < 1e-3
          ? "The latent is at rest there to within \(range) of its size, so this is how small "
            + "disturbances end."
          : "The next iteration moves the latent by \(range) of its size, so it is not at rest: "
            + "the spectrum at t=\(last) is about one iteration, not about where the run ends.")
    }
    return sentences + searchReading
  }

  private var searchReading: [String] {
    let unfinished = entries.count { !$0.spectrum.converged }
    guard unfinished > 0 else { return [] }
    return [
      "\(unfinished) of \(entries.count) searches did not find all they sought; their radii may "
        + "be too small."
    ]
  }

  private func restReading(_ rests: [Rest]) -> String {
    let counts = rests.map(\.iterations)
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    let taken = least == most ? "\(most)" : "\(least) to \(most)"
    let moving = rests.count { !$0.isSettled }
    guard moving > 0 else {
      return "After \(taken) more iterations the latent no longer moves, so this is how small "
        + "disturbances end."
    }
    return "\(moving) of \(rests.count) latents had not come to rest after \(most) more iterations "
      + "(they still move by \(short(rests.map(\.relativeStep).max() ?? .nan, 2)) of their size): "
      + "of those this spectrum is about one iteration only."
  }

  private func radiusReading(_ last: Int) -> String {
    let radii = iterations.map { t in entries(at: t).map(\.spectrum.spectralRadius) }
    let below = radii.map { $0.allSatisfy { $0 < 1 } }
    let who = examples.count == 1 ? "" : " for all \(examples.count) examples"
    let at = "\(range(radii.last ?? [])) at t=\(last)"
    guard iterations.count > 1 else {
      return "The spectral radius is \(at)" + (below[0] ? ", inside the unit circle\(who)." : ".")
    }
    guard let outside = below.lastIndex(of: false) else {
      return "The spectral radius is below 1 at every iteration looked at, from "
        + "t=\(iterations[0])\(who): \(at)."
    }
    guard outside == iterations.count - 1 else {
      return "The spectral radius is below 1 at every iteration looked at from "
        + "t=\(iterations[outside + 1])\(who): \(at)."
    }
    let count = below.count { !$0 }
    let (entriesThere, most) = (
      entries(at: last), entries(at: last).map(\.spectrum.outsideUnitCircle).max() ?? 0
    )
    let isBound = entriesThere.contains(where: \.spectrum.mayHaveMoreOutside)
    return "The spectral radius is 1 or more at \(count) of \(iterations.count) iterations looked "
      + "at, the last among them: \(at), with \(isBound ? "at least " : "")\(most) "
      + "eigenvalue\(most == 1 ? "" : "s") outside the unit circle. "
      + "Nothing here says that the latent comes to rest."
  }

  private func range(_ values: [Double]) -> String {
    guard let low = values.min(), let high = values.max() else { return "unknown" }
    return low == high ? short(low, 3) : "\(short(low, 3)) to \(short(high, 3))"
  }

  private func sentence(_ low: Double, _ high: Double) -> String {
    low == high ? short(low, 2) : "\(short(low, 2)) to \(short(high, 2))"
  }
}

private func short(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)g", value)
}
