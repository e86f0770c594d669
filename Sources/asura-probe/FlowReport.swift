import Asura
import AsuraCommandLine
import Foundation

/// A flow study as the command prints it: a table with a reading, or JSON.
struct FlowReport: Encodable {
  struct Fit: Encodable {
    let slope: Double
    let slopeError: Double
    let residual: Double

    init?(_ fit: LineFit?) {
      guard let fit else { return nil }
      (slope, slopeError, residual) = (fit.slope, fit.slopeError, fit.residual)
    }
  }
  struct Decay: Encodable {
    let law: String
    let factor: Double
    let factorError: Double
    let power: Double
    let powerError: Double
    /// Root mean square distances from the two laws, in logarithms.
    let geometricResidual: Double
    let powerResidual: Double
    let iterations: [Int]
  }
  struct Verdict: Encodable {
    let kind: String
    let comesToRest: Bool
    let finalStep: Double
    let speedVariation: Double
    let turnVariation: Double
    let largestShare: Double
    let meanCosine: Double
    let period: Int?
  }
  struct Refined: Encodable {
    let differences: [Double]
    let orders: [Double]
    let order: Double
    let orderError: Double
    let fit: Fit?
    let deviation: Double
    let deviations: [Double]
    let limitLength: Double
    let limitError: Double
  }
  struct Modes: Encodable {
    let eigenvalues: [[Double]]
    let rank: Int
    let pairs: Int
    let residual: Double
    let iterations: [Int]
  }
  struct Path: Encodable {
    let example: Int
    let length: Double
    let displacement: Double
    let extent: Double
    let straightness: Double
    let steps: [Double]
    let cosines: [Double]
    let rounding: Double
    let varianceShares: [Double]
    let restAfter: Int?
    let decay: Decay?
    let laterDecay: Decay?
    let refinement: Refined?
    let modes: Modes?
    let jacobianEigenvalues: [[Double]]?
    let verdict: Verdict
  }
  struct Depth: Encodable {
    let iterations: Int
    let name: String
    let largestStep: Double
    let meanStep: Double
    let measured: Int
  }
  let trace: String
  let traceStatus: String
  let positions: Int
  let width: Int
  let examples: [Int]
  let examplesInTrace: Int
  let iterations: [Int]
  let isComplete: Bool
  let paths: [Path]
  let varianceShares: [Double]
  let refinementFactors: [Int]?
  let depths: [Depth]?
  let largestStepFit: Fit?
  let meanStepFit: Fit?
  let mismatch: Double?
  let reading: [String]
  let files: [String]

  init(_ study: FlowStudy, trace: String, latents: RecordedLatents, files: [String]) {
    self.trace = trace
    self.files = files
    traceStatus = latents.reader.status.rawValue
    (positions, width) = (study.positions, study.width)
    (examples, examplesInTrace) = (study.examples, latents.examples)
    iterations = study.iterations
    isComplete = study.isComplete
    varianceShares = study.shares
    refinementFactors = study.refinement?.factors
    depths = study.depths?.depths.map {
      Depth(
        iterations: $0.iterations, name: $0.name, largestStep: $0.largestStep,
        meanStep: $0.meanStep, measured: $0.measured)
    }
    largestStepFit = Fit(study.depths?.largest)
    meanStepFit = Fit(study.depths?.mean)
    mismatch = study.mismatch?.value
    reading = study.reading
    paths = study.systems.map(Path.init)
  }
}

// MARK: - From the study

extension FlowReport.Path {
  init(_ system: FlowStudy.System) {
    let path = system.path
    example = system.example
    (length, displacement, extent) = (path.length, path.displacement, path.extent)
    straightness = path.straightness
    (steps, cosines) = (path.steps, path.cosines)
    rounding = system.floor
    varianceShares = system.shares
    restAfter = system.rest?.after
    decay = system.decay.map(FlowReport.Decay.init)
    laterDecay = system.laterDecay.map(FlowReport.Decay.init)
    refinement = system.refinement.map(FlowReport.Refined.init)
    modes = system.modes.map { modes in
      FlowReport.Modes(
        eigenvalues: modes.eigenvalues.map { [$0.real, $0.imaginary] }, rank: modes.rank,
        pairs: modes.pairs, residual: modes.residual,
        iterations: system.modeIterations.map { [$0.lowerBound, $0.upperBound] } ?? [])
    }
    jacobianEigenvalues = system.spectrum.map { _ in
      system.eigenvalues.map { [$0.real, $0.imaginary] }
    }
    verdict = FlowReport.Verdict(system.verdict)
  }
}

extension FlowReport.Decay {
  init(_ decay: StepDecay) {
    law = decay.law.rawValue
    (factor, factorError) = (decay.factor, decay.factorError)
    (power, powerError) = (decay.power.slope, decay.power.slopeError)
    (geometricResidual, powerResidual) = (decay.geometric.residual, decay.power.residual)
    iterations = [decay.iterations.lowerBound, decay.iterations.upperBound]
  }
}

extension FlowReport.Verdict {
  init(_ verdict: FlowVerdict) {
    kind = verdict.kind.rawValue
    comesToRest = verdict.comesToRest
    finalStep = verdict.finalStep
    (speedVariation, turnVariation) = (verdict.speedVariation, verdict.turnVariation)
    (largestShare, meanCosine) = (verdict.largestShare, verdict.meanCosine)
    period = verdict.period
  }
}

extension FlowReport.Refined {
  init(_ result: Refinement.System) {
    (differences, orders) = (result.differences, result.orders)
    (order, orderError) = (result.order, result.orderError)
    fit = FlowReport.Fit(result.fit)
    (deviation, deviations) = (result.deviation, result.deviations)
    (limitLength, limitError) = (result.limitLength, result.limitError)
  }
}
