import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct FlowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flow",
    abstract: "The latents' paths, and whether they follow a differential equation.",
    discussion: """
      Iterating z ← F(z) may be the coarse solution of dz/dt = F(z) − z, a flow; or a contraction \
      that jumps to a point; or a clock that goes on alike for ever. This probe measures the path \
      of each example's latents (length, straightness, turning angles, how the steps get \
      shorter, principal components, dynamic modes), and with the model also runs it in steps of \
      1/k of an iteration. If those paths converge at order 1 as k grows, and F's own run stays \
      near their limit, iterating follows a flow. The article Flow tells how each verdict is reached.

      A trace without weights still has its path: give the model with --model for the rest.

        asura-probe flow addition.h5
        asura-probe flow addition.h5 --iter 0...20 --example 0 --refine 1,2,4,8,16
        asura-probe flow depth8.h5 depth16.h5 depth32.h5

      With several traces the first is studied, and all are compared: do models made for i \
      iterations take steps of 1/i? A model whose own step is 1/T is also run again with other \
      numbers of iterations (--depths).

      The columns of the table:
        straight   distance of the ends over the path's length
        turn       mean cosine between successive steps: 1 straight on, −1 to and fro
        last step  the longer of the last two, over the longest
        decay      the factor from step to step, or the power of t, over the later
                   half of the steps above rounding; ≈ where neither law is near
        order      of convergence as steps get finer; Euler's method has 1
        from flow  the largest distance of F's run from the limit, over its length
        mode       largest modulus of a dynamic mode of the later half of the steps
        radius     the same of the Jacobian at the last latent
      """)

  @Argument(
    help: "The trace, made by asura-trace capture, and traces to compare its steps with.")
  var traces: [String]

  @Option(
    help: ArgumentHelp("Consecutive iterations, such as 0...20.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Option(
    help: ArgumentHelp("Examples: 0, 0,3, 0...7 or all. (default: all)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.all

  @Option(
    help: ArgumentHelp(
      "Steps to an iteration to compare: 1, r, r², … or none. (default: 1,2,4,8)",
      valueName: "list"),
    transform: { try refinementFactors($0) })
  var refine = FlowProbe().factors

  @Option(help: ArgumentHelp("How many principal components to keep.", valueName: "k"))
  var components = FlowProbe().components

  @Option(
    help: ArgumentHelp(
      "Dynamic modes to fit. (default: those that hold all but 1e-10 of the energy)",
      valueName: "k"))
  var rank: Int?

  @Option(
    help: ArgumentHelp(
      "Numbers of iterations to run the model with again, such as 8,16,32. (default: half to "
        + "four times the run's, if they set the step)", valueName: "list"),
    transform: { try iterationCounts($0) })
  var depths: [Int]?

  @Option(
    help: ArgumentHelp(
      "The model, for a trace without weights: a run's folder or a model.safetensors.",
      valueName: "path"))
  var model: String?

  @Flag(help: "Exit with 4 when a check fails: not converged, or the trace is not of this map.")
  var strict = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    if traces.isEmpty { throw ValidationError("Missing expected argument '<traces> ...'") }
    for (option, value) in [("--components", components), ("--rank", rank ?? 1)] where value < 1 {
      throw ValidationError("\(option) is \(value), expected 1 or more")
    }
    if depths != nil, traces.count > 1 {
      throw ValidationError(
        "--depths runs one model again; several traces are compared as they are")
    }
  }

  func run() throws {
    let url = URL(fileURLWithPath: traces[0])
    let reader = try openTrace(traces[0])
    let latents = try RecordedLatents(reader)
    let run = try tracedRun(reader)
    let iterations = try iterations(of: latents)
    let examples = try example.resolve(count: latents.examples)
    let others = try traces.dropFirst().map {
      try RecordedLatents(openTrace($0))
    }
    let compared = try others.isEmpty ? nil : DepthLaw(traces: [latents] + others)

    var probe = FlowProbe()
    probe.factors = refine
    probe.components = components
    probe.rank = rank
    probe.depths = compared == nil ? depths : []
    probe.seed = seed.seed ?? 0
    let reruns = run.map { probe.depths(of: $0, from: iterations[0]).count } ?? 0
    let outputs = try results.outputs(
      of: "flow", trace: url,
      charts: FlowCharts.names(
        refined: run != nil && !refine.isEmpty, depths: compared != nil || reruns > 1))

    let progress = reporting.progress(
      "flow", total: probe.work(on: run, iterations: iterations.count, examples: examples.count),
      unit: "iteration")
    Interrupt.install()
    let found = try Workers.$current.withValue(threads.workers) {
      try probe.run(
        on: latents, model: run, iterations: iterations, examples: examples,
        isCancelled: { Interrupt.isRequested },
        progress: { units, what in progress.advance(by: units, what) })
    }
    progress.finish()
    guard var study = found else {
      throw CommandError("interrupted before there was a path: nothing was written")
    }
    if let compared { study.depths = compared }

    let charts = FlowCharts(study, subject: url.lastPathComponent)
    let files = try outputs.write(
      study.analysis(), trace: url.lastPathComponent, isCut: !study.isComplete,
      charts: [
        "steps": { charts.steps.svg }, "path": { charts.path.svg },
        "eigenvalues": { charts.plane.svg }, "refinement": { charts.refinement.svg },
        "depths": { charts.depths.svg },
      ])
    let report = FlowReport(study, trace: traces[0], latents: latents, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    try check(study, of: iterations)
  }

  private func iterations(of latents: RecordedLatents) throws -> [Int] {
    let chosen = try iter.resolve(
      available: latents.iterations, reason: "latents exist from t = 0, the initial one")
    do {
      try latents.requireConsecutive(chosen)
    } catch let error as ProbeError where iter != .all(from: 0) {
      // What was asked for makes no path, not what the trace holds.
      throw CommandError(error.message, status: .usage, remedy: error.remedy)
    }
    return chosen
  }

  /// The run with its model; nil for a trace captured without, when none is given.
  private func tracedRun(_ reader: TraceReader) throws -> TracedRun? {
    if model == nil, try reader.weightNames().isEmpty { return nil }
    return try TracedRun(reader, model: model.map { URL(fileURLWithPath: $0) })
  }

  /// Warns of what a reader of the numbers must know.
  private func check(_ study: FlowStudy, of requested: [Int]) throws {
    if let failure = study.failure {
      warn(
        "ended by an error: \(study.iterations.count) of \(requested.count) latents were studied")
      let cause = explainedProbe(failure)
      throw CommandError(
        cause?.message ?? "\(failure)", status: .checkFailed, remedy: cause?.remedy)
    }
    if !study.isComplete { warn("interrupted: what was done by then was written") }
    var failures: [String] = []
    if let worst = study.mismatch, worst.value > JacobianTrajectory.largestMismatch {
      failures.append(
        "the model's map leads to a latent \(significant(worst.value, 2)) away (relative) from the recorded z_"
          + "\(worst.iteration) of example \(worst.example): the run was edited, or is not of this model and input"
      )
    }
    if study.systems.contains(where: { $0.spectrum?.converged == false }) {
      failures.append("not all eigenvalues of the Jacobian that were sought were found")
    }
    failures.forEach(warn)
    if strict, !failures.isEmpty {
      throw CommandError("a check failed (--strict)", status: .checkFailed)
    }
  }
}

/// The numbers of `1,2,4,8`; none of `none`.
private func refinementFactors(_ text: String) throws(CommandError) -> [Int] {
  if text == "none" { return [] }
  let factors = try iterationCounts(text)
  guard Refinement.areGeometric(factors), factors.reduce(0, +) <= 100_000 else {
    throw CommandError(
      "'\(text)' is no sequence of refinements", status: .usage,
      remedy: "expected 1 and its multiples by the same number, such as 1,2,4,8 or 1,3,9, or none")
  }
  return factors
}

private func iterationCounts(_ text: String) throws(CommandError) -> [Int] {
  var counts: [Int] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    guard let count = Int(part.filter { !$0.isWhitespace }), (1...1_000_000).contains(count) else {
      throw CommandError(
        "'\(part)' is no number of iterations or steps", status: .usage,
        remedy: "expected numbers from 1, such as 8,16,32")
    }
    counts.append(count)
  }
  return counts
}
