import Asura
import AsuraCommandLine
import Foundation

/// A lens study as the command prints it: tables with a reading, or JSON.
struct LensReport: Encodable {
  struct Mean: Encodable {
    let iteration: Int
    let accuracy: Double
    let wholeAccuracy: Double
    let targetProbability: Double
    let targetRank: Double
    let entropy: Double
    let divergence: Double
  }
  /// One example; arrays are `[iteration][position]`, or `[position]`.
  struct Example: Encodable {
    let example: Int
    let targets: [Int]?
    let top: [[Int]]
    let topProbability: [[Double]]
    let entropy: [[Double]]
    let divergence: [[Double]]
    let targetProbability: [[Double]]?
    let targetRank: [[Int]]?
    let settledFrom: [Int]
    let rightFrom: [Int?]
    let flips: [Int]
    let wholeRightFrom: Int?
  }
  struct Estimate: Encodable {
    let value: Double
    let lower: Double
    let upper: Double

    init(_ estimate: TunedLens.Estimate) {
      (value, lower, upper) = (estimate.value, estimate.lower, estimate.upper)
    }
  }
  struct Tuned: Encodable {
    let iterations: [Int]
    let fitted: [Int]
    let validated: [Int]
    let heldOut: [Int]
    let untuned: [Estimate]
    let own: [Estimate]
    let shared: [Estimate]
    let meanUntuned: Estimate
    let meanOwn: Estimate
    let meanShared: Estimate
    let sharedOverOwn: Estimate
    let verdict: String
  }
  struct Attribution: Encodable {
    let iterations: [Int]
    let examples: [Int]
    let components: [String]
    /// Means over the places asked for, `[iteration][component]`.
    let direct: [[Double]]
    let unrolled: [[Double]]
    let unrolledFrom: Int
    let differences: [Double]
    let residual: Double
    let unrolledResidual: Double
    let mismatch: Double
  }
  let trace: String
  let traceStatus: String
  let positions: Int
  let classes: Int
  let outputs: [String]?
  let examples: [Int]
  let examplesInTrace: Int
  let iterations: [Int]
  let isComplete: Bool
  let means: [Mean]
  let answers: [Example]
  let tuned: Tuned?
  let attribution: Attribution?
  let reading: [String]
  let files: [String]

  init(
    _ study: LensStudy, trace: String, run: TracedRun, symbols: TraceSymbols, files: [String]
  ) {
    let readout = study.readout
    self.trace = trace
    self.files = files
    traceStatus = run.reader.status.rawValue
    (positions, classes, outputs) = (readout.positions, readout.classes, symbols.outputs)
    (examples, examplesInTrace) = (readout.examples, run.examples)
    (iterations, isComplete, reading) = (readout.iterations, study.isComplete, study.reading)
    means = readout.means.map {
      Mean(
        iteration: $0.iteration, accuracy: $0.accuracy, wholeAccuracy: $0.wholeAccuracy,
        targetProbability: $0.targetProbability, targetRank: $0.targetRank, entropy: $0.entropy,
        divergence: $0.divergence)
    }
    answers = readout.examples.indices.map { Example(readout, $0) }
    tuned = study.tuned.map { tuned in
      Tuned(
        iterations: tuned.iterations, fitted: tuned.fitted, validated: tuned.validated,
        heldOut: tuned.heldOut, untuned: tuned.untuned.map(Estimate.init),
        own: tuned.own.map(Estimate.init), shared: tuned.shared.map(Estimate.init),
        meanUntuned: Estimate(tuned.means.untuned), meanOwn: Estimate(tuned.means.own),
        meanShared: Estimate(tuned.means.shared), sharedOverOwn: Estimate(tuned.sharedOverOwn),
        verdict: tuned.verdict.rawValue)
    }
    attribution = study.attribution.map { found in
      Attribution(
        iterations: found.iterations, examples: found.examples,
        components: found.components.map(\.description), direct: found.means(found.direct),
        unrolled: found.means(found.unrolled), unrolledFrom: found.unrolledFrom,
        differences: found.meanDifferences, residual: found.residual,
        unrolledResidual: found.unrolledResidual, mismatch: found.mismatch)
    }
  }
}

extension LensReport.Example {
  init(_ readout: ReadoutLens, _ e: Int) {
    let places = 0..<readout.positions
    func rows<R>(_ value: (Int) -> R) -> [[R]] {
      readout.iterations.indices.map { t in places.map { value(readout.place(t, e, $0)) } }
    }
    let hasTargets = readout.targets != nil
    example = readout.examples[e]
    targets = readout.targets.map { all in places.map { Int(all[e * readout.positions + $0]) } }
    top = rows { Int(readout.top[$0]) }
    topProbability = rows { Double(readout.topProbability[place: $0]) }
    entropy = rows { Double(readout.entropy[place: $0]) }
    divergence = rows { Double(readout.divergence[place: $0]) }
    targetProbability = hasTargets ? rows { Double(readout.targetProbability[place: $0]) } : nil
    targetRank = hasTargets ? rows { Int(readout.targetRank[$0]) } : nil
    settledFrom = places.map { readout.settledFrom(e, $0) }
    rightFrom = places.map { readout.rightFrom(e, $0) }
    flips = places.map { readout.flips(e, $0) }
    wholeRightFrom = readout.wholeRightFrom(e)
  }
}
