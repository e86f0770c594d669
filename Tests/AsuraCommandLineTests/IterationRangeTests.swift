import AsuraCommandLine
import Testing

@Suite struct IterationRangeTests {
  @Test(arguments: [
    ("7", [7]), ("0", [0]), ("1...4", [1, 2, 3, 4]), ("3...3", [3]), ("1,2,7", [1, 2, 7]),
    ("7,1,2,1", [1, 2, 7]), ("0...50:20", [0, 20, 40]), ("last", [50]),
    ("48...last", [48, 49, 50]),
    ("10...last:15", [10, 25, 40]), (" 1 , 3...4 ", [1, 3, 4]), ("1…3", [1, 2, 3]),
    ("0,last", [0, 50]), ("50...last", [50]),
  ])
  func readsAndResolves(text: String, expected: [Int]) throws {
    let range = try IterationRange(parsing: text)
    #expect(try range.resolve(available: 0...50) == expected)
    #expect(range.description == text)
  }

  @Test(arguments: [
    ("50...1", "'50...1' runs backwards", "did you mean 1...50?"),
    ("9...1:2", "'9...1:2' runs backwards", "did you mean 1...9:2?"),
    ("abc", "'abc' is no iteration", "1...50"),
    ("", "nothing stands", "1...50"),
    ("1,,2", "nothing stands", "1...50"),
    ("lats", "'lats' is no iteration", "did you mean last?"),
    ("1-50", "'1-50' is no iteration", "did you mean 1...50?"),
    ("1..50", "'1..50' is no iteration", "did you mean 1...50?"),
    ("1..<51", "'1..<51' is no iteration", "did you mean 1...50?"),
    ("1...", "'1...' is no iteration", "5...last"),
    ("last...5", "'last...5' is no iteration", "5...last"),
    ("1...2...3", "'1...2...3' is no iteration", "1...50"),
    ("0...9:", "'0...9:' is no iteration", "0...50:5"),
    ("0...9:0", "step of 0", "did you mean 0...9?"),
    ("-1", "'-1' is negative", "did you mean last?"),
    ("-7...5", "'-7' is negative", "did you mean 7?"),
    ("1.5", "'1.5' is no iteration", "1...50"),
    ("٣", "'٣' is no iteration", "1...50"),
    ("1...99999999999", "more than 10000000", "0...last"),
    ("1...9000000,1...9000000", "more than 10000000", "0...last"),
    ("0...9223372036854775807", "more than 10000000", "0...last"),
    ("9223372036854775808", "too large", "write last"),
  ])
  func refuses(text: String, message: String, remedy: String) {
    let error = #expect(throws: CommandError.self) { try IterationRange(parsing: text) }
    #expect(error?.message.contains(message) == true, "\(error as Any)")
    #expect(error?.remedy?.contains(remedy) == true, "\(error as Any)")
    #expect(error?.status == .usage)
  }

  @Test func aHugeNumberOfStepsApartIsFine() throws {
    let range = try IterationRange(parsing: "0...1000000000:1000000000")
    #expect(try range.resolve(available: [0, 1_000_000_000]) == [0, 1_000_000_000])
  }

  @Test func numbersThatAreNotThereAreListed() {
    let error = #expect(throws: CommandError.self) {
      try IterationRange(parsing: "0...50:10").resolve(available: 0...32)
    }
    #expect(error?.status == .usage)
    #expect(error?.message == "--iter 0...50:10: no 40,50 among the iterations there are, 0...32")
    #expect(error?.remedy == "the last is 32; a range may end in last, as in 0...last")
  }

  @Test(arguments: ["60", "60...70", "60...last", "1...last:100"])
  func nothingMatched(text: String) {
    let error = #expect(throws: CommandError.self) {
      try IterationRange(parsing: text).resolve(available: [0, 10, 20, 50])
    }
    #expect(error?.status == .nothingMatched)
    #expect(error?.message.contains("0...20:10,50") == true, "\(error as Any)")
  }

  @Test func nothingAvailable() {
    let error = #expect(throws: CommandError.self) {
      try IterationRange(parsing: "last").resolve(available: [])
    }
    #expect(error?.status == .nothingMatched)
  }

  @Test func belowTheLowest() throws {
    let reason = "latents exist at t = 0, sites inside an iteration from 1"
    for text in ["0", "0...5", "0...last", "3,0"] {
      let error = #expect(throws: CommandError.self) {
        try IterationRange(parsing: text).resolve(available: 0...9, from: 1, reason: reason)
      }
      #expect(error?.status == .usage)
      #expect(error?.message == "--iter \(text): iteration 0 is below 1: \(reason)")
      #expect(error?.remedy == "the iterations here are 1...9")
    }
    #expect(try IterationRange(1...3).resolve(available: 0...9, from: 1) == [1, 2, 3])
  }

  @Test func lastAndHighest() throws {
    #expect(try IterationRange.all(from: 2).resolve(available: [5, 1, 3]) == [3, 5])
    #expect(try IterationRange(parsing: "3,0...50:20").highest == 40)
    #expect(try IterationRange(parsing: "3,last").highest == nil)
    #expect(try IterationRange(parsing: "5...last").highest == nil)
  }

  @Test(arguments: [
    ([], ""), ([4], "4"), ([4, 5], "4,5"), ([0, 1, 2, 3], "0...3"), ([0, 5, 10], "0...10:5"),
    ([0, 1, 2, 10, 20, 30, 31], "0...2,10...30:10,31"), ([1, 2, 4, 8, 16], "1,2,4,…"),
  ])
  func spelling(numbers: [Int], expected: String) {
    #expect(IterationRange.spelled(numbers, atMost: 3) == expected)
  }
}
