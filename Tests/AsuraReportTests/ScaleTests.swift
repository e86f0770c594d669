import AsuraReport
import Testing

@Suite struct ScaleTests {
  @Test func linearTicksAreNice() {
    // By hand: the largest step of 1, 2, 5 × 10ᵏ near a fifth of the span.
    let cases: [(ClosedRange<Double>, Int, [Double], [String])] = [
      (0...1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
      (0...50, 5, [0, 10, 20, 30, 40, 50], ["0", "10", "20", "30", "40", "50"]),
      (-3...3, 3, [-2, 0, 2], ["−2", "0", "2"]),
      (0.97...1.03, 3, [0.98, 1, 1.02], ["0.98", "1.00", "1.02"]),
      (0...2e6, 2, [0, 1e6, 2e6], ["0", "10⁶", "2×10⁶"]),
      (0...3e-7, 3, [0, 1e-7, 2e-7, 3e-7], ["0", "10⁻⁷", "2×10⁻⁷", "3×10⁻⁷"]),
    ]
    for (range, count, values, labels) in cases {
      let ticks = Ticks.linear(range, count: count)
      #expect(ticks.labels == labels)
      #expect(ticks.values.count == values.count)
      for (a, b) in zip(ticks.values, values) { #expect(abs(a - b) <= 1e-12 * abs(b)) }
    }
  }

  @Test func wholeTicksNeverFallBetweenIterations() {
    #expect(Ticks.linear(1...3, count: 10, whole: true).values == [1, 2, 3])
    #expect(Ticks.linear(0.5...1.5, count: 10, whole: true).values == [1])
    for last in 1...200 {
      let ticks = Ticks.linear(0...Double(last), count: 8, whole: true)
      #expect(
        ticks.values.allSatisfy { $0 == $0.rounded() } && (2...13).contains(ticks.values.count))
    }
  }

  @Test func logarithmicTicks() {
    let decades = Ticks.logarithmic(1e-6...1, count: 8)
    #expect(decades.values == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1])
    #expect(decades.labels == ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "0.1", "1"])
    #expect(Ticks.logarithmic(1...100, count: 5).values == [1, 2, 5, 10, 20, 50, 100])
    #expect(Ticks.logarithmic(1...2, count: 5) == Ticks.linear(1...2, count: 5))
    #expect((3...9).contains(Ticks.logarithmic(1e-300...1e300, count: 8).values.count))
  }

  @Test func oddRangesGiveFewTicksAndDoNotTrap() {
    let ranges: [ClosedRange<Double>] = [
      1...1, 0...0, -1e308...1e308, 0...Double.leastNonzeroMagnitude, 1e300...1e300,
      1...(1 + 1e-15),
      -Double.infinity...Double.infinity,
    ]
    for range in ranges {
      #expect(Ticks.linear(range, count: 5).values.count < 30)
      #expect(Ticks.linear(range, count: 5, whole: true).values.count < 30)
    }
    #expect(Ticks.linear(0...1, count: 0).values == [0])
  }

  @Test func scalesMapKnownPoints() {
    let linear = Scale(domain: 0...10, pixels: (100, 0))
    #expect(linear(0) == 100 && linear(10) == 0 && linear(2.5) == 75 && linear(20) == -100)
    #expect(linear(.nan) == nil && linear(.infinity) == nil)
    let log = Scale(domain: 1...100, pixels: (0, 200), isLogarithmic: true)
    #expect(log(1) == 0 && log(10) == 100 && log(100) == 200)
    #expect(log(0) == nil && log(-1) == nil)
    #expect(Scale(domain: 3...3, pixels: (0, 10))(3) == 5)
  }

  @Test func domains() {
    #expect(Scale.domain(of: [1, .nan, 3, .infinity], padding: 0.5) == 0...4)
    #expect(Scale.domain(of: [.nan]) == nil && Scale.domain(of: []) == nil)
    #expect(Scale.domain(of: [0, -1], isLogarithmic: true) == nil)
    #expect(Scale.domain(of: [2, 2])!.contains(2.1))
    let wide = Scale.domain(of: [-Double.greatestFiniteMagnitude, .greatestFiniteMagnitude])!
    #expect(wide.upperBound.isFinite && wide.lowerBound.isFinite)
  }

  @Test func palettes() {
    #expect(Palette.sequential.colour(at: 0) == "#440154")
    #expect(Palette.sequential.colour(at: 1) == "#fde725")
    #expect(Palette.diverging.colour(at: 0.5) == "#f7f7f7")
    #expect(Palette.diverging.colour(at: -3) == Palette.diverging.colour(at: 0))
    #expect(Palette.diverging.colour(at: .nan) == Palette.diverging.colour(at: 0))
  }
}
