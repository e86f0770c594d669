internal import AsuraTensor

/// Follows the paths of a recorded run, an iteration at a time: their geometry, their coordinates, and how well the
/// model's map explains each step.
struct FlowTrack {
  private let latents: RecordedLatents
  private let examples: [Int]
  private let first: Int
  private var recorder: PathRecorder
  private var basis: PathCoordinates?
  /// `[state][row]`
  private var coordinates: [[[Double]]] = []
  /// The first and the last states, `[example, dimension]`.
  private(set) var start = Tensor<Double>.zeros([0, 0])
  private(set) var last = Tensor<Double>.zeros([0, 0])
  private(set) var mismatch: FlowStudy.Mismatch?

  /// How many states were taken in.
  var count: Int { coordinates.count }

  init(_ latents: RecordedLatents, _ examples: [Int], first: Int) {
    self.latents = latents
    self.examples = examples
    self.first = first
    recorder = PathRecorder(first: first)
  }

  /// Takes in the states of the next iteration.
  mutating func append(_ states: Tensor<Double>, _ maps: FlowMaps?) throws {
    var basis = basis ?? PathCoordinates(origin: states[0])
    if count == 0 {
      start = states
    } else if let maps {
      let map = try maps.map(first + count)
      compare(states, to: try map(last))
    }
    recorder.append(states)
    coordinates.append(examples.indices.map { basis.append(states[$0]) })
    self.basis = basis
    last = states
  }

  private mutating func compare(_ states: Tensor<Double>, to expected: Tensor<Double>) {
    for (row, distance) in states.rowDistances(to: expected).enumerated() {
      let value = distance > 0 ? distance / states[row].norm : 0
      if value >= mismatch?.value ?? -1 {
        mismatch = .init(iteration: first + count, example: examples[row], value: value)
      }
    }
  }

  /// What is made of the paths, with the components common to all.
  ///
  /// - Parameters:
  ///   - rests: where rows come to rest.
  ///   - spectrum: the Jacobian's for a row and its modes.
  func systems(
    components: Int, rank: Int?, refinement: Refinement?,
    rests: [Int: (state: Tensor<Double>, after: Int)],
    spectrum: (_ row: Int, DynamicModes?) throws -> JacobianSpectrum?
  ) throws -> (all: [FlowStudy.System], shares: [Double]) {
    guard let basis else { return ([], []) }
    let width = max(1, basis.count)
    let states = examples.indices.map { row in
      PathCoordinates.matrix(coordinates.map { $0[row] }, width: width)
    }
    let common = try PrincipalComponents(of: .concatenating(states), count: components)
    let paths = recorder.paths
    let all = try examples.indices.map { row in
      let path = paths[row]
      let floor = latents.rounding * (path.norms.max() ?? 0)
      let steps = Self.modeSteps(path.movingSteps(above: floor))
      let modes = try DynamicModes(
        ofPath: states[row], steps: steps,
        rule: rank.map { .fixed($0) } ?? DynamicModes.defaultRule)
      return FlowStudy.System(
        example: examples[row], path: path, floor: floor, decay: StepDecay(path, floor: floor),
        laterDecay: StepDecay(path, floor: floor, laterHalf: true),
        scores: common.scores.slice(row * count..<(row + 1) * count),
        rest: rests[row].map { rest in
          let place = PathCoordinates.matrix([basis.project(rest.state).coordinates], width: width)
          return (common.project(place[0]), rest.after)
        },
        shares: try PrincipalComponents(of: states[row], count: components).shares, modes: modes,
        modeIterations: modes.map { _ in first + steps.lowerBound + 1...first + steps.upperBound },
        spectrum: try spectrum(row, modes), refinement: refinement?.systems[row],
        verdict: FlowVerdict(
          path, states: states[row], floor: floor, refinement: refinement?.systems[row]))
    }
    return (all, common.shares)
  }

  /// The later half of the steps that are more than rounding, where the map is most nearly linear; all of them when
  /// they are few.
  private static func modeSteps(_ moving: Int) -> Range<Int> {
    moving >= 8 ? moving / 2..<moving : 0..<moving
  }
}
