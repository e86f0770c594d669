import Asura
import AsuraCommandLine
import Foundation

/// A trajectory's spectra as the command prints them: a table with a reading, or JSON.
struct JacobianReport: Encodable {
  struct Spectrum: Encodable {
    let iteration: Int
    let example: Int
    let spectralRadius: Double
    let outsideUnitCircle: Int
    let outsideIsLowerBound: Bool
    /// `[real, imaginary]`, largest modulus first.
    let eigenvalues: [[Double]]
    let residual: Double
    let converged: Bool
    let relativeStep: Double
    let mismatch: Double?
    let applications: Int
    let seconds: Double
    /// How many more iterations it took to come to rest, and whether it did, with --at fixed-point.
    let iterationsToRest: Int?
    let isSettled: Bool?
  }
  let trace: String
  let traceStatus: String
  let method: String
  let top: Int?
  let part: String
  let positions: Int
  let width: Int
  let dimension: Int
  let precision = "float64"
  let examples: [Int]
  let examplesInTrace: Int
  let iterations: [Int]
  let isComplete: Bool
  let spectra: [Spectrum]
  /// The mean radius over the examples, by iteration.
  let meanRadius: [Double]
  var singular: ShapeSection?
  var modes: ModeSection?
  var lyapunov: LyapunovSection?
  var sensitivity: SensitivitySection?
  let reading: [String]
  let files: [String]

  init(
    _ trajectory: JacobianTrajectory, trace: String, run: TracedRun, requested: [Int],
    files: [String]
  ) {
    self.trace = trace
    self.files = files
    traceStatus = run.reader.status.rawValue
    switch trajectory.method {
    case .dense: (method, top) = ("dense", nil)
    case .leading(let count): (method, top) = ("leading", count)
    case .blocks: (method, top) = ("blocks", nil)
    }
    switch trajectory.part {
    case .whole: part = "whole"
    case .position(let position): part = "position \(position)"
    case .subspace: part = "a subspace of \(trajectory.dimension) dimensions"
    }
    meanRadius = trajectory.iterations.map { t in
      trajectory.mean(at: t, of: \.spectrum.spectralRadius)
    }
    (singular, modes) = (ShapeSection(trajectory), ModeSection(trajectory))
    positions = trajectory.positions
    width = trajectory.width
    dimension = trajectory.dimension
    examples = trajectory.examples
    examplesInTrace = run.examples
    iterations = trajectory.iterations
    isComplete = trajectory.iterations == requested
    reading = trajectory.reading
    spectra = trajectory.entries.map { entry in
      let spectrum = entry.spectrum
      return Spectrum(
        iteration: entry.iteration, example: entry.example,
        spectralRadius: spectrum.spectralRadius, outsideUnitCircle: spectrum.outsideUnitCircle,
        outsideIsLowerBound: spectrum.mayHaveMoreOutside,
        eigenvalues: spectrum.eigenvalues.map { [$0.real, $0.imaginary] },
        residual: spectrum.residual, converged: spectrum.converged,
        relativeStep: entry.relativeStep,
        mismatch: entry.mismatch.isNaN ? nil : entry.mismatch,
        applications: spectrum.applications, seconds: spectrum.seconds,
        iterationsToRest: entry.rest?.iterations, isSettled: entry.rest?.isSettled)
    }
  }

  /// Prints the table and the reading.
  func show() {
    let what =
      (top.map { "the \($0) eigenvalues of largest modulus" } ?? "all \(dimension) eigenvalues")
      + (part == "whole" ? "" : " of \(part)")
    let whose =
      examples.count == 1 ? "example \(examples[0])" : "\(examples.count) examples"
    print(
      "\(trace): \(whose) of \(examplesInTrace), \(positions) positions × width \(width), \(what)")
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print()
    print(examples.count == 1 ? tableOfOne : tableOfMany)
    singular?.show()
    modes?.show()
    lyapunov?.show()
    sensitivity?.show()
    print()
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var tableOfOne: TextTable {
    var table = TextTable([
      ("t", .right), ("radius", .right), ("outside", .right), ("leading eigenvalue", .right),
      ("residual", .right), ("step", .right), ("", .left),
    ])
    for one in spectra {
      table.append([
        "\(one.iteration)", decimal(one.spectralRadius), outside([one]), leading(one),
        significant(one.residual, 2), significant(one.relativeStep, 2),
        one.converged ? rest(one) : "not converged",
      ])
    }
    return table
  }

  private var tableOfMany: TextTable {
    var table = TextTable([
      ("t", .right), ("radius: mean", .right), ("median", .right), ("lowest", .right),
      ("highest", .right),
      ("most outside", .right), ("worst residual", .right), ("largest step", .right), ("", .left),
    ])
    for (row, iteration) in iterations.enumerated() {
      let ones = spectra.filter { $0.iteration == iteration }
      let radii = ones.map(\.spectralRadius).sorted()
      let unfinished = ones.count { !$0.converged }
      table.append([
        "\(iteration)", decimal(meanRadius[row]), decimal(radii[radii.count / 2]),
        decimal(radii[0]), decimal(radii[radii.count - 1]), outside(ones),
        significant(ones.map(\.residual).max() ?? .nan, 2),
        significant(ones.map(\.relativeStep).max() ?? .nan, 2),
        unfinished == 0 ? "" : "\(unfinished) not converged",
      ])
    }
    return table
  }

  private func rest(_ one: Spectrum) -> String {
    guard let count = one.iterationsToRest else { return "" }
    return one.isSettled == true
      ? "at rest after \(count) more" : "not at rest after \(count) more"
  }

  private func outside(_ ones: [Spectrum]) -> String {
    let isBound = ones.contains(where: \.outsideIsLowerBound)
    return (isBound ? "≥" : "") + "\(ones.map(\.outsideUnitCircle).max() ?? 0)"
  }

  private func leading(_ one: Spectrum) -> String {
    one.eigenvalues.first.map(complex) ?? "–"
  }
}
