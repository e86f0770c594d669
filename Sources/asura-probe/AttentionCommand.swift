import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct AttentionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "What each head attends to, iteration by iteration.",
    discussion: """
      From the recorded patterns, for each head and iteration: how spread attention is, at which \
      distances it falls, how much of it named keys get, whether it still changes, and what kind \
      of head that makes. No model is needed. The article AttentionHeads tells the thresholds.

        asura-trace capture runs/addition --sites 'latent,core.*.attn.pattern' \\
          -o addition.h5
        asura-probe attention addition.h5
        asura-probe attention addition.h5 --keys bos,column=propagate,position:3 \\
          --iter 1...20

      The columns of the table, of the last iteration:
        kind       where most attention goes beyond chance: self, previous or next
                   position, first position, same token, local; or uniform; or other
        entropy    in nat, with the deviation over examples
        of even    entropy over that of even attention to the visible keys
        excess     attention beyond chance to the keys of its kind, 1 for all
        settled    the first iteration from which the pattern changes by at most 0.01
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @Option(
    help: ArgumentHelp("Iterations, such as 1...20 or 0...50:5.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 1)

  @Option(
    help: ArgumentHelp(
      "Examples among those whose patterns were recorded: 0, 0,3, 0...7 or all. (default: all)",
      valueName: "list"), transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.all

  @Option(
    help: ArgumentHelp(
      "Keys to tell the attention of: symbols of the task, token:N, position:N, or FACT=LABEL. "
        + "(default: signs)", valueName: "list"))
  var keys: String?

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let reader = try openTrace(trace)
    let patterns = try RecordedPatterns(reader)
    let iterations = try iter.resolve(
      available: patterns.iterations, from: 1,
      reason: "patterns exist from t = 1, the first iteration")
    let examples = try example.resolve(count: patterns.examples.count)
    let groups = try KeyNames(reader, patterns).groups(keys)
    let outputs = try results.outputs(
      of: "attention", trace: url,
      charts: AttentionCharts.names(groups: !groups.isEmpty, changes: iterations.count > 1))

    let progress = reporting.progress("attention", total: iterations.count, unit: "iteration")
    Interrupt.install()
    let found = try Workers.$current.withValue(threads.workers) {
      try AttentionProbe(groups: groups).run(
        on: patterns, iterations: iterations, examples: examples,
        isCancelled: { Interrupt.isRequested }, progress: { progress.advance("t=\($0)") })
    }
    progress.finish()
    guard let study = found else {
      throw CommandError("interrupted before an iteration was done: nothing was written")
    }
    let charts = AttentionCharts(study, subject: url.lastPathComponent)
    let files = try outputs.write(
      study.analysis(), trace: url.lastPathComponent, isCut: !study.isComplete,
      charts: [
        "profile": { charts.profile.svg }, "entropy": { charts.entropy.svg },
        "change": { charts.change.svg }, "keys": { charts.keys.svg },
      ])
    let report = AttentionReport(study, trace: trace, patterns: patterns, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show(study) }
    if let failure = study.failure {
      warn(
        "ended by an error: \(study.iterations.count) of \(iterations.count) iterations were studied"
      )
      let cause = explainedProbe(failure)
      throw CommandError(
        cause?.message ?? "\(failure)", status: .checkFailed, remedy: cause?.remedy)
    }
    if !study.isComplete { warn("interrupted: what was done by then was written") }
  }
}

/// Resolves what `--keys` names: symbols of the task, tokens, positions, values of facts.
private struct KeyNames {
  private let input: TraceInput
  private let symbols: TraceSymbols
  private let path: String
  private let positions: Int
  private let examples: Int

  init(_ reader: TraceReader, _ patterns: RecordedPatterns) throws {
    positions = patterns.positions
    examples = 1 + (patterns.examples.max() ?? 0)
    input = try reader.input()
    symbols = TraceSymbols(reader)
    path = reader.url.path
  }

  /// The groups; by default those of the signs: symbols that are no digits or letters, of those that occur.
  func groups(_ text: String?) throws -> [KeyGroup] {
    guard let text else {
      let present = Set(input.tokens?.elements ?? [])
      return (symbols.vocabulary ?? []).enumerated().compactMap { token, symbol in
        let isSign = symbol.count > 1 || !(symbol.first.map { $0.isLetter || $0.isNumber } ?? true)
        return isSign && present.contains(Int32(token))
          ? KeyGroup(symbol, token: Int32(token), in: input) : nil
      }.prefix(4).map { $0 }
    }
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard names.count <= AttentionProbe.mostGroups else {
      throw CommandError(
        "--keys names \(names.count) groups of keys, at most \(AttentionProbe.mostGroups) can be told apart",
        status: .usage)
    }
    return try names.map(group)
  }

  private func group(_ name: String) throws -> KeyGroup {
    if name.hasPrefix("position:") {
      guard let position = Int(name.dropFirst("position:".count)),
        (0..<positions).contains(position)
      else {
        throw CommandError(
          "--keys \(name): there is no such position", status: .nothingMatched,
          remedy: "positions are 0...\(positions - 1)")
      }
      return KeyGroup(name, examples: examples, positions: positions) { $1 == position }
    }
    if name.hasPrefix("token:"), let token = Int32(name.dropFirst("token:".count)),
      let group = KeyGroup(name, token: token, in: input)
    {
      return group
    }
    if let index = symbols.vocabulary?.firstIndex(of: name),
      let group = KeyGroup(name, token: Int32(index), in: input)
    {
      return group
    }
    let parts = name.split(separator: "=", maxSplits: 1).map(String.init)
    if parts.count == 2, let fact = input.facts[parts[0]] {
      let value = fact.labels.firstIndex(of: parts[1]) ?? Int(parts[1])
      guard let value, let group = KeyGroup(name, fact: parts[0], value: Int32(value), in: input)
      else {
        let labels = fact.labels.isEmpty ? "numbers" : fact.labels.joined(separator: ", ")
        throw CommandError(
          "--keys \(name): the fact \(parts[0]) has no value '\(parts[1])'",
          status: .nothingMatched, remedy: "its values are \(labels)")
      }
      return group
    }
    let known = symbols.vocabulary.map { "the symbols \($0.joined(separator: " ")), " } ?? ""
    let facts = input.facts.keys.sorted().map { "\($0)=…" }.joined(separator: ", ")
    throw CommandError(
      "--keys: '\(name)' names no keys in \(path)", status: .nothingMatched,
      remedy: "it has \(known)token:N, position:N\(facts.isEmpty ? "" : ", \(facts)")")
  }
}
