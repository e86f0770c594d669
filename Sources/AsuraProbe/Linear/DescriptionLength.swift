internal import AsuraTensor
internal import Foundation

/// How many bits it takes to tell the labels to one who has the values, by online coding (Voita and Titov,
/// "Information-theoretic probing with minimum description length", EMNLP 2020): the labels are sent in portions that
/// double, each coded by a logistic probe fitted to those before it, and as if all classes were as likely where there are
/// fewer than `fewestRows` rows a class before it, as for the first.
///
/// The penalty of each portion is the one that coded the portions before it best, so that choosing it costs nothing.
/// A probability mixes the probe's with a uniform one of weight K / (n + K) for K classes after n rows.
public struct DescriptionLength: Sendable, Equatable {
  public let bits: Double
  /// As if all classes were as likely: `n log₂ K`.
  public let uniformBits: Double
  /// By the classes' shares alone, told beforehand: `n` times their entropy.
  public let shareBits: Double
  public let rows: Int

  /// How many times shorter it is than the uniform code, Voita and Titov's compression.
  public var compression: Double { uniformBits / bits }
  /// How many times shorter it is than the code by shares: above 1 only where the values tell something.
  public var compressionOfShares: Double { shareBits / bits }

  /// The fewest rows that a probe is fitted to, for each class.
  static let fewestRows = 8

  /// - Parameters:
  ///   - rows: in the parts of an online code.
  ///   - labels: the class of each row.
  ///   - penalties: to choose from, as `LogisticRegression` has them.
  init(_ rows: some ProbeRows, labels: [Int32], classes: Int, penalties: [Double]) throws {
    let sorted = penalties.sorted(by: >)
    let parts = rows.plan.parts
    let moments = try Moments.parts(of: rows, columns: 0) { _, _ in }
    var sum = moments[0]
    let uniform = log2(Double(classes))
    var bits = uniform * Double(parts[0].count)
    // What each penalty's codes took so far, from the second portion on.
    var spent = [Double](repeating: 0, count: sorted.count)
    var starts = [[Double]?](repeating: nil, count: sorted.count)
    for part in parts.indices.dropFirst() {
      guard sum.count >= Double(Self.fewestRows * classes) else {
        bits += uniform * Double(parts[part].count)
        sum.add(moments[part])
        continue
      }
      let values = Standardized(sum)
      let past = parts.indices.map { $0 < part }
      var start: [Double]?
      let chosen = spent.indices.min { spent[$0] < spent[$1] } ?? 0
      for (i, penalty) in sorted.enumerated() {
        var regression = LogisticRegression(classes: classes, penalty: penalty)
        // Rough fits: a code differs from the best one's by the square of that.
        regression.solver.tolerance = 1e-4
        let fit = try regression.fit(
          rows, parts: past, labels: labels, values: values, from: starts[i] ?? start)
        (starts[i], start) = (fit.parameters, fit.parameters)
        let length = try Self.bits(
          of: part, rows, labels, regression.map(fit, values), classes: classes, after: sum.count)
        if i == chosen { bits += length }
        spent[i] += length
      }
      sum.add(moments[part])
    }
    self.bits = bits
    self.rows = labels.count
    uniformBits = uniform * Double(labels.count)
    var counts = [Double](repeating: 0, count: classes)
    for label in labels { counts[Int(label)] += 1 }
    shareBits = counts.reduce(0) { $0 - ($1 > 0 ? $1 * log2($1 / Double(labels.count)) : 0) }
  }

  private static func bits(
    of part: Int, _ rows: some ProbeRows, _ labels: [Int32], _ map: LinearMap, classes: Int,
    after count: Double
  ) throws -> Double {
    var scores = [Double](repeating: 0, count: blockRows * classes)
    let share = Double(classes) / (count + Double(classes))
    var total = 0.0
    try rows.forEachBlock(of: rows.plan.parts.indices.map { $0 == part }) { block in
      scores.withUnsafeMutableBufferPointer {
        if let out = $0.baseAddress { map.scores(block.x, rows: block.rows.count, into: out) }
      }
      for (i, row) in block.rows.enumerated() {
        let own = scores[i * classes..<(i + 1) * classes]
        let largest = own.max() ?? 0
        let sum = own.reduce(0) { $0 + exp($1 - largest) }
        let p = exp(own[own.startIndex + Int(labels[row])] - largest) / sum
        total -= log2((1 - share) * p + share / Double(classes))
      }
    }
    return total
  }
}
