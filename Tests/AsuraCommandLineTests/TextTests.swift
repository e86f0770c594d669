import AsuraCommandLine
import AsuraConfiguration
import Foundation
import Testing

@Suite struct TextTableTests {
  @Test func numbersGoRightAndTextLeft() {
    var table = TextTable(["name", "t", "radius"])
    table.append(["prelude", "1", "0.9312"])
    table.append(["core", "50", "12.1"])
    table.append(["", "-", "nan"])
    let expected = [
      "name      t  radius",
      "prelude   1  0.9312",
      "core     50    12.1",
      "          -     nan",
    ]
    #expect(table.description == expected.joined(separator: "\n"))
  }

  @Test func alignmentCanBeGiven() {
    var table = TextTable([("n", .left), ("word", .right)])
    table.append(["10", "a"])
    #expect(table.description == "n   word\n10     a")
  }

  @Test func wideCharactersTakeTwoColumns() {
    var table = TextTable(["詞", "x"])
    table.append(["アシュラ", "1"])
    table.append(["ab", "2"])
    table.append(["👩‍👩‍👧", "3"])
    table.append(["e\u{301}", "4"])
    #expect(
      table.description
        == [
          "詞        x", "アシュラ  1", "ab        2", "👩‍👩‍👧        3", "e\u{301}         4",
        ].joined(separator: "\n"))
  }

  @Test func controlCharactersDoNotReachTheTerminal() {
    var table = TextTable(["name"])
    table.append(["a\u{1B}[2Jb\nc"])
    #expect(table.description == "name\na [2Jb c")
  }

  @Test func emptyTableIsItsHeaders() {
    #expect(TextTable(["a", "b"]).description == "a  b")
  }

  @Test func percentagesAndSignsAreNumbers() {
    var table = TextTable(["share"])
    table.append(["5%"])
    table.append(["−12.5%"])
    #expect(table.description == " share\n    5%\n−12.5%")
  }
}

@Suite struct SparklineTests {
  @Test(arguments: [
    ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([], ""), ([2, 2], "▄▄"), ([0, .nan, 1], "▁ █"),
    ([0, .infinity, 1, -.infinity], "▁██▁"), ([-1e308, 1e308], "▁█"), ([.nan], " "),
  ])
  func draws(values: [Double], expected: String) {
    #expect(Sparkline(values).description == expected)
  }

  @Test func overARangeAndAWidth() {
    #expect(Sparkline([-5, 0.5, 9], range: 0...1).description == "▁▅█")
    #expect(Sparkline([0, 0, 7, 7, 7, 7], width: 3).description == "▁██")
    #expect(Sparkline([0, 7], width: 5).description == "▁█")
  }
}

@Suite struct DisplayWidthTests {
  @Test func truncationKeepsWithinColumns() {
    #expect(truncated("abcdef", columns: 6) == "abcdef")
    #expect(truncated("abcdef", columns: 4) == "abc…")
    #expect(truncated("アシュラ", columns: 5) == "アシ…")
    #expect(truncated("アシュラ", columns: 4) == "ア…")
    #expect(truncated("abc", columns: 0) == "")
  }
}

@Suite struct NearestTests {
  @Test func findsTheSlip() {
    let sites = ["latent", "recall", "logits", "core.0.attn.pattern", "core.0.attn.scores"]
    #expect(nearest(to: "latnet", in: sites) == "latent")
    #expect(nearest(to: "core.0.attn.patern", in: sites) == "core.0.attn.pattern")
    #expect(nearest(to: "LOGITS", in: sites) == "logits")
    #expect(nearest(to: "gradient", in: sites) == nil)
    #expect(nearest(to: "", in: sites) == nil)
    #expect(nearest(to: String(repeating: "latent", count: 1000), in: sites) == nil)
    #expect(nearest(to: "ab", in: ["cd", "ac"]) == "ac")
  }

  // Distances from Damerau 1964 and the Levenshtein textbook examples.
  @Test(arguments: [("kitten", "sitting", 3), ("ca", "ac", 1), ("", "abc", 3), ("flaw", "lawn", 2)])
  func distances(a: String, b: String, expected: Int) {
    #expect(editDistance(Array(a), Array(b)) == expected)
    #expect(editDistance(Array(b), Array(a)) == expected)
  }
}

@Suite struct JSONOutputTests {
  struct Result: Encodable {
    var radius = Float(0.1)
    var bad = [Double.nan, .infinity, -.infinity]
    var file = "a/b"
    var count: Int?
  }

  @Test func keysAreSortedAndNonFiniteNumbersAreStrings() throws {
    #expect(
      try JSONOutput.text(Result(), indented: false)
        == #"{"bad":["NaN","Infinity","-Infinity"],"file":"a/b","radius":0.1}"#)
  }
}
