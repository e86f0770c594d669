internal import AsuraModel
internal import AsuraTensor

/// Takes a logit difference apart, from the readout backwards: at each point of the residual stream it is a functional of
/// the value there, one for each `[example, position]`, and what was passed on the way is a component's share.
struct AttributionWalk {
  typealias Component = DirectAttribution.Component

  /// What one iteration recorded, by site.
  typealias Values = [String: Tensor<Double>]

  private let configuration: ModelConfiguration
  private let parameters: [String: Tensor<Double>]
  private let prefix: String
  private let values: Values
  /// The embedded input, and the latent before the iteration, `[row, width]`.
  private let input: Tensor<Double>
  private let before: Tensor<Double>
  private let step: Double

  /// By component, a number a row.
  private(set) var shares: [Component: [Double]] = [:]
  /// By core block, the functionals of the heads' mixed values, `[row, heads × head width]`.
  private(set) var ofHeads: [Int: Tensor<Double>] = [:]

  /// - Parameters:
  ///   - iteration: which one, for unshared cores.
  ///   - step: Δ of Euler updates.
  init(
    _ model: RecurrentTransformer<Double>, parameters: [String: Tensor<Double>], iteration: Int,
    step: Double, values: Values, input: Tensor<Double>, before: Tensor<Double>
  ) {
    configuration = model.configuration
    self.parameters = parameters
    prefix = model.configuration.shared ? "" : "iterations.\(iteration)."
    (self.values, self.step) = (values, step)
    self.input = Self.rows(input)
    self.before = Self.rows(before)
  }

  /// The functionals of the latent that are logit differences of its readout.
  mutating func readout(_ pairs: [DirectAttribution.Pair]) -> Tensor<Double> {
    let (weight, bias) = (parameter("head.weight"), parameter("head.bias"))
    var u = Tensor<Double>.concatenating(
      pairs.map { weight.slice($0.plus..<$0.plus + 1) - weight.slice($0.minus..<$0.minus + 1) })
    add(pairs.map { bias[place: $0.plus] - bias[place: $0.minus] }, to: .constants)
    let coda = configuration.coda
    if configuration.finalNorm {
      u = pull(
        u, through: "final_norm", at: value(coda > 0 ? "coda.\(coda - 1).resid_post" : "latent"))
    }
    for block in (0..<coda).reversed() {
      u = pull(u, throughBlock: block, isCoda: true)
    }
    return u
  }

  /// The functionals of the latent before the iteration that functionals of the latent after it are.
  mutating func iteration(_ latent: Tensor<Double>) -> Tensor<Double> {
    var (u, carried) = (latent, Tensor<Double>.zeros(latent.shape))
    if configuration.update.kind == .euler {
      carried = u.scaled(by: 1 - step)
      u = u.scaled(by: step)
    }
    if configuration.outerNorm {
      u = pull(
        u, through: "\(prefix)outer_norm", at: value("core.\(configuration.core - 1).resid_post"))
    }
    for block in (0..<configuration.core).reversed() {
      u = pull(u, throughBlock: block, isCoda: false)
    }
    switch configuration.recall {
    case .none: carried.add(u)
    case .add:
      add(Self.dots(u, input), to: .input)
      carried.add(u)
    case .concat:
      let width = configuration.width
      let both = u.matmul(parameter("\(prefix)recall.weight"))
      add(Self.dots(Self.columns(both, 0..<width), input), to: .input)
      add(Self.dots(u, parameter("\(prefix)recall.bias")), to: .constants)
      carried.add(Self.columns(both, width..<2 * width))
    case .gated, .cross: preconditionFailure("refused by AttributionProbe")
    }
    return carried
  }

  /// What the latent before the iteration adds by functionals of it.
  func state(_ functionals: Tensor<Double>) -> [Double] { Self.dots(functionals, before) }

  // MARK: Blocks

  private mutating func pull(
    _ functionals: Tensor<Double>, throughBlock block: Int, isCoda: Bool
  ) -> Tensor<Double> {
    let site = "\(isCoda ? "coda" : "core").\(block)"
    let name = isCoda ? site : prefix + site
    let placement = configuration.norm.placement
    var u = functionals
    let mlp = value("\(site).mlp_out")
    if placement == .post {
      u = pull(u, through: "\(name).mlp_norm", at: value("\(site).resid_mid") + mlp)
    }
    add(Self.dots(u, mlp), to: .mlp(coda: isCoda, block: block))
    if placement == .post {
      u = pull(
        u, through: "\(name).attn_norm",
        at: value("\(site).resid_pre") + value("\(site).attn_out"))
    }
    let mixed = value("\(site).attn.z")
    let weight = parameter("\(name).attn.out.weight")
    let bias = parameters["\(name).attn.out.bias"]
    var ofOutput = u
    if placement == .sandwich {
      var output = mixed.matmul(weight, transposed: (.no, .yes))
      if let bias { output = Self.adding(bias, to: output) }
      ofOutput = pull(u, through: "\(name).attn_norm_post", at: output)
    }
    if let bias { add(Self.dots(ofOutput, bias), to: .constants) }
    let ofMixed = ofOutput.matmul(weight)
    if !isCoda { ofHeads[block] = ofMixed }
    let size = configuration.headWidth
    for head in 0..<configuration.attention.heads {
      let columns = head * size..<(head + 1) * size
      add(
        Self.dots(Self.columns(ofMixed, columns), Self.columns(mixed, columns)),
        to: .head(coda: isCoda, block: block, head: head))
    }
    return u
  }

  private mutating func pull(
    _ u: Tensor<Double>, through norm: String, at x: Tensor<Double>
  ) -> Tensor<Double> {
    let frozen = FrozenNorm(
      configuration.norm, gain: parameter("\(norm).weight"), bias: parameters["\(norm).bias"])
    let (functionals, constants) = frozen.pullback(u, at: x)
    add(constants, to: .constants)
    return functionals
  }

  private mutating func add(_ values: [Double], to component: Component) {
    if let old = shares[component] {
      shares[component] = zip(old, values).map { $0 + $1 }
    } else {
      shares[component] = values
    }
  }

  // MARK: Parts

  private func parameter(_ name: String) -> Tensor<Double> {
    guard let found = parameters[name] else { preconditionFailure("no parameter \(name)") }
    return found
  }

  private func value(_ site: String) -> Tensor<Double> {
    guard let found = values[site] else { preconditionFailure("no value of \(site)") }
    return Self.rows(found)
  }

  private static func rows(_ x: Tensor<Double>) -> Tensor<Double> {
    x.reshaped([x.rowCount, x.rowLength])
  }

  /// The inner product of each row with the other's, or with the other's only one.
  private static func dots(_ a: Tensor<Double>, _ b: Tensor<Double>) -> [Double] {
    let width = a.shape[1]
    let (rows, step) = (a.shape[0], b.count == width ? 0 : width)
    return read(a, b) { a, b in
      (0..<rows).map { row in
        var sum = 0.0
        for i in 0..<width { sum += a[row * width + i] * b[row * step + i] }
        return sum
      }
    }
  }

  private static func columns(_ x: Tensor<Double>, _ range: Range<Int>) -> Tensor<Double> {
    let (rows, width) = (x.shape[0], x.shape[1])
    return Tensor([rows, range.count]) { out in
      x.read { x in
        for row in 0..<rows {
          (out + row * range.count).update(
            from: x + row * width + range.lowerBound, count: range.count)
        }
      }
    }
  }

  private static func adding(_ bias: Tensor<Double>, to x: Tensor<Double>) -> Tensor<Double> {
    var result = x
    let (rows, width) = (x.shape[0], x.shape[1])
    result.update { y in
      bias.read { b in
        for row in 0..<rows { for i in 0..<width { y[row * width + i] += b[i] } }
      }
    }
    return result
  }
}
