import AsuraKernels

/// Reduces a matrix to upper Hessenberg form by orthogonal similarity, for its eigenvalues.
///
/// The blocked algorithm of LAPACK's `gehrd` (Quintana-Ortí & van de Geijn 2006), spread over the workers: half of the
/// work is products of the matrix with one vector, which read all of it from memory once a column, and one core cannot
/// read as fast as the memory delivers. Work is dealt out in pieces whose sizes depend on the matrix alone.
///
/// `@unchecked Sendable`: within one step the workers write disjoint rows or columns.
struct HessenbergReduction<S: Scalar>: @unchecked Sendable {
  /// Columns reduced before the rest of the matrix is brought up to date.
  private static var panel: Int { 32 }
  /// At most so many pieces of at least so many columns share a product with a vector.
  private static var pieces: (most: Int, columns: Int) { (8, 128) }

  /// `[n, n]`, column-major.
  private let a: UnsafeMutablePointer<S>
  private let n: Int
  /// The panel's reflections I − τ v vᵀ, a column each, with their zeros; together I − V T Vᵀ.
  private let v: Storage<S>
  /// `[panel, panel]`, row-major, upper triangular.
  private let t: Storage<S>
  /// `A V T`, a column for each of the panel's.
  private let y: Storage<S>
  /// What each piece of columns gives of a product with a vector, `[piece, n]`.
  private let partial: Storage<S>
  private let short = (Storage<S>(count: panel), Storage<S>(count: panel))

  /// - Parameter a: `[n, n]`, column-major; becomes the Hessenberg matrix, zero below its subdiagonal.
  static func run(_ a: UnsafeMutablePointer<S>, _ n: Int) {
    let reduction = HessenbergReduction(a, n)
    for first in stride(from: 0, to: n - 2, by: panel) {
      reduction.reduce(first..<min(first + panel, n - 2))
    }
  }

  private init(_ a: UnsafeMutablePointer<S>, _ n: Int) {
    (self.a, self.n) = (a, n)
    v = Storage(count: Self.panel * n)
    y = Storage(count: Self.panel * n)
    t = Storage(count: Self.panel * Self.panel)
    partial = Storage(count: Self.pieces.most * n)
  }

  private func column(_ c: Int) -> UnsafeMutablePointer<S> { a + c * n }

  private func reduce(_ columns: Range<Int>) {
    let below = columns.lowerBound + 1
    v.base.update(repeating: 0, count: columns.count * n)
    t.base.update(repeating: 0, count: t.count)
    for (j, c) in columns.enumerated() {
      bringUpToDate(c, after: j, below)
      let tau = reflect(c, j)
      multiply(c, j, below, tau)
    }
    // The first rows of A V T, which the panel itself had no use for: (A V) T.
    let count = columns.count
    let width = n - below
    let product = Storage<S>(count: count * below)
    defer { withExtendedLifetime(product) {} }
    S.gemm(
      .no, .no, count, below, width, 1, v.base + below, n, column(below), n, 0, product.base, below)
    S.gemm(
      .yes, .no, count, below, count, 1, t.base, Self.panel, product.base, below, 0, y.base, n)
    update(columns)
  }

  /// Applies the panel's reflections so far to its next column, from the right and from the left.
  private func bringUpToDate(_ c: Int, after j: Int, _ below: Int) {
    guard j > 0 else { return }
    let b = column(c) + below
    let (rows, length) = (v.base + below, n - below)
    let (w, tw) = (short.0.base, short.1.base)
    for i in 0..<j { w[i] = v.base[i * n + c] }
    S.gemv(.no, length, j, -1, y.base + below, n, w, 1, b)
    S.gemv(.yes, length, j, 1, rows, n, b, 0, w)
    for i in 0..<j { tw[i] = (0...i).reduce(0) { $0 + t.base[$1 * Self.panel + i] * w[$1] } }
    S.gemv(.no, length, j, -1, rows, n, tw, 1, b)
  }

  /// The reflection that clears a column below the subdiagonal; returns its τ.
  private func reflect(_ c: Int, _ j: Int) -> S {
    let x = column(c)
    let v = v.base + j * n
    let head = c + 1
    v[head] = 1
    // In units of the largest entry: where squares lose digits or vanish, I − τ v vᵀ would not be orthogonal.
    var unit: S = 0
    for i in head..<n { unit = max(unit, abs(x[i])) }
    guard unit > 0 else { return 0 }
    let alpha = x[head] / unit
    var tail: S = 0
    for i in head + 1..<n {
      v[i] = x[i] / unit
      tail += v[i] * v[i]
      x[i] = 0
    }
    guard tail > 0 else {
      (v + head + 1).update(repeating: 0, count: n - head - 1)
      return 0
    }
    let norm = (alpha * alpha + tail).squareRoot()
    let beta = alpha > 0 ? -norm : norm
    let scale = 1 / (alpha - beta)
    for i in head + 1..<n { v[i] *= scale }
    x[head] = beta * unit
    return (beta - alpha) / beta
  }

  /// The next columns of A V T and of T.
  private func multiply(_ c: Int, _ j: Int, _ below: Int, _ tau: S) {
    let vector = v.base + j * n
    let image = y.base + j * n
    let start = c + 1
    let length = n - below
    // Pieces of whole columns, each read in the order it lies in memory; their products are added up in order.
    let pieces = max(1, min(Self.pieces.most, (n - start) / Self.pieces.columns))
    Workers.current.forEach(pieces) { [self] piece in
      let first = start + (n - start) * piece / pieces
      let end = start + (n - start) * (piece + 1) / pieces
      S.gemv(
        .no, length, end - first, tau, column(first) + below, n, v.base + j * n + first, 0,
        piece == 0 ? y.base + j * n + below : partial.base + piece * n + below)
    }
    for piece in 1..<max(1, pieces) {
      let more = partial.base + piece * n
      asura_axpy(S.kernelType, 1, more + below, image + below, length)
    }
    t.base[j * Self.panel + j] = tau
    guard j > 0 else { return }
    let w = short.0.base
    S.gemv(.yes, n - start, j, tau, v.base + start, n, vector + start, 0, w)
    S.gemv(.no, length, j, -1, y.base + below, n, w, 1, image + below)
    for i in 0..<j {
      t.base[i * Self.panel + j] = -(i..<j).reduce(0) { $0 + t.base[i * Self.panel + $1] * w[$1] }
    }
  }

  /// Applies the panel's reflections to the rest of the matrix: from the right, `A − (A V T) Vᵀ`, then from the left,
  /// `A − V Tᵀ Vᵀ A`.
  private func update(_ columns: Range<Int>) {
    let count = columns.count
    let below = columns.lowerBound + 1
    // What the panel's own columns have above it.
    S.gemm(
      .yes, .no, count - 1, below, count, -1, v.base + below, n, y.base, n, 1, column(below), n)
    let (rest, width) = (columns.upperBound, 128)
    let height = n - below
    Workers.current.forEach((n - rest + width - 1) / width) { [self] piece in
      let first = rest + piece * width
      let part = min(width, n - first)
      S.gemm(
        .yes, .no, part, n, count, -1, v.base + first, n, y.base, n, 1, column(first), n)
      let lower = column(first) + below
      let products = Storage<S>(count: 2 * part * count)
      defer { withExtendedLifetime(products) {} }
      let (w, wt) = (products.base, products.base + part * count)
      S.gemm(.no, .yes, part, count, height, 1, lower, n, v.base + below, n, 0, w, count)
      S.gemm(.no, .no, part, count, count, 1, w, count, t.base, Self.panel, 0, wt, count)
      S.gemm(.no, .no, part, height, count, -1, wt, count, v.base + below, n, 1, lower, n)
    }
  }
}
