import ArgumentParser
import Asura
import AsuraCommandLine

/// Changes of the probed fact, after which the run goes on.
struct LinearChangeOptions: ParsableArguments {
  @Option(help: "Erase the fact and run on: by the class means' projection, or LEACE.")
  var erase: ConceptEraser.Method?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Push along the probe's direction and run on, in standard deviations.", valueName: "amount"))
  var push: Double?

  @Option(
    help: ArgumentHelp("The class to push towards. (default: the last)", valueName: "class"))
  var toward: String?

  @Option(
    help: ArgumentHelp(
      "The iterations at which to change the site. (default: all probed but 0)", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var at: IterationRange?

  @Option(
    help: ArgumentHelp("Random directions of equal length to compare with.", valueName: "n"))
  var directions = 10

  @Option(
    help: ArgumentHelp(
      "The model, for a trace without weights: a run's folder or a model.safetensors.",
      valueName: "path"))
  var model: String?

  func validate() throws {
    let isAsked = erase != nil || push != nil
    if !isAsked, at != nil || toward != nil || model != nil {
      throw ValidationError("--at, --toward and --model go with --erase or --push")
    }
    if toward != nil, push == nil { throw ValidationError("--toward goes with --push") }
    if let push, !push.isFinite || push == 0 {
      throw ValidationError("--push is \(push), expected a number other than 0")
    }
    guard directions >= 0 else {
      throw ValidationError("--directions is \(directions), expected 0 or more")
    }
  }

  /// The changes asked for, erasing first.
  func followUps(
    _ probed: [Int], _ labels: ProbeLabels, seed: UInt64
  ) throws -> [CausalFollowUp] {
    var changes: [CausalEffect.Change] = erase.map { [.erase($0)] } ?? []
    if let push {
      var index = (labels.classes?.count ?? 1) - 1
      if let toward {
        let classes = labels.classes ?? []
        guard let place = classes.firstIndex(of: toward) else {
          throw CommandError(
            "--toward: \(labels.name) has no class '\(toward)'", status: .nothingMatched,
            remedy: classes.isEmpty
              ? "it is a number, and pushed upwards" : "it has: \(classes.joined(separator: ", "))")
        }
        index = place
      }
      changes.append(.push(push, class: index))
    }
    guard !changes.isEmpty else { return [] }
    let later = probed.filter { $0 > 0 }
    let at =
      try self.at?.resolve(available: probed, option: "--at") ?? (later.isEmpty ? probed : later)
    return changes.map { change in
      var followUp = CausalFollowUp(change, at: at)
      followUp.directions = directions
      followUp.seed = seed
      return followUp
    }
  }
}
