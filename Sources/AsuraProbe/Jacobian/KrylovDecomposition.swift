internal import AsuraTensor
internal import Foundation

/// `A Vᵀ = Vᵀ H + Wᵀ C` with orthonormal rows of V and W: what a block Krylov method knows of an operator A.
struct KrylovDecomposition {
  /// V `[count, size]`.
  private(set) var basis: Tensor<Double>
  /// How many vectors a step adds.
  let block: Int
  /// Whether V spans all there is to be found: nothing leads out of it any more, or it is everything.
  private(set) var isInvariant = false

  private let size: Int
  /// H `[count, count]`: the operator within V.
  private var projection = Tensor<Double>.zeros([0, 0])
  /// W `[block, size]`: the next vectors.
  private var next: Tensor<Double>
  /// C `[block, count]`: how much leads out of V along each of them.
  private var coupling: Tensor<Double>
  private var random: Random

  var count: Int { basis.shape[0] }

  /// - Parameter start: rows `[any, size]` to begin with, filled up at random.
  init(start: Tensor<Double>?, size: Int, block: Int, seed: UInt64) {
    self.size = size
    random = Random(seed: seed, for: "Krylov start vectors")
    let given = start?.shape[0] ?? 0
    // A multiple of eight, since that many vectors go through a model together.
    self.block = min(size, (max(block, given) + 7) / 8 * 8)
    basis = .zeros([0, size])
    coupling = .zeros([self.block, 0])
    next = .zeros([0, size])
    var rows =
      given < self.block ? [Tensor<Double>.normal([self.block - given, size], using: &random)] : []
    if let start { rows.insert(start, at: 0) }
    (next, _) = orthonormal(.concatenating(rows), scale: nil)
  }

  /// Takes W into V and finds the next W.
  mutating func expand(_ apply: (Tensor<Double>) throws -> Tensor<Double>) throws {
    let old = count
    let added = next.shape[0]
    basis = old == 0 ? next : .concatenating([basis, next])
    let images = try apply(next)
    let scale = (0..<added).map { images[$0].norm }.max() ?? 0
    // Classical Gram–Schmidt, twice: as good as once in twice the precision.
    var rest = images
    var inner = rest.matmul(basis, transposed: (.no, .yes))
    rest = rest - inner.matmul(basis)
    let again = rest.matmul(basis, transposed: (.no, .yes))
    rest = rest - again.matmul(basis)
    inner = inner + again
    projection = Tensor([count, count]) { h in
      memset(h, 0, count * count * MemoryLayout<Double>.stride)
      projection.read { before in
        for i in 0..<old { (h + i * count).update(from: before + i * old, count: old) }
      }
      coupling.read { c in
        for i in 0..<added { (h + (old + i) * count).update(from: c + i * old, count: old) }
      }
      inner.read { g in
        for j in 0..<added { for i in 0..<count { h[i * count + old + j] = g[j * count + i] } }
      }
    }
    let width = min(block, size - count)
    guard width == added else {
      // Less room is left than a block takes: the last steps are done with what there is.
      return fill(width: width, rest, scale: scale)
    }
    var factors: Tensor<Double>
    (next, factors) = orthonormal(rest, scale: scale)
    // A row that lay almost within V is mostly rounding, which need not be orthogonal to V. What is taken away
    // from it is rounding to the images, but the rows must be made orthonormal anew.
    if (0..<added).contains(where: { factors[[$0, $0]] < 1e-4 * scale }) {
      cleanNext()
      let (rows, change) = orthonormal(next, scale: nil)
      (next, factors) = (rows, change.matmul(factors))
    }
    coupling = Tensor([width, count]) { c in
      memset(c, 0, width * count * MemoryLayout<Double>.stride)
      factors.read { s in
        for i in 0..<width { (c + i * count + old).update(from: s + i * added, count: added) }
      }
    }
    isInvariant = coupling.norm == 0
  }

  /// Near the whole space: the rest of it, whatever the images say.
  private mutating func fill(width: Int, _ rest: Tensor<Double>, scale: Double) {
    guard width > 0 else {
      isInvariant = true
      coupling = .zeros([1, count])
      return
    }
    let old = count - rest.shape[0]
    next = .normal([width, size], using: &random)
    for _ in 0..<2 {
      cleanNext()
      (next, _) = orthonormal(next, scale: nil)
    }
    let along = next.matmul(rest, transposed: (.no, .yes))
    coupling = Tensor([width, count]) { c in
      memset(c, 0, width * count * MemoryLayout<Double>.stride)
      along.read { a in
        for i in 0..<width {
          (c + i * count + old).update(from: a + i * rest.shape[0], count: rest.shape[0])
        }
      }
    }
  }

  /// Makes the rows of W orthogonal to V, not to each other.
  private mutating func cleanNext() {
    next = next - next.matmul(basis, transposed: (.no, .yes)).matmul(basis)
  }

  /// Keeps what `ritz` chose of V.
  mutating func restart(from ritz: RitzValues) {
    basis = ritz.rotation.matmul(basis)
    projection = ritz.projection
    coupling = coupling.matmul(ritz.rotation, transposed: (.no, .yes))
  }

  /// The eigenvalues of H, at least `kept` of them: the leading ones, no pair split.
  func ritz(keeping kept: Int, order: BlockKrylovSolver.Order) throws -> RitzValues {
    // Symmetric but for rounding, which must not make pairs of equal eigenvalues.
    let operand =
      order == .largestReal ? (projection + projection.transposed).scaled(by: 0.5) : projection
    let schur = try operand.realSchur { values in
      var chosen = Array(repeating: false, count: values.count)
      for index in order.sorted(values).prefix(kept) { chosen[index] = true }
      // Half a pair would take the other half along all the same.
      for i in values.indices where chosen[i] && values[i].imaginary != 0 {
        let other = values[i].imaginary > 0 ? i + 1 : i - 1
        if chosen.indices.contains(other) { chosen[other] = true }
      }
      return chosen
    }
    let p = schur.chosen
    let rotation = schur.q.transposed.slice(0..<p)
    let block = Tensor([p, p]) { out in
      schur.t.read { t in
        for i in 0..<p { (out + i * p).update(from: t + i * count, count: p) }
      }
    }
    let pairs = try block.eigenDecomposition()
    // ‖C Qᵀ y‖ for each eigenvector y of the block.
    let leading = coupling.matmul(rotation, transposed: (.no, .yes))
    let real = pairs.vectors.real.matmul(leading, transposed: (.no, .yes))
    let imaginary = pairs.vectors.imaginary.matmul(leading, transposed: (.no, .yes))
    let estimates = (0..<p).map { i in
      (real[i].dot(real[i]) + imaginary[i].dot(imaginary[i])).squareRoot()
    }
    return RitzValues(
      values: pairs.values, estimates: estimates,
      rounding: Double.ulpOfOne * projection.norm, rotation: rotation, projection: block,
      vectors: pairs.vectors)
  }

  /// Orthonormal rows that span `rows` and are orthogonal to V, with the factors S of `rows = Sᵀ·result`, row = new
  /// vector. Where a row leads nowhere new, beyond the rounding of what it was made from, a random one takes its
  /// place and its factors are zero.
  private mutating func orthonormal(
    _ rows: Tensor<Double>, scale: Double?
  ) -> (rows: Tensor<Double>, factors: Tensor<Double>) {
    let b = rows.shape[0]
    var result = rows
    var factors = Tensor<Double>.zeros([b, b])
    for i in 0..<b {
      var row = rows.slice(i..<i + 1)
      let floor = scale.map { $0 * Double.ulpOfOne } ?? row.norm * 1e-12
      if i > 0 {
        let before = result.slice(0..<i)
        for _ in 0..<2 {
          let share = row.matmul(before, transposed: (.no, .yes))
          row = row - share.matmul(before)
          factors.update { f in for j in 0..<i { f[j * b + i] += share.elements[j] } }
        }
      }
      var length = row.norm
      if length > floor {
        factors.update { $0[i * b + i] = length }
      } else {
        repeat {
          row = .normal([1, size], using: &random)
          for _ in 0..<2 {
            if count > 0 { row = row - row.matmul(basis, transposed: (.no, .yes)).matmul(basis) }
            if i > 0 {
              let before = result.slice(0..<i)
              row = row - row.matmul(before, transposed: (.no, .yes)).matmul(before)
            }
          }
          length = row.norm
        } while length < 1e-8
      }
      let unit = row.scaled(by: 1 / length)
      result.update { out in
        unit.read { (out + i * size).update(from: $0, count: size) }
      }
    }
    return (result, factors)
  }
}

extension BlockKrylovSolver.Order {
  /// The places of the values, the leading one first; conjugates stay neighbours.
  func sorted<S: Scalar>(_ values: [Complex<S>]) -> [Int] {
    switch self {
    case .largestModulus: Complex.leadingFirst(values)
    case .largestReal:
      values.indices.sorted { a, b in
        let (x, y) = (values[a], values[b])
        return (x.real, abs(x.imaginary)) != (y.real, abs(y.imaginary))
          ? (x.real, abs(x.imaginary)) > (y.real, abs(y.imaginary)) : a < b
      }
    }
  }
}

/// What a Krylov decomposition says of the operator's leading eigenvalues.
struct RitzValues {
  let values: [Complex<Double>]
  /// `‖A x − λ x‖` for each, as the decomposition knows it.
  let estimates: [Double]
  /// How far estimates can be believed.
  let rounding: Double
  /// Q: the chosen Schur vectors in terms of V, a row each.
  let rotation: Tensor<Double>
  /// The operator within them.
  let projection: Tensor<Double>
  /// The eigenvectors in terms of `rotation`'s rows.
  let vectors: ComplexRows<Double>

  /// The places of the `count` leading values, and of the other half of a pair.
  func leading(_ count: Int, _ order: BlockKrylovSolver.Order) -> [Int] {
    let sorted = order.sorted(values)
    var chosen = Array(sorted.prefix(count))
    if let last = chosen.last, values[last].imaginary > 0, sorted.count > count {
      chosen.append(sorted[count])
    }
    return chosen
  }

  /// The Ritz pairs at `places` as vectors of the operator's space.
  func groups(_ places: [Int], in basis: Tensor<Double>) -> [RitzGroup<Double>] {
    let upper = places.filter { values[$0].imaginary >= 0 }
    guard !upper.isEmpty else { return [] }
    let size = basis.shape[1]
    func lifted(_ rows: Tensor<Double>) -> Tensor<Double> {
      Tensor.concatenating(upper.map { rows.slice($0..<$0 + 1) })
        .matmul(rotation).matmul(basis)
    }
    let (real, imaginary) = (lifted(vectors.real), lifted(vectors.imaginary))
    return upper.enumerated().map { i, place in
      RitzGroup(
        value: values[place], real: real[i].reshaped([size]),
        imaginary: values[place].imaginary == 0 ? nil : imaginary[i].reshaped([size]))
    }
  }
}
