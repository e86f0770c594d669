import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct JacobianCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jacobian",
    abstract: "What one iteration, linearised at each recorded latent, does to small disturbances.",
    discussion: """
      One iteration takes the latent z to F(z). Its Jacobian at z_t, over the whole state of one \
      example (positions × width), tells what the iteration after t does to a small disturbance of \
      z_t: along an eigenvector it is multiplied by the eigenvalue. The largest modulus is the \
      spectral radius. Where the latent is at rest, a radius below 1 means that small disturbances \
      die out in the end; elsewhere the next iteration has another Jacobian, and the radius is \
      only about this one.

      States of up to \(JacobianProbe.largestAutomaticDense) numbers get all their eigenvalues, \
      larger ones the \(JacobianProbe.automaticCount) of largest modulus, found from \
      Jacobian-vector products without ever making the matrix. --all and --top choose otherwise. \
      Under a causal mask all eigenvalues are those of each position's own block, exactly, and \
      quick to have. All is computed in 64 bits, whatever the model was trained in.

        asura-probe jacobian addition.h5 --iter 1...50
        asura-probe jacobian addition.h5 --iter last --example all --top 5
        asura-probe jacobian addition.h5 --iter last --at fixed-point --modes 2
        asura-probe jacobian addition.h5 --iter 0...50 --example all --lyapunov 3
        asura-probe jacobian addition.h5 --iter 0...20 --singular 5 --sensitivity

      The columns of the table:
        t         the iteration whose latent F is linearised at
        radius    the spectral radius
        outside   eigenvalues outside the unit circle (≥ where there may be more)
        residual  how far eigenvalues are from true ones: with --top the largest
                  ‖Jv − λv‖/|λ|, else how far Σλ and Σλ² are from the traces of J
                  and J², relative to J's norm
        step      ‖F(z) − z‖/‖F(z)‖, how far the latent is from rest

      Tables of --singular: norm, the largest singular value, the most that one iteration \
      stretches a disturbance; norm/radius, 1 for a normal Jacobian; abscissa, the largest \
      eigenvalue of (J + Jᵀ)/2; and where the matrix was made Henrici's departure from normality, \
      the effective rank and the trace, beside the trace estimated from random probes. The article \
      Jacobian in the documentation says what each number means and what it cannot tell.
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @Option(
    help: ArgumentHelp("Iterations, such as 1...50, 0...50:5 or last.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Option(
    help: ArgumentHelp("Examples: 0, 0,3, 0...7 or all. (default: 0)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.first

  @OptionGroup var scope: JacobianScope
  @OptionGroup var extras: JacobianExtras

  @Option(help: ArgumentHelp("Only the k eigenvalues of largest modulus.", valueName: "k"))
  var top: Int?

  @Flag(help: "All eigenvalues, however large the state.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "With --top: the relative error wished for; 0 is the machine's precision.",
      valueName: "error"))
  var tolerance = 0.0

  @Option(
    help: ArgumentHelp(
      "The model, for a trace without weights: a run's folder or a model.safetensors.",
      valueName: "path"))
  var model: String?

  @Flag(
    help:
      "Exit with 4 when a check fails: not converged, not at rest, or the trace is not of this map."
  )
  var strict = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    if top != nil && all { throw ValidationError("--top and --all contradict each other") }
    if let top, top < 1 { throw ValidationError("--top is \(top), expected 1 or more") }
    guard tolerance >= 0, tolerance < 1 else {
      throw ValidationError("--tolerance is \(tolerance), expected a number from 0 to below 1")
    }
  }

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let reader = try openTrace(trace)
    let subject = try TracedRun(reader, model: model.map { URL(fileURLWithPath: $0) })
    let iterations = try iterations(of: subject)
    let examples = try example.resolve(count: subject.examples)
    let outputs = try results.outputs(
      of: "jacobian", trace: url, charts: ["radius", "eigenvalues"] + extras.charts)

    // At rest every iteration ends in the same place: only the last is followed.
    let places = scope.at == .fixedPoint ? Array(iterations.suffix(1)) : iterations
    var probe = JacobianProbe(
      extent: all ? .all : top.map { .leading($0) } ?? .automatic, tolerance: tolerance,
      seed: seed.seed ?? 0)
    probe.place = scope.place
    probe.part = try scope.part(of: subject, examples: examples)
    probe.singularValues = extras.singular ?? 0
    probe.modes = extras.modes ?? 0
    let progress = reporting.progress(
      "jacobian", total: places.count * examples.count, unit: "spectrum")
    Interrupt.install()
    let trajectory = try Workers.$current.withValue(threads.workers) { [probe] in
      try probe.run(
        on: subject, iterations: places, examples: examples,
        isCancelled: { Interrupt.isRequested },
        progress: { entry in
          progress.advance(
            by: 1, "t=\(entry.iteration) radius \(significant(entry.spectrum.spectralRadius))")
        })
    }
    progress.finish()
    let more = try Workers.$current.withValue(threads.workers) {
      try JacobianMore(
        extras, on: subject, iterations: iterations, examples: examples, seed: seed.seed ?? 0,
        reporting: reporting)
    }
    let isCut = trajectory.iterations.count < places.count || more.isCut
    guard !trajectory.iterations.isEmpty else {
      throw CommandError("interrupted before the first iteration was done: nothing was written")
    }
    let charts = JacobianCharts(trajectory, subject: url.lastPathComponent)
    let others = JacobianExtraCharts(subject: url.lastPathComponent)
    var analysis = trajectory.analysis()
    analysis.data += more.data
    let (growth, sensitivity) = (more.growth, more.sensitivity)
    let files = try outputs.write(
      analysis, trace: url.lastPathComponent, isCut: isCut,
      charts: [
        "radius": { charts.radius.svg }, "eigenvalues": { charts.plane.svg },
        "singular": { others.singular(trajectory).svg },
        "modes": { others.modes(trajectory).svg },
        "lyapunov": { growth.map { others.lyapunov($0).svg } },
        "wave": { sensitivity.map { others.wave($0).svg } },
        "sensitivity": {
          sensitivity.map { others.influence($0, $0.latent, of: "the latent").svg }
        },
        "sensitivity-logits": {
          sensitivity.map { others.influence($0, $0.logits, of: "logits").svg }
        },
      ])
    var report = JacobianReport(
      trajectory, trace: trace, run: subject, requested: places, files: files)
    report.lyapunov = growth.map { LyapunovSection($0) }
    report.sensitivity = sensitivity.map { SensitivitySection($0) }
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    try check(trajectory, isCut: isCut, of: places)
    if let failure = trajectory.failure {
      let cause = explainedProbe(failure.error)
      throw CommandError(
        "at iteration \(failure.iteration), example \(failure.example): "
          + (cause?.message ?? "\(failure.error)"),
        status: .checkFailed, remedy: cause?.remedy)
    }
  }

  private func iterations(of subject: TracedRun) throws -> [Int] {
    let chosen = try iter.resolve(
      available: subject.latentIterations,
      reason: "latents exist from t = 0, the initial one")
    let usable = chosen.filter { subject.hasStep(at: $0) }
    // Asked for by default, the end of an unshared model is left out; asked for by name, it is an error.
    return iter == .all(from: 0) && !usable.isEmpty ? usable : chosen
  }

  /// Warns of what a reader of the numbers must know.
  private func check(
    _ trajectory: JacobianTrajectory, isCut: Bool, of requested: [Int]
  ) throws {
    if isCut {
      warn(
        "\(trajectory.failure == nil ? "interrupted" : "ended by an error"): "
          + "\(trajectory.iterations.count) of \(requested.count) iterations were done and written")
    }
    var failures: [String] = []
    if let worst = trajectory.mismatched {
      failures.append(
        "this map takes z_\(worst.iteration) of example \(worst.example) to something "
          + "\(significant(worst.mismatch, 2)) away (relative) from the recorded z_\(worst.iteration + 1): "
          + "the run was edited, or is not of this model and input")
    }
    if !trajectory.converged { failures.append("not all eigenvalues sought were found") }
    if trajectory.entries.contains(where: { $0.shape?.converged == false }) {
      failures.append("not all singular values sought were found")
    }
    let moving = trajectory.entries.count { $0.rest?.isSettled == false }
    if moving > 0 {
      failures.append(
        "\(moving) of \(trajectory.entries.count) latents did not come to rest within "
          + "\(JacobianScope.mostIterations) more iterations")
    }
    failures.forEach(warn)
    if strict, !failures.isEmpty {
      throw CommandError("a check failed (--strict)", status: .checkFailed)
    }
  }
}
