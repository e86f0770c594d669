import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct LensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lens",
    abstract: "What the latent of every iteration reads as, and what its logits are made of.",
    discussion: """
      The readout of each recorded latent is what the model would answer if it stopped there. \
      The table shows how often that is right and how far it is from the last readout; the one \
      below it the likeliest class at each position of the first example, with its probability, \
      × where it is wrong. The article Lenses tells what can and cannot be read from them.

        asura-probe lens addition.h5
        asura-probe lens addition.h5 --example 3 --iter 0...20
        asura-probe lens addition.h5 --tuned
        asura-probe lens addition.h5 --attribute --example 0

      With --tuned, it also fits affine maps of the latent that make earlier readouts like the last: one \
      for each iteration, and one for all. --attribute takes logits apart into what each block, \
      head and key position adds to them.

      The columns of the table:
        right, whole  share of right answers, and of examples with no wrong one
        p, rank       probability of the right class, and how many are likelier
        entropy       of the class probabilities, in nat
        KL            from the last readout to this one, in nat
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @Option(
    help: ArgumentHelp("Iterations, such as 0...20 or 0...50:5.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Option(
    help: ArgumentHelp("Examples: 0, 0,3, 0...7 or all. (default: all)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.all

  @Flag(help: "Fit tuned lenses too; half a minute or more for large traces.")
  var tuned = false

  @Flag(help: "Take logit differences apart too; of at most 64 examples.")
  var attribute = false

  @Option(
    help: ArgumentHelp(
      "The two classes whose logits are compared, by symbol or number. (default: the right one "
        + "and the likeliest other)", valueName: "a,b"))
  var logits: String?

  @Option(
    help: ArgumentHelp(
      "The model, for a trace without weights: a run's folder or a model.safetensors.",
      valueName: "path"))
  var model: String?

  @Flag(
    help: "Exit with 4 when a check fails: shares do not sum up, or the trace is not of this map.")
  var strict = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  /// Shares are taken of so many examples at most.
  private static let mostAttributed = 64

  func validate() throws {
    if logits != nil, !attribute {
      throw ValidationError("--logits says what --attribute compares: give both")
    }
  }

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let reader = try openTrace(trace)
    let run = try TracedRun(reader, model: model.map { URL(fileURLWithPath: $0) })
    let symbols = TraceSymbols(reader, model: model)
    let iterations = try iter.resolve(
      available: run.latentIterations, reason: "latents exist from t = 0, the initial one")
    let examples = try example.resolve(count: run.examples)
    let pair = try logits.map {
      try self.pair($0, symbols, classes: run.model.configuration.classes)
    }
    let attributed = attribute ? try attributable(iterations, run) : []
    let outputs = try results.outputs(
      of: "lens", trace: url, charts: LensCharts.names(tuned: tuned, attribution: attribute))

    let few = Array(examples.prefix(Self.mostAttributed))
    let progress = reporting.progress(
      "lens",
      total: iterations.count * examples.count + (tuned ? iterations.count : 0)
        + attributed.count * few.count, unit: "readout")
    Interrupt.install()
    let found = try Workers.$current.withValue(threads.workers) { () -> LensStudy? in
      func stops() -> Bool { Interrupt.isRequested }
      guard
        let readout = try LensProbe().run(
          on: run, iterations: iterations, examples: examples, isCancelled: stops,
          progress: { progress.advance(by: $0, $1) })
      else { return nil }
      var study = LensStudy(readout)
      guard readout.failure == nil else { return study }
      if tuned, !stops() {
        var fit = TunedLensFit()
        fit.seed = seed.seed ?? 0
        study.tuned = try fit.run(
          on: run, iterations: iterations, examples: examples, isCancelled: stops,
          progress: { progress.advance($0) })
      }
      if attribute, !stops() {
        study.attribution = try AttributionProbe(pair: pair).run(
          on: run, iterations: attributed, examples: few, isCancelled: stops,
          progress: { progress.advance(by: $0, $1) })
        if few.count < examples.count {
          study.notes.append("Logits were taken apart for the first \(few.count) examples only.")
        }
      }
      return study
    }
    progress.finish()
    guard let study = found else {
      throw CommandError("interrupted before an example was read out: nothing was written")
    }
    let isCut =
      !study.isComplete || tuned && study.tuned == nil || attribute && study.attribution == nil
    let charts = LensCharts(study, subject: url.lastPathComponent, symbols: symbols)
    let files = try outputs.write(
      study.analysis(), trace: url.lastPathComponent, isCut: isCut,
      charts: [
        "target": { charts.target.svg }, "rank": { charts.rank?.svg },
        "entropy": { charts.entropy.svg }, "divergence": { charts.divergence.svg },
        "tuned": { charts.tuned?.svg }, "attribution": { charts.attribution?.svg },
        "unrolled": { charts.unrolled?.svg }, "sources": { charts.sources?.svg },
      ])
    let report = LensReport(study, trace: trace, run: run, symbols: symbols, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show(study, symbols) }
    try check(study, of: examples.count, isCut: isCut)
  }

  private func pair(
    _ text: String, _ symbols: TraceSymbols, classes: Int
  ) throws -> DirectAttribution.Pair {
    let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    let found = parts.compactMap { part in
      symbols.classIndex(of: part).flatMap { (0..<classes).contains($0) ? $0 : nil }
    }
    guard parts.count == 2, found.count == 2, found[0] != found[1] else {
      let known = symbols.outputs.map { $0.joined(separator: " ") } ?? "0 to \(classes - 1)"
      throw CommandError(
        "--logits \(text): expected two different classes", status: .usage,
        remedy: "the classes are \(known): --logits \(symbols.output(0)),\(symbols.output(1))")
    }
    return .init(plus: found[0], minus: found[1])
  }

  /// The iterations whose logits can be taken apart: from 1, with the latent before them recorded.
  private func attributable(_ iterations: [Int], _ run: TracedRun) throws -> [Int] {
    let found = iterations.filter { $0 >= 1 && run.latentIterations.contains($0 - 1) }
    guard !found.isEmpty else {
      throw CommandError(
        "--attribute: none of these iterations has the latent before it in the trace",
        status: .nothingMatched,
        remedy: "choose others with --iter, or capture consecutive latents")
    }
    return found
  }

  /// Warns of what a reader of the numbers must know.
  private func check(_ study: LensStudy, of requested: Int, isCut: Bool) throws {
    if let failure = study.readout.failure {
      warn(
        "ended by an error: \(study.readout.examples.count) of \(requested) examples were read out")
      let cause = explainedProbe(failure)
      throw CommandError(
        cause?.message ?? "\(failure)", status: .checkFailed, remedy: cause?.remedy)
    }
    if isCut { warn("interrupted: what was done by then was written") }
    var failures: [String] = []
    if let attribution = study.attribution {
      if !attribution.isExact {
        failures.append(
          "shares do not sum to the logit differences: off by up to "
            + significant(max(attribution.residual, attribution.unrolledResidual), 2))
      }
      if attribution.mismatch > JacobianTrajectory.largestMismatch {
        failures.append(
          "the model's map leads to a latent \(significant(attribution.mismatch, 2)) away (relative) from the "
            + "recorded one: the run was edited, or is not of this model and input")
      }
    }
    failures.forEach(warn)
    if strict, !failures.isEmpty {
      throw CommandError("a check failed (--strict)", status: .checkFailed)
    }
  }
}
