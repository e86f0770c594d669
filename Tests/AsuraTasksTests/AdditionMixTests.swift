import AsuraTasks
import AsuraTensor
import Testing

/// Shares are held to five standard errors of the number of rows drawn.
struct AdditionMixTests {
  static let rows = 20_000

  /// The digit pairs of every row, least significant first.
  func draw(
    _ mix: CarryMix = CarryMix(), kind: ExampleKind = .training, length: Int, rows: Int = rows
  ) throws -> [[(a: Int32, b: Int32)]] {
    let task = try AdditionTask(AdditionOptions(bos: false, mix: mix))
    var random = Random(seed: 17)
    let batch = try task.makeBatch(length: length, examples: rows, kind: kind, random: &random)
    return (0..<rows).map { example in
      let tokens = Array(batch.tokens(ofExample: example))
      return (0..<length).map { (tokens[2 * $0], tokens[2 * $0 + 1]) }
    }
  }

  func expectShare(
    _ count: Int, of total: Int, is share: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let tolerance = 5 * (share * (1 - share) / Double(total)).squareRoot()
    let found = Double(count) / Double(total)
    #expect(abs(found - share) <= tolerance, "\(found)", sourceLocation: sourceLocation)
  }

  @Test func uniformDigitsAreUniform() throws {
    let pairs = try draw(kind: AdditionTask.uniform, length: 4).joined()
    for digit in Int32(0)...9 {
      expectShare(pairs.count { $0.a == digit }, of: pairs.count, is: 0.1)
      expectShare(pairs.count { $0.b == digit }, of: pairs.count, is: 0.1)
    }
    expectShare(pairs.count { $0.a + $0.b == 9 }, of: pairs.count, is: 0.1)
  }

  @Test func trainingMixForcesColumnsToNine() throws {
    // One column a row, so that rows are independent. ½·0.1 + ¼·E[p + 0.1(1−p)] for p uniform
    // (mean ½) and for p = 1 − 0.3u² (mean 0.9).
    let columns = try draw(length: 1).map { $0[0] }
    expectShare(
      columns.count { $0.a + $0.b == 9 }, of: columns.count,
      is: 0.5 * 0.1 + 0.25 * 0.55 + 0.25 * 0.91)
  }

  @Test func longChainsAreCommon() throws {
    // A row of twenty columns that all sum to nine: 10⁻²⁰ of uniform rows, but here
    // ¼·E[q²⁰] + ¼·E[r²⁰] with q = 0.1 + 0.9u and r = 0.1 + 0.9(1 − 0.3u²), integrated.
    let steps = 100_000
    let forced = (0..<steps).reduce(0.0) { sum, i in
      let u = (Double(i) + 0.5) / Double(steps)
      let (q, r) = (0.1 + 0.9 * u, 1 - 0.27 * u * u)
      func power(_ x: Double) -> Double { (0..<20).reduce(1) { y, _ in y * x } }
      return sum + (power(q) + power(r)) / Double(steps)
    }
    let rows = try draw(length: 20)
    expectShare(
      rows.count { $0.allSatisfy { $0.a + $0.b == 9 } }, of: rows.count, is: forced / 4)
  }

  @Test func weightsChooseTheRows() throws {
    var mix = CarryMix()
    (mix.uniform, mix.forced, mix.longChains) = (3, 0, 0)
    let columns = try draw(mix, length: 1).map { $0[0] }
    expectShare(columns.count { $0.a + $0.b == 9 }, of: columns.count, is: 0.1)
  }

  @Test func rowsRepeatOnePair() throws {
    var mix = CarryMix()
    (mix.uniform, mix.forced, mix.longChains) = (0, 0, 1)
    let rows = try draw(mix, length: 60, rows: 4000)
    var repeated = 0
    var ofNineAndZero = 0
    for row in rows {
      // A repeated pair fills at least half of the row; ten different ones can't.
      let counts = Dictionary(grouping: row.filter { $0.a + $0.b == 9 }, by: \.a)
      guard let (digit, columns) = counts.max(by: { $0.value.count < $1.value.count }),
        columns.count >= 30
      else { continue }
      repeated += 1
      if digit == 0 || digit == 9 { ofNineAndZero += 1 }
    }
    expectShare(repeated, of: rows.count, is: 0.35)
    // 30% of them on purpose, and 2 of 10 of the rest by chance.
    expectShare(ofNineAndZero, of: repeated, is: 0.3 + 0.7 * 0.2)
  }

  @Test func operandsSwap() throws {
    var mix = CarryMix()
    (mix.uniform, mix.forced, mix.longChains) = (0, 0, 1)
    (mix.repeatedPair, mix.ninesPair) = (1, 1)
    for share in [0, 0.5, 1] {
      mix.swap = share
      let rows = try draw(mix, length: 60, rows: 2000)
      let swapped = rows.count { row in
        row.count { $0 == (0, 9) } > row.count { $0 == (9, 0) }
      }
      expectShare(swapped, of: rows.count, is: share)
    }
  }

  @Test func namedKindsAreWhatTheySay() throws {
    for row in try draw(kind: AdditionTask.nines, length: 6, rows: 50) {
      let nines = row.map(\.a) == Array(repeating: 9, count: 6) ? row.map(\.a) : row.map(\.b)
      let one = nines == row.map(\.a) ? row.map(\.b) : row.map(\.a)
      #expect(nines == [9, 9, 9, 9, 9, 9] && one == [1, 0, 0, 0, 0, 0])
    }
    let propagating = try draw(kind: AdditionTask.propagate, length: 6)
    #expect(propagating.allSatisfy { $0.dropFirst().allSatisfy { $0.a + $0.b == 9 } })
    var lowest: [Int32: Int] = [:]
    for row in propagating { lowest[row[0].a * 10 + row[0].b, default: 0] += 1 }
    #expect(lowest.keys.allSatisfy { $0 / 10 + $0 % 10 >= 10 })
    #expect(lowest.count == 45)
    for count in lowest.values { expectShare(count, of: propagating.count, is: 1.0 / 45) }

    let mostly = try draw(kind: AdditionTask.mostlyPropagate, length: 8).joined()
    expectShare(mostly.count { $0.a + $0.b == 9 }, of: mostly.count, is: 0.955)
  }

  /// Of several numbers, carries larger than one run as far as those of two do.
  @Test(arguments: [3, 8]) func severalNumbersCarryFar(count: Int) throws {
    let task = try AdditionTask(AdditionOptions(operands: count))
    var random = Random(seed: 21)
    for kind in [AdditionTask.nines, AdditionTask.propagate, AdditionTask.mostlyPropagate] {
      let batch = try task.makeBatch(length: 12, examples: 300, kind: kind, random: &random)
      var running: Set<Int32> = []
      for example in 0..<300 {
        func facts(_ name: String) -> [Int32] {
          batch.layout.answer.map { batch.fact(name)!.values[example * batch.positions + $0] }
        }
        let (carry, chain, column) = (facts("carry"), facts("chain"), facts("column"))
        if kind == AdditionTask.mostlyPropagate {
          running.insert(carry[6])
          continue
        }
        // One carry runs from the lowest column to the highest.
        #expect(column[0] != 0 && column[1..<12].allSatisfy { $0 == 1 })
        #expect(chain == (0...12).map { Int32($0) })
        #expect(kind != AdditionTask.nines || Set(carry[1...]) == [Int32(count - 1)])
        running.insert(carry[12])
      }
      if kind != AdditionTask.nines { #expect(running.count >= count - 1) }
    }
    // Every operand has its share of each digit, whatever its place.
    let batch = try task.makeBatch(
      length: 20, examples: 4000, kind: AdditionTask.mostlyPropagate, random: &random)
    let first = batch.fact("digitA")!.values.count { $0 == 9 }
    let last = batch.fact(count == 3 ? "digitC" : "digitH")!.values.count { $0 == 9 }
    #expect(abs(Double(first) / Double(last) - 1) < 0.05)
  }
}
