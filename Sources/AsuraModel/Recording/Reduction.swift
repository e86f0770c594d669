import AsuraTensor
import Foundation

/// How a recorded value is made from a site's: one for each `Reducer`, but two for `top`.
public enum Reduction: Sendable, Hashable {
  case whole, meanOverHeads, meanOverPositions, norm
  /// The likeliest classes' numbers.
  case topClass(Int)
  /// The likeliest classes' probabilities.
  case topProbability(Int)

  static func all(of reducer: Reducer) -> [Reduction] {
    switch reducer {
    case .all: [.whole]
    case .meanOverHeads: [.meanOverHeads]
    case .meanOverPositions: [.meanOverPositions]
    case .norm: [.norm]
    case .top(let count): [.topClass(count), .topProbability(count)]
    }
  }

  /// The reducer it belongs to.
  var reducer: Reducer {
    switch self {
    case .whole: .all
    case .meanOverHeads: .meanOverHeads
    case .meanOverPositions: .meanOverPositions
    case .norm: .norm
    case .topClass(let count), .topProbability(let count): .top(count)
    }
  }

  /// What is put after a site's name to name the recorded values; nothing for whole ones.
  var suffix: String {
    switch self {
    case .whole: ""
    case .meanOverHeads: ".mean_head"
    case .meanOverPositions: ".mean_position"
    case .norm: ".norm"
    case .topClass: ".top_class"
    case .topProbability: ".top_probability"
    }
  }

  /// The axes of what is made of a value of `site` with these axes; an error where there is no such thing.
  func axes(from axes: [SiteAxis], of site: Site) throws -> [SiteAxis] {
    switch self {
    case .whole: return axes
    case .meanOverHeads:
      guard axes.contains(where: { $0.name == "head" }) else {
        throw ModelError(
          .hooks,
          "\(site) has no axis of heads to take the mean over: its axes are \(spelled(axes))",
          remedy: "attn.scores and attn.pattern have one.")
      }
      return axes.filter { $0.name != "head" }
    case .meanOverPositions:
      guard axes.contains(where: \.isPosition) else {
        throw ModelError(
          .hooks, "\(site) has no positions to take the mean over: its axes are \(spelled(axes))")
      }
      return axes.filter { !$0.isPosition }
    case .norm:
      guard axes.count > 1 else {
        throw ModelError(
          .hooks, "\(site) is one number for each example: there is no axis to take a norm over")
      }
      return Array(axes.dropLast())
    case .topClass(let count), .topProbability(let count):
      guard site == .logits else {
        throw ModelError(
          .hooks, "the likeliest classes of \(site): only logits have classes",
          remedy: "Ask for them of logits, and for other sites otherwise.")
      }
      let classes = axes.last?.count ?? 0
      guard (1...max(1, classes)).contains(count) else {
        throw ModelError(
          .hooks, "the \(count) likeliest of \(classes) classes", remedy: "Ask for 1 to \(classes)."
        )
      }
      return axes.dropLast() + [SiteAxis("rank", count)]
    }
  }

  private func spelled(_ axes: [SiteAxis]) -> String { axes.map(\.name).joined(separator: ", ") }

  /// What is kept of a value whose axes have these names.
  func callAsFunction<S: Scalar>(_ value: Tensor<S>, axes: [String]) -> Tensor<S> {
    if self == .whole { return value }
    // Concrete types from here: generic arithmetic would be a hundred times slower.
    if let value = value as? Tensor<Float>, let result = reduced(value, axes) as? Tensor<S> {
      return result
    }
    if let value = value as? Tensor<Double>, let result = reduced(value, axes) as? Tensor<S> {
      return result
    }
    return reduced(value, axes)
  }

  private func reduced<S: Scalar>(_ value: Tensor<S>, _ axes: [String]) -> Tensor<S> {
    switch self {
    case .whole: value
    case .meanOverHeads: value.mean(over: axes.firstIndex(of: "head") ?? 1)
    case .meanOverPositions:
      value.mean(over: axes.firstIndex { SiteAxis.isPosition($0) } ?? 1)
    case .norm: value.norms()
    case .topClass(let count): value.top(count, wantsProbabilities: false)
    case .topProbability(let count): value.top(count, wantsProbabilities: true)
    }
  }
}

// MARK: - The loops

extension Tensor {
  /// The mean over one axis, which is gone then; summed in 64 bits.
  fileprivate func mean(over axis: Int) -> Tensor {
    let outer = shape[..<axis].reduce(1, *)
    let count = shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *)
    let factor = 1 / Double(count)
    // Rows of a length that stays in the fastest cache.
    let step = 1024
    var sums = [Double](repeating: 0, count: min(inner, step))
    return Tensor(Array(shape[..<axis] + shape[(axis + 1)...])) { y in
      read { x in
        sums.withUnsafeMutableBufferPointer { sums in
          for o in 0..<outer {
            for start in stride(from: 0, to: inner, by: step) {
              let length = min(step, inner - start)
              for i in 0..<length { sums[i] = 0 }
              for k in 0..<count {
                let row = x + (o * count + k) * inner + start
                for i in 0..<length { sums[i] += Double(row[i]) }
              }
              let out = y + o * inner + start
              for i in 0..<length { out[i] = S(sums[i] * factor) }
            }
          }
        }
      }
    }
  }

  /// The Euclidean norm of each row along the last axis; summed in 64 bits.
  fileprivate func norms() -> Tensor {
    let width = rowLength
    return Tensor(Array(shape.dropLast())) { y in
      read { x in
        for row in 0..<rowCount {
          let x = x + row * width
          // Four sums, so that one addition need not wait for the one before.
          var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
          var i = 0
          while i + 4 <= width {
            a += Double(x[i]) * Double(x[i])
            b += Double(x[i + 1]) * Double(x[i + 1])
            c += Double(x[i + 2]) * Double(x[i + 2])
            d += Double(x[i + 3]) * Double(x[i + 3])
            i += 4
          }
          while i < width {
            a += Double(x[i]) * Double(x[i])
            i += 1
          }
          y[row] = S(((a + b) + (c + d)).squareRoot())
        }
      }
    }
  }

  /// The `count` largest of each row of logits, largest first and of equals the first: their numbers, or their
  /// probabilities.
  fileprivate func top(_ count: Int, wantsProbabilities: Bool) -> Tensor {
    let classes = rowLength
    var best = [(value: Double, index: Int)](repeating: (0, 0), count: count)
    return Tensor(shape.dropLast() + [count]) { y in
      read { x in
        for row in 0..<rowCount {
          let x = x + row * classes
          var found = 0
          for c in 0..<classes {
            let value = Double(x[c])
            if found == count, !(value > best[count - 1].value) { continue }
            var place = min(found, count - 1)
            while place > 0, value > best[place - 1].value {
              best[place] = best[place - 1]
              place -= 1
            }
            best[place] = (value, c)
            found = min(found + 1, count)
          }
          let y = y + row * count
          if wantsProbabilities {
            var sum = 0.0
            for c in 0..<classes { sum += exp(Double(x[c]) - best[0].value) }
            for k in 0..<count { y[k] = S(exp(best[k].value - best[0].value) / sum) }
          } else {
            for k in 0..<count { y[k] = S(best[k].index) }
          }
        }
      }
    }
  }

  /// The entries `indices` of one axis.
  func gathering(_ indices: [Int], axis: Int) -> Tensor {
    var shape = shape
    let outer = shape[..<axis].reduce(1, *)
    let count = shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *)
    shape[axis] = indices.count
    return Tensor(shape) { y in
      read { x in
        var y = y
        for o in 0..<outer {
          for index in indices {
            memcpy(y, x + (o * count + index) * inner, inner * MemoryLayout<S>.stride)
            y += inner
          }
        }
      }
    }
  }
}
