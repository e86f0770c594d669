/// The eigenvalues of a large Hessenberg matrix, by the small-bulge multishift QR algorithm with aggressive early
/// deflation (Braman, Byers & Mathias 2002, parts I and II).
///
/// The steps are LAPACK's (`laqr3` deflates, `laqr5` chases bulges); how many shifts a sweep takes and how large the
/// window of deflation is are chosen here. `hseqr` takes 64 shifts and a window of 96 for anything from 590 to 3,000
/// rows; on today's cores fewer are faster: two to four times at 512 rows, twice at 1,024, a quarter at 2,048.
struct MultishiftQR<S: Scalar> {
  /// Shifts to a sweep, an even number.
  private let shifts: Int
  /// Rows of the window of deflation.
  private let window: Int
  /// A window that finds nothing is doubled up to this.
  private let largestWindow: Int
  private let n: Int

  /// Column-major, as LAPACK has it; nothing but what is above the subdiagonal and on it counts.
  private let h: UnsafeMutablePointer<S>
  private let real: UnsafeMutablePointer<S>
  private let imaginary: UnsafeMutablePointer<S>
  private let scratch: Scratch

  /// A matrix smaller than this is left to `hseqr`, which treats it alike.
  static var smallest: Int { 256 }

  /// - Parameters:
  ///   - h: `[n, n]`, upper Hessenberg; overwritten.
  ///   - real, imaginary: `[n]`, where the eigenvalues go.
  init(
    _ h: UnsafeMutablePointer<S>, _ n: Int, real: UnsafeMutablePointer<S>,
    imaginary: UnsafeMutablePointer<S>
  ) {
    precondition(n >= Self.smallest, "\(n) rows")
    (self.h, self.n, self.real, self.imaginary) = (h, n, real, imaginary)
    shifts = min(64, max(12, n / 64 & ~1))
    window = shifts * 3 / 2
    largestWindow = min((n - 1) / 3, 8 * window)
    scratch = Scratch(n: n, shifts: shifts, window: largestWindow)
  }

  /// Finds the eigenvalues. Returns 0, or how many rows from the top are left when it gives up.
  func run() -> Int32 {
    // Rows are counted from 1 here, as in LAPACK.
    var bottom = n
    var sweepsLeft = 30 * n
    // How many windows in a row have found nothing.
    var idle = 0
    var size = window
    while bottom >= 1 {
      guard sweepsLeft > 0 else { return Int32(bottom) }
      sweepsLeft -= 1
      var top = bottom
      while top > 1, self[top, top - 1] != 0 { top -= 1 }

      size = windowSize(after: size, idle: idle, top, bottom)
      let (left, deflated) = deflate(top, bottom, window: size)
      bottom -= deflated
      idle = deflated > 0 ? 0 : idle + 1
      // Where much was deflated, another window may find more and costs less than a sweep.
      let isWorthAnother = deflated > 0 && (100 * deflated > 14 * size || bottom - top < 75)
      if bottom > top, !isWorthAnother {
        sweep(top, bottom, chooseShifts(top, bottom, left: left, idle: idle))
      }
    }
    return 0
  }

  /// Row and column, from 1.
  private subscript(row: Int, column: Int) -> S { h[row - 1 + (column - 1) * n] }

  private func windowSize(after last: Int, idle: Int, _ top: Int, _ bottom: Int) -> Int {
    let active = bottom - top + 1
    var size = min(active, largestWindow, idle < 5 ? window : 2 * last)
    if size >= active - 1 { return active <= largestWindow ? active : size }
    // Cut where the subdiagonal is smaller.
    let cut = bottom - size + 1
    if size < largestWindow, abs(self[cut, cut - 1]) > abs(self[cut - 1, cut - 2]) { size += 1 }
    return size
  }

  /// Deflates what has converged at the bottom; returns how many eigenvalues of the window are left for shifts, which
  /// stand above those deflated.
  private func deflate(_ top: Int, _ bottom: Int, window: Int) -> (left: Int, deflated: Int) {
    var (left, deflated): (Int32, Int32) = (0, 0)
    S.lapack.laqr3(
      Int32(n), Int32(top), Int32(bottom), Int32(window), h, &left, &deflated, real, imaginary,
      scratch.v.base, scratch.t.base, scratch.rows.base, scratch.work.base,
      Int32(scratch.work.count))
    return (Int(left), Int(deflated))
  }

  // MARK: Shifts

  /// Two shifts, of which each bulge takes a pair: conjugates, or both real.
  private typealias Pair = (first: (re: S, im: S), second: (re: S, im: S))

  private func chooseShifts(_ top: Int, _ bottom: Int, left: Int, idle: Int) -> [Pair] {
    let wanted = max(2, min(shifts, (n - 3) / 6, bottom - top) & ~1)
    // Now and then shifts from the matrix' entries alone break a cycle.
    if idle > 0, idle % 6 == 0 { return exceptionalShifts(bottom, count: wanted) }
    var found = (bottom - left..<bottom).map { (re: real[$0], im: imaginary[$0]) }
    if found.count <= wanted / 2 { found = trailingEigenvalues(bottom, wanted) }
    let pairs = paired(found, at: self[bottom, bottom])
    // The smallest deflate at the bottom soonest; the larger of them go first.
    return pairs.sorted { weight($0) < weight($1) }.prefix(wanted / 2).reversed()
  }

  private func weight(_ pair: Pair) -> S { abs(pair.first.re) + abs(pair.first.im) }

  private func paired(_ values: [(re: S, im: S)], at corner: S) -> [Pair] {
    let conjugates: [Pair] = values.filter { $0.im > 0 }.map { ($0, (re: $0.re, im: -$0.im)) }
    let reals = values.filter { $0.im == 0 }.sorted { abs($0.re) < abs($1.re) }
    if conjugates.isEmpty, reals.count <= 2,
      let nearest = reals.min(by: { abs($0.re - corner) < abs($1.re - corner) })
    {
      return [(nearest, nearest)]
    }
    return conjugates
      + stride(from: 0, to: reals.count - 1, by: 2).map { (reals[$0], reals[$0 + 1]) }
  }

  private func trailingEigenvalues(_ bottom: Int, _ count: Int) -> [(re: S, im: S)] {
    let start = bottom - count
    for column in 0..<count {
      for row in 0..<count {
        scratch.t.base[row + column * count] =
          row > column + 1 ? 0 : self[start + row + 1, start + column + 1]
      }
    }
    let (re, im) = (real.advanced(by: start), imaginary.advanced(by: start))
    var info: Int32 = 0
    S.lapack.lahqr(Int32(count), scratch.t.base, re, im, &info)
    let converged = (start + Int(info)..<bottom).map { (re: real[$0], im: imaginary[$0]) }
    return converged.isEmpty ? [(re: self[bottom, bottom], im: S.zero)] : converged
  }

  /// Conjugate pairs of the size of the last entries, as in LAPACK's `lahqr`: `x = h + 3/4 s`, `y² = 7/16 s²`.
  private func exceptionalShifts(_ bottom: Int, count: Int) -> [Pair] {
    (0..<count / 2).map { pair in
      let row = max(3, bottom - 2 * pair)
      let size = abs(self[row, row - 1]) + abs(self[row - 1, row - 2])
      let (re, im) = (self[row, row] + 0.75 * size, size * S(0.4375).squareRoot())
      return ((re, im), (re, -im))
    }
  }

  private func sweep(_ top: Int, _ bottom: Int, _ pairs: [Pair]) {
    for (i, pair) in pairs.enumerated() {
      (scratch.re.base[2 * i], scratch.im.base[2 * i]) = pair.first
      (scratch.re.base[2 * i + 1], scratch.im.base[2 * i + 1]) = pair.second
    }
    S.lapack.laqr5(
      Int32(n), Int32(top), Int32(bottom), Int32(2 * pairs.count), scratch.re.base,
      scratch.im.base, h, scratch.v.base, scratch.u.base, Int32(scratch.order), scratch.rows.base,
      scratch.columns.base)
  }

  /// Room for LAPACK's steps.
  private struct Scratch {
    /// The most rows a sweep's reflections touch at once, by any version of LAPACK.
    let order: Int
    let re, im, u, v, t, rows, columns, work: Storage<S>

    init(n: Int, shifts: Int, window: Int) {
      order = 3 * shifts
      re = Storage(count: shifts)
      im = Storage(count: shifts)
      u = Storage(count: order * order)
      v = Storage(count: max(3 * shifts, window * window))
      t = Storage(count: max(shifts * shifts, window * window))
      rows = Storage(count: n * max(order, window))
      columns = Storage(count: n * order)
      // `gehrd`'s block of 64 columns and its triangle, for a window, are the most that `laqr3` can put to use.
      work = Storage(count: 80 * window + 80 * 80)
    }
  }
}
