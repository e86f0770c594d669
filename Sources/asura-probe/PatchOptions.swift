import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import Foundation

extension PatchDirection: ExpressibleByArgument {}
extension PatchMetric: ExpressibleByArgument {}
extension PatchOrder: ExpressibleByArgument {}
extension PatchResult.Average: ExpressibleByArgument {}

/// Where patches are made, and of what kind.
struct PatchOptions: ParsableArguments {
  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case replace, mean, zero, resample, noise, steer, subspace
  }

  @OptionGroup var places: PatchPlaces

  @Flag(
    help: "Count positions from the first where a pair's inputs differ, before it below 0.")
  var relative = false

  @Option(
    help:
      "denoise: clean values into the corrupted run; noise: corrupted ones into the clean run.")
  var direction = PatchDirection.denoise

  @Option(
    help: ArgumentHelp(
      """
      What takes a value's place: replace, by the other run's; mean, over the pairs; zero; resample, from \
      another pair; noise, added; steer, along a direction; subspace, replaced in a direction alone.
      """))
  var kind = Kind.replace

  @Flag(help: "Patch from each iteration on to the last, not only in it.")
  var hold = false

  @Option(
    help: ArgumentHelp(
      "The iteration values are taken from: a number, or +2, or =-2, for so many later or earlier. (default: the same)",
      valueName: "t"), transform: sourceIteration)
  var from: PatchIteration?

  @Option(
    help: ArgumentHelp(
      "With --kind noise: how many standard deviations of the site's values.", valueName: "number"))
  var sigma: Double?

  @Option(
    help: ArgumentHelp(
      """
      With --kind steer or subspace: directions in an .npz file, of a linear probe or an array \
      [direction, width] named basis.
      """, valueName: "file"))
  var basis: String?

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp(
      "With a probe's directions: towards which class, by name. (default: the last)",
      valueName: "name"))
  var className: String?

  @Option(
    help: ArgumentHelp(
      "With --kind steer: by how many lengths of the direction. (default: 1)", valueName: "number"))
  var strength: Double?

  @Flag(help: "Hold the unpatched run's attention patterns from each patch on.")
  var freezePatterns = false

  @Option(
    help: ArgumentHelp(
      """
      Change no values but what iterations apply of the core: skip-iteration, repeat-iteration, skip-block, \
      repeat-block or swap-blocks.
      """))
  var order: PatchOrder?

  func validate() throws {
    if (kind == .noise) != (sigma != nil) {
      throw ValidationError(
        sigma == nil
          ? "--kind noise needs --sigma, such as --sigma 3" : "--sigma goes with --kind noise")
    }
    let isDirected = kind == .steer || kind == .subspace
    if isDirected != (basis != nil) {
      throw ValidationError(
        basis == nil
          ? "--kind \(kind.rawValue) needs --basis FILE.npz"
          : "--basis goes with --kind steer or subspace")
    }
    if strength != nil, kind != .steer {
      throw ValidationError("--strength goes with --kind steer")
    }
    if className != nil, basis == nil { throw ValidationError("--class goes with --basis") }
    if from != nil, kind != .replace, kind != .subspace {
      throw ValidationError("--from goes with --kind replace or subspace")
    }
    if let sigma, !(sigma.isFinite && sigma >= 0) {
      throw ValidationError("--sigma is \(sigma), expected a number from 0")
    }
  }

  /// What is done, for the headline.
  var what: String {
    if order != nil { return "made" }
    let other = direction == .noise ? "corrupted" : "clean"
    let time: String =
      switch from {
      case nil, .same: ""
      case .offset(let count): " of t \(count < 0 ? "−" : "+") \(abs(count))"
      case .fixed(let t): " of iteration \(t)"
      }
    let done: String =
      switch kind {
      case .replace: "replaced by \(other) values\(time)"
      case .mean: "replaced by the mean over the pairs"
      case .zero: "set to zero"
      case .resample: "resampled from other pairs"
      case .noise: "with noise added"
      case .steer: "moved along a direction"
      case .subspace: "replaced by \(other) values\(time) in a subspace"
      }
    return done + (freezePatterns ? ", attention patterns held," : "")
  }

  /// All that decides what patches do, as text.
  var identity: String {
    "\(places.identity) \(direction) \(kind) \(hold) "
      + "\(from.map { "\($0)" } ?? "same") \(sigma ?? -1) \(basis ?? "") \(className ?? "") "
      + "\(strength ?? 1) \(freezePatterns) \(relative) \(order?.rawValue ?? "")"
  }

  func sweep<S: Scalar>(_ experiment: PatchExperiment<S>) throws -> PatchSweep {
    let iterations = try places.iterations(last: experiment.iterations)
    if let order {
      return try PatchSweep(experiment, order: order, iterations: iterations, hold: hold)
    }
    let directions = try basis.map { try PatchDirections($0, className: className) }
    return try PatchSweep(
      experiment, sites: siteNames(places.sites, "--sites"), iterations: iterations,
      heads: places.heads.choice, positions: places.positions.choice, isRelative: relative,
      hold: hold,
      along: { place in
        freezePatterns ? Self.frozen(place, of: experiment) : []
      }, kind: { try kind($0, directions) })
  }

  private func kind(_ place: PatchPlace, _ directions: PatchDirections?) throws -> PatchKind {
    switch kind {
    case .replace: return .replace(.source, place.site.isRecurrent ? from ?? .same : .same)
    case .mean: return .mean
    case .zero: return .zero
    case .resample: return .resample
    case .noise: return .noise(sigma ?? 0)
    case .steer:
      guard let rows = try directions?.rows(place) else { return .zero }
      return .steer(rows[0].scaled(by: strength ?? 1))
    case .subspace:
      guard let rows = try directions?.rows(place) else { return .zero }
      return .subspace(try PatchBasis.orthonormal(rows), .source, from ?? .same)
    }
  }

  /// The core's patterns from a patch on; but for the one that is patched itself.
  private static func frozen<S: Scalar>(
    _ place: PatchPlace, of experiment: PatchExperiment<S>
  ) -> [Patch.Change] {
    let first = max(1, place.iterations.lowerBound)
    guard first <= experiment.iterations else { return [] }
    return (0..<experiment.model.configuration.core).map { Site.block(.core, index: $0, .pattern) }
      .filter { $0 != place.site }
      .map {
        Patch.Change(PatchPlace($0, iterations: first...experiment.iterations), .replace(.base))
      }
  }
}

/// How effects are measured and averaged.
struct PatchMeasureOptions: ParsableArguments {
  @Option(help: "What effects are told of; patch and paths store the others too.")
  var metric = PatchMetric.logitDifference

  @Option(help: "How effects are averaged over pairs.")
  var average = PatchResult.Average.ratioOfMeans

  @Option(
    help: ArgumentHelp(
      "Leave pairs out whose two runs differ by less in the metric; they are counted.",
      valueName: "number"))
  var minDifference = 0.01

  @Option(help: ArgumentHelp("Bootstrap samples for intervals; 0 for none.", valueName: "n"))
  var resamples = 1000

  func validate() throws {
    guard (0...1_000_000).contains(resamples) else {
      throw ValidationError("--resamples is \(resamples), expected 0 to 1000000")
    }
    guard minDifference >= 0, minDifference.isFinite else {
      throw ValidationError("--min-difference is \(minDifference), expected a number from 0")
    }
  }
}

/// `7`, `+2` or `-2`.
private func sourceIteration(_ text: String) throws(CommandError) -> PatchIteration {
  guard let number = Int(text) else {
    throw CommandError(
      "'\(text)' is no iteration", status: .usage,
      remedy: "expected a number such as 5, or +2 or -2 for so many later or earlier")
  }
  return text.hasPrefix("+") || text.hasPrefix("-") ? .offset(number) : .fixed(number)
}

/// Directions from an `.npz` file.
struct PatchDirections {
  private enum Source {
    case basis(Tensor<Double>)
    case probe(ProbeWeights, class: Int)
  }
  private let source: Source

  init(_ path: String, className: String?) throws {
    let url = URL(fileURLWithPath: path)
    let archive = try NumpyArchive(contentsOf: url)
    if archive.names.contains("basis") {
      let basis = try archive.tensor("basis")
      source = .basis(basis.rank == 1 ? basis.reshaped([1, basis.count]) : basis)
    } else {
      guard archive.names.contains("weights") else {
        throw CommandError(
          "\(url.path) has neither a probe's weights nor an array 'basis'",
          remedy:
            "It has: \(archive.names.joined(separator: ", ")). Name the directions basis, [direction, width]."
        )
      }
      let weights = try ProbeWeights(contentsOf: url)
      source = .probe(
        weights, class: try className.map(weights.classIndex) ?? weights.classes.count - 1)
    }
  }

  /// The directions `[k, width]` of a place: those of a probe of its own first iteration and position, or all there are.
  func rows(_ place: PatchPlace) throws -> Tensor<Double> {
    switch source {
    case .basis(let basis): return basis
    case .probe(let weights, let index):
      guard !place.isRelative || weights.positions == [ProbeWeights.pooled] else {
        throw CommandError(
          "a probe has directions of positions, which --relative counts differently in each pair",
          status: .usage, remedy: "leave --relative out, or fit one probe of all positions")
      }
      let direction = try weights.direction(
        iteration: place.iterations.lowerBound,
        position: (place.isRelative ? nil : place.position) ?? ProbeWeights.pooled,
        class: index)
      return direction.reshaped([1, direction.count])
    }
  }
}
