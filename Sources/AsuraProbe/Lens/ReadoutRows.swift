internal import AsuraDiff
internal import AsuraTensor
internal import Foundation

/// A readout's logits with what comparisons of distributions need, row by row.
struct ReadoutRows: Sendable {
  /// `[row, class]`
  let logits: Tensor<Double>
  let probabilities: Tensor<Double>
  /// ln Σ exp(logit) of each row.
  let logNormalizers: [Double]
  /// The first of the likeliest classes of each row.
  let likeliest: [Int]

  var classes: Int { logits.rowLength }
  var count: Int { logNormalizers.count }

  /// - Parameter logits: `[…, class]`.
  init(_ logits: Tensor<Double>) {
    let (rows, classes) = (logits.rowCount, logits.rowLength)
    let logits = logits.reshaped([rows, classes])
    let probabilities = Interpreter<Double>.plain.softmax(Value(logits)).tensor
    var normalizers: [Double] = []
    var likeliest: [Int] = []
    read(logits, probabilities) { x, p in
      for row in 0..<rows {
        let place = row * classes
        var best = 0
        for c in 1..<max(1, classes) where x[place + c] > x[place + best] { best = c }
        likeliest.append(best)
        // The largest probability is at least 1/classes, so its logarithm is safe.
        normalizers.append(x[place + best] - log(p[place + best]))
      }
    }
    (self.logits, self.probabilities) = (logits, probabilities)
    (logNormalizers, self.likeliest) = (normalizers, likeliest)
  }

  /// −Σ p ln p of a row, in nat: ln Z − Σ p·logit.
  func entropy(_ row: Int) -> Double { crossEntropy(row, under: self) }

  /// −Σ p ln q, with p of a row here and q of the same row of `other`.
  private func crossEntropy(_ row: Int, under other: ReadoutRows) -> Double {
    let place = row * classes
    let mean = read(probabilities, other.logits) { p, x in
      var sum = 0.0
      for c in place..<place + classes { sum += p[c] * x[c] }
      return sum
    }
    return max(0, other.logNormalizers[row] - mean)
  }

  /// KL(p ‖ q) in nat, with p of a row here and q of the same row of `other`; never below 0.
  func divergence(_ row: Int, from other: ReadoutRows) -> Double {
    max(0, crossEntropy(row, under: other) - crossEntropy(row, under: self))
  }

  func probability(_ row: Int, of c: Int) -> Double {
    probabilities.read { $0[row * classes + c] }
  }

  /// How many classes are likelier than `c`, the first of equals being likelier: 0 for the likeliest.
  func rank(_ row: Int, of c: Int) -> Int {
    logits.read { x in
      let place = row * classes
      var rank = 0
      for other in 0..<classes {
        let (a, b) = (x[place + other], x[place + c])
        if a > b || a == b && other < c { rank += 1 }
      }
      return rank
    }
  }

  /// The likeliest class of a row but for `c`; nil where there is no other.
  func runnerUp(_ row: Int, besides c: Int) -> Int? {
    logits.read { x in
      let place = row * classes
      var best: Int?
      for other in 0..<classes where other != c {
        if best.map({ x[place + other] > x[place + $0] }) ?? true { best = other }
      }
      return best
    }
  }
}
