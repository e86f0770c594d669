import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// What `asura-probe linear` probes, and for what.
struct LinearSubjectOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The fact of the trace to probe for, or the file's column of labels.", valueName: "name"))
  var fact: String?

  @Option(help: ArgumentHelp("Labels of your own: .csv or .jsonl.", valueName: "file"))
  var labels: String?

  @Option(
    name: .customLong("as"),
    help: "What labels are. (default: classes where they have names or are few)")
  var kind: ProbeLabels.Kind?

  @Option(
    name: .customLong("fact-at"),
    help: """
      Probe each position for the fact of the next or previous place, such as the next more \
      significant digit.
      """)
  var factAt = Relation.same

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Probe position p for the fact of position p + k.", valueName: "k"))
  var offset: Int?

  @Option(help: ArgumentHelp("The site to probe.", valueName: "site"))
  var site = "latent"

  @Option(
    help: ArgumentHelp("The iterations to probe. (default: all recorded)", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Option(
    help: ArgumentHelp("The positions to probe. (default: all recorded)", valueName: "range"),
    transform: { try IterationRange(parsing: $0, of: "position") })
  var positions: IterationRange?

  @Option(
    help: ArgumentHelp("Examples: 0,3, 0...99 or all. (default: all)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.all

  @Flag(help: "Fit one probe to all positions of an iteration together.")
  var pool = false

  /// Whose fact a position is probed for.
  enum Relation: String, ExpressibleByArgument, CaseIterable {
    case same, next, previous
  }

  func validate() throws {
    if factAt != .same, offset != nil {
      throw ValidationError("--fact-at and --offset contradict each other")
    }
  }

  /// The labels asked for, at the positions they are probed at.
  func labels(_ reader: TraceReader, _ input: TraceInput) throws -> ProbeLabels {
    let labels: ProbeLabels
    if let file = self.labels {
      guard let shape = input.tokens?.shape ?? input.targets?.shape else {
        throw ProbeError(
          .incompleteTrace,
          "\(reader.url.path) does not say how many examples and positions it has",
          remedy: "Capture it again with its input.")
      }
      labels = try ProbeLabels(
        contentsOf: URL(fileURLWithPath: file), column: fact, examples: shape[0],
        positions: shape[1], as: kind)
    } else {
      guard let fact else {
        let known = input.facts.keys.sorted()
        throw CommandError(
          "--fact is missing: which fact to probe for", status: .usage,
          remedy: known.isEmpty
            ? "the trace has no facts: give labels of your own with --labels"
            : "the trace has: \(known.joined(separator: ", "))")
      }
      labels = try ProbeLabels(fact: fact, of: reader, as: kind)
    }
    if let offset { return labels.shifted(by: offset) }
    guard factAt != .same else { return labels }
    let step = factAt == .next ? 1 : -1
    guard let ids = input.positionIDs, ids.shape == [labels.examples, labels.positions] else {
      return labels.shifted(by: step)
    }
    let own = ids.elements.prefix(labels.positions)
    guard
      (1..<max(1, labels.examples)).allSatisfy({ example in
        ids.elements[example * labels.positions..<(example + 1) * labels.positions].elementsEqual(
          own)
      })
    else {
      throw CommandError(
        "--fact-at \(factAt.rawValue): the trace's examples differ in their position ids",
        status: .usage, remedy: "use --offset")
    }
    return labels.shifted(toID: step, ids: own.map { Int($0) })
  }
}

extension ProbeLabels.Kind: ExpressibleByArgument {}
extension LinearEstimator: ExpressibleByArgument {}
extension ConceptEraser.Method: ExpressibleByArgument {}

/// How the probes are fitted and tested.
struct LinearMethodOptions: ParsableArguments {
  @Option(help: "How a probe is fitted.")
  var estimator = LinearEstimator.ridge

  @Option(
    help: ArgumentHelp(
      "Penalties to choose from, per row, on standardised values. (default: 1e-4 to 1)",
      valueName: "list"),
    transform: { try penaltyList($0) })
  var penalties = LinearProbe().penalties

  @Option(help: ArgumentHelp("Parts of cross-validation, over examples.", valueName: "n"))
  var folds = LinearProbe().folds

  @Option(
    help: ArgumentHelp(
      "Shufflings of the labels; 0 for none. (default: 20, logistic 5)", valueName: "n"))
  var shuffles: Int?

  @Option(
    help: ArgumentHelp("Bootstrap replicates for intervals; 0 for none.", valueName: "n"))
  var replicates = LinearProbe().replicates

  @Flag(name: .customLong("no-control"), help: "Leave the control task out.")
  var noControl = false

  @Flag(name: .customLong("no-code"), help: "Leave the description length out.")
  var noCode = false

  @Flag(help: "Test the probes of each iteration on all others.")
  var transfer = false

  @Option(
    help: ArgumentHelp(
      "The file of the probes' weights. (default: beside the companion file)", valueName: "file"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "How much of the trace to hold in memory at a time; what is made of it takes about as much. (default: 256MiB)",
      valueName: "size"),
    transform: ByteCount.init(parsing:))
  var memory: ByteCount?

  func validate() throws {
    guard folds >= LinearProbe.fewestFolds else {
      throw ValidationError(
        "--folds is \(folds), expected \(LinearProbe.fewestFolds) or more: one to test on, one to choose the penalty "
          + "by, one to fit to")
    }
    for (option, value) in [("--shuffles", shuffles ?? 0), ("--replicates", replicates)]
    where value < 0 {
      throw ValidationError("\(option) is \(value), expected 0 or more")
    }
    guard replicates == 0 || replicates >= LinearProbe.fewestReplicates else {
      throw ValidationError(
        "--replicates is \(replicates), expected \(LinearProbe.fewestReplicates) or more, or 0 for no intervals"
      )
    }
    if let memory, memory.bytes < 1 {
      throw ValidationError("--memory is \(memory.bytes), expected some bytes")
    }
  }

  /// The probe, but for what is common to all commands.
  var probe: LinearProbe {
    var probe = LinearProbe()
    probe.estimator = estimator
    probe.penalties = penalties
    probe.folds = folds
    probe.shuffles = shuffles
    probe.replicates = replicates
    probe.hasControl = !noControl
    probe.hasDescriptionLength = !noCode
    probe.hasTransfer = transfer
    if let memory { probe.memory = memory.bytes }
    return probe
  }
}

/// The numbers of `1e-3,0.1`.
private func penaltyList(_ text: String) throws(CommandError) -> [Double] {
  var penalties: [Double] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    guard let value = Double(part.filter { !$0.isWhitespace }), value > 0, value.isFinite else {
      throw CommandError(
        "'\(part)' is no penalty", status: .usage,
        remedy: "expected numbers above 0, such as 0.001,0.1")
    }
    penalties.append(value)
  }
  return penalties
}
