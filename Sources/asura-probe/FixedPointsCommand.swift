import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct FixedPointsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fixed-points",
    abstract: "Whether, where and how a recorded run comes to rest.",
    discussion: """
      From the recorded latents alone, every example gets a verdict: converged, a cycle, drifting, \
      direction settled while the norm grows, readout settled while the latent moves, or none of \
      these. For the examples named with --example, the model is then used to look closer: does the \
      measured rate agree with the spectral radius; which fixed points F(z) = z are there, searched \
      from many starts; how stable are they; do other starts lead to the same one; is a push \
      forgotten; how far may the latent be moved and still come back. Last, all examples are \
      iterated far past training, to see whether answers stay right.

      A search has converged when q = ½‖F(z) − z‖² is at most --tolerance. Which criterion ended \
      each is reported, and nothing is dropped: points far from every recorded latent are marked.

        asura-probe fixed-points addition.h5
        asura-probe fixed-points addition.h5 --example 0,3 --solver minimize \\
          --starts 100
        # verdicts only
        asura-probe fixed-points addition.h5 --starts 0 --directions 0 --beyond 1

      The solvers:
        newton-krylov  Newton's method by GMRES; finds unstable points too
        anderson       mixes the last images; fast where plain iteration is slow
        plain          what the model does; finds only what attracts
        minimize       descent on q by Adam, as FixedPointFinder does it

      The columns of the first table:
        since         the iteration from which on the verdict held
        step          ‖z_t − z_(t−1)‖ at the end; in the next column
                      relative to ‖z_t‖
        rate          the ratio of one step to the one before, ± two standard errors;
                      then the same, iterated on in 64 bits
        radius        the spectral radius where it rests, or else at the last latent:
                      the rate by linear theory
        answer since  the iteration after which no answer changed
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @Option(
    help: ArgumentHelp(
      "The iterations whose latents are looked at, such as 0...50.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Option(
    help: ArgumentHelp(
      "The examples looked at closely: 0, 0,3, 0...7 or all. (default: 0)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.first

  @Option(help: "How to look for fixed points.")
  var solver = SolverName.newtonKrylov

  @Option(help: ArgumentHelp("Searches for each example; 0 for none.", valueName: "n"))
  var starts = 32

  @Option(help: ArgumentHelp("The q at which a search has converged.", valueName: "q"))
  var tolerance = 1e-12

  @Option(
    help: ArgumentHelp(
      "Random directions for the basin, and for pushes of each strength; 0 for none.",
      valueName: "n"))
  var directions = 16

  @Option(
    help: ArgumentHelp(
      "Iterate all examples to so many times training's iterations; 1 for no further.",
      valueName: "factor"))
  var beyond = 10

  @Option(
    help: ArgumentHelp(
      "The model, for a trace without weights: a run's folder or a model.safetensors.",
      valueName: "path"))
  var model: String?

  @Flag(help: "Exit with 4 when a search did not converge, or the trace is not of this map.")
  var strict = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    guard starts >= 0 else {
      throw ValidationError("--starts is \(starts), expected 0 or more")
    }
    guard directions >= 0 else {
      throw ValidationError("--directions is \(directions), expected 0 or more")
    }
    guard beyond >= 1 else { throw ValidationError("--beyond is \(beyond), expected 1 or more") }
    guard tolerance > 0, tolerance.isFinite else {
      throw ValidationError("--tolerance is \(tolerance), expected a number above 0")
    }
  }

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let reader = try openTrace(trace)
    let subject = try TracedRun(reader, model: model.map { URL(fileURLWithPath: $0) })
    let iterations = try iter.resolve(
      available: subject.latentIterations,
      reason: "latents exist from t = 0, the initial one")
    let examples = try example.resolve(count: subject.examples)
    let outputs = try results.outputs(
      of: "fixed_points", trace: url, charts: charts)

    var probe = FixedPointProbe()
    probe.solver = solver.solver
    probe.rule.q = tolerance
    probe.starts = starts
    probe.directions = directions
    probe.beyond = beyond
    probe.seed = seed.seed ?? 0
    let progress = reporting.progress(
      "fixed points",
      total: probe.workload(subject, iterations: iterations, examples: examples), unit: "step")
    Interrupt.install()
    let findings = try Workers.$current.withValue(threads.workers) {
      try probe.run(
        on: subject, iterations: iterations, examples: examples,
        isCancelled: { Interrupt.isRequested },
        progress: { units, message in progress.advance(by: units, message) })
    }
    progress.finish()
    guard findings.verdicts.contains(where: { $0 != nil }) else {
      throw CommandError("interrupted before the first step was seen: nothing was written")
    }
    let drawn = FixedPointCharts(findings, subject: url.lastPathComponent)
    let files = try outputs.write(
      findings.analysis(), trace: url.lastPathComponent, isCut: !findings.isComplete,
      charts: [
        "settling": { drawn.settling.svg }, "points": { drawn.points.svg },
        "basin": { drawn.basin.svg }, "overthinking": { drawn.overthinking.svg },
      ])
    let report = FixedPointReport(findings, trace: trace, run: subject, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    try check(findings)
  }

  /// The charts there is something to draw in.
  private var charts: [String] {
    ["settling"] + (starts > 0 ? ["points"] : []) + (directions > 0 ? ["basin"] : [])
      + (beyond > 1 ? ["overthinking"] : [])
  }

  /// Warns of what a reader of the numbers must know.
  private func check(_ findings: FixedPointFindings) throws {
    let mismatched = findings.examples.filter {
      $0.mismatch > JacobianTrajectory.largestMismatch
    }
    for one in mismatched {
      warn(
        "this map takes the last latent but one of example \(one.example) to something "
          + "\(significant(one.mismatch, 2)) away (relative) from the last: the run was edited, or is "
          + "not of this model and input")
    }
    if !findings.isComplete {
      let cause = findings.failure == nil ? "interrupted" : "ended by an error"
      warn("\(cause): what was done by then was written")
    }
    if let error = findings.failure {
      let cause = explainedProbe(error)
      throw CommandError(
        cause?.message ?? "\(error)", status: cause?.status ?? .checkFailed, remedy: cause?.remedy)
    }
    guard strict else { return }
    if !findings.allConverged {
      throw CommandError("not all searches converged (--strict)", status: .checkFailed)
    }
    if !mismatched.isEmpty {
      throw CommandError("a check failed (--strict)", status: .checkFailed)
    }
  }
}

/// The solvers as options name them.
enum SolverName: String, ExpressibleByArgument, CaseIterable {
  case newtonKrylov = "newton-krylov"
  case anderson, plain, minimize

  var solver: any FixedPointSolver {
    switch self {
    case .newtonKrylov: NewtonKrylov()
    case .anderson: AndersonMixing()
    case .plain: PlainIteration()
    case .minimize: SpeedMinimization()
    }
  }
}
