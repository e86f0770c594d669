import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// Of what the Jacobian is taken: where along the run, and of which part of the state.
struct JacobianScope: ParsableArguments {
  enum Place: String, ExpressibleByArgument, CaseIterable {
    case iterations
    case fixedPoint = "fixed-point"
  }

  @Option(
    help: ArgumentHelp(
      "Where: at the recorded iterations, or at the fixed point where the last of them ends up.",
      valueName: "place"))
  var at = Place.iterations

  @Option(help: ArgumentHelp("Only the block of one position.", valueName: "p"))
  var position: Int?

  @Option(
    help: ArgumentHelp(
      "Only a subspace: pca:k for the k leading principal components of the examples' latents, or "
        + "rows from a file: FILE.npz:NAME, FILE.safetensors:NAME or FILE.h5:ANALYSIS/GROUP/NAME.",
      valueName: "basis"))
  var subspace: String?

  /// Beyond this a latent counts as one that does not come to rest.
  static let mostIterations = 10_000
  /// Of a step relative to the latent: well above rounding, far below what 32-bit runs can show.
  static let tolerance = 1e-10

  func validate() throws {
    if position != nil && subspace != nil {
      throw ValidationError("--position and --subspace contradict each other")
    }
    if let position, position < 0 {
      throw ValidationError("--position is \(position), expected 0 or more")
    }
  }

  var place: JacobianProbe.Place {
    at == .iterations
      ? .recorded : .rest(tolerance: Self.tolerance, maximumIterations: Self.mostIterations)
  }

  func part(of run: TracedRun, examples: [Int]) throws -> StatePart {
    if let position { return .position(position) }
    guard let subspace else { return .whole }
    if subspace.hasPrefix("pca:") {
      guard let count = Int(subspace.dropFirst(4)), count >= 1 else {
        throw CommandError(
          "--subspace \(subspace): expected a number of components, such as pca:8", status: .usage)
      }
      return try .principalComponents(
        count, of: run, iterations: run.latentIterations, examples: examples)
    }
    let (file, name) = try basisName(subspace)
    let rows: Tensor<Double>
    if file.hasSuffix(".safetensors") {
      rows = try Safetensors(contentsOf: URL(fileURLWithPath: file)).tensor(name)
    } else if file.hasSuffix(".npz") {
      rows = try NumpyArchive(contentsOf: URL(fileURLWithPath: file)).tensor(name)
    } else {
      let parts = name.split(separator: "/").map(String.init)
      guard parts.count == 3 else {
        throw CommandError(
          "--subspace \(subspace): '\(name)' names no array of a companion file", status: .usage,
          remedy: "expected FILE.h5:ANALYSIS/GROUP/NAME")
      }
      switch try CompanionFile(at: URL(fileURLWithPath: file))
        .array(parts[0], parts[1], parts[2])
      {
      case .float32(let tensor): rows = tensor.converted()
      case .float64(let tensor): rows = tensor
      case .integers(let array): rows = Tensor(array.shape, array.elements.map { Double($0) })
      }
    }
    let size = run.input.positions * run.model.configuration.width
    guard rows.count > 0, rows.count % size == 0 else {
      throw CommandError(
        "--subspace \(subspace): an array of shape \(rows.shape) is not made of vectors of the "
          + "state's \(run.input.positions) × \(run.model.configuration.width) numbers",
        status: .usage)
    }
    return try .span(of: rows.reshaped([rows.count / size, size]))
  }

  private func basisName(_ text: String) throws -> (file: String, name: String) {
    for ending in [".npz:", ".safetensors:", ".h5:"] {
      if let range = text.range(of: ending), range.upperBound < text.endIndex {
        return (String(text[..<range.upperBound].dropLast()), String(text[range.upperBound...]))
      }
    }
    throw CommandError(
      "--subspace \(text) is neither pca:k nor a file's array", status: .usage,
      remedy:
        "expected pca:8, basis.npz:NAME, basis.safetensors:NAME or x.probe.h5:ANALYSIS/GROUP/NAME")
  }
}

/// What is looked at besides the eigenvalues.
struct JacobianExtras: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The k leading singular values, and what they tell: norm, non-normality, effective rank, trace.",
      valueName: "k"))
  var singular: Int?

  @Option(
    help: ArgumentHelp(
      "Explain n modes of each kind (unstable, slow, fastest) at the last iteration: the positions "
        + "they live on, the logits they move, the facts they go along with.", valueName: "n"))
  var modes: Int?

  @Option(
    help: ArgumentHelp(
      "The k leading finite-time Lyapunov exponents over all iterations from the first to the last.",
      valueName: "k"))
  var lyapunov: Int?

  @Flag(
    help: ArgumentHelp(
      "How much latent and logits depend on the input at each position, from iteration 0 to the "
        + "last, of the first example."))
  var sensitivity = false

  func validate() throws {
    for (name, value) in [("singular", singular), ("modes", modes), ("lyapunov", lyapunov)] {
      if let value, value < 1 {
        throw ValidationError("--\(name) is \(value), expected 1 or more")
      }
    }
  }

  /// The names of the charts that will be drawn.
  var charts: [String] {
    (singular != nil ? ["singular"] : []) + (modes != nil ? ["modes"] : [])
      + (lyapunov != nil ? ["lyapunov"] : [])
      + (sensitivity ? ["wave", "sensitivity", "sensitivity-logits"] : [])
  }
}
