import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe

/// Which places are patched.
struct PatchPlaces: ParsableArguments {
  @Option(
    help: ArgumentHelp("Names or patterns of sites, parted by commas.", valueName: "list"))
  var sites = "core.*.attn.z"

  @Option(
    help: ArgumentHelp("Iterations, such as 1...12. (default: all)", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter: IterationRange?

  @Option(
    help: ArgumentHelp(
      "Heads, each by itself: all, 0,2 or 0...3; or together.", valueName: "list"),
    transform: { try PatchChoice(parsing: $0, "heads") })
  var heads = PatchChoice(.each)

  @Option(
    help: ArgumentHelp(
      "Positions, each by itself: all, 0,5 or 0...7; or together. Of patterns these are queries.",
      valueName: "list"), transform: { try PatchChoice(parsing: $0, "positions") })
  var positions = PatchChoice(.each)

  /// All that decides which they are, as text.
  var identity: String {
    "\(sites) \(iter.map { "\($0)" } ?? "all") \(heads.choice) \(positions.choice)"
  }

  func iterations(last: Int) throws -> [Int]? {
    try iter?.resolve(
      available: 0...last, reason: "latents exist at t = 0, sites inside an iteration from 1")
  }

  func sweep<S: Scalar>(
    _ experiment: PatchExperiment<S>, isRelative: Bool = false
  ) throws -> PatchSweep {
    try PatchSweep(
      experiment, sites: siteNames(sites, "--sites"),
      iterations: iterations(last: experiment.iterations), heads: heads.choice,
      positions: positions.choice, isRelative: isRelative)
  }
}

/// Names parted by commas.
func siteNames(_ text: String, _ option: String) throws -> [String] {
  let names = text.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }
  guard !names.isEmpty else {
    throw CommandError("\(option) names no site", status: .usage, remedy: "try core.*.attn.z")
  }
  return names
}

/// Which heads or positions a sweep goes through: `all`, `together`, or numbers.
struct PatchChoice {
  let choice: PatchSweep.Choice

  init(_ choice: PatchSweep.Choice) { self.choice = choice }

  init(parsing text: String, _ what: String) throws(CommandError) {
    switch text {
    case "all": choice = .each
    case "together": choice = .together
    default:
      let range: IterationRange
      do throws(CommandError) { range = try IterationRange(parsing: text) } catch {
        throw CommandError(
          "'\(text)' names no \(what)", status: .usage,
          remedy: "expected all, together, or numbers such as 0,2 or 0...3")
      }
      guard let highest = range.highest else {
        throw CommandError(
          "'\(text)' has no end", status: .usage, remedy: "expected numbers such as 0...3, or all")
      }
      choice = .only(try range.resolve(available: 0...highest))
    }
  }
}
