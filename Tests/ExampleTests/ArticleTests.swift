import Foundation
import Testing

/// Every piece of Swift in the articles is taken from code that is compiled and run here.
@Suite struct ArticleTests {
  private static let catalogue = packageFolder.appending(path: "Sources/Asura/Asura.docc")

  static let articles: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: catalogue.path)) ?? [])
    .filter { $0.hasSuffix(".md") }.sorted()

  @Test func thereAreArticles() {
    #expect(Self.articles.contains("Asura.md"))
    #expect(Self.articles.count >= 8)
  }

  @Test(arguments: articles)
  func snippetsAreCompiledCode(article: String) throws {
    let text = try String(contentsOf: Self.catalogue.appending(path: article), encoding: .utf8)
    let sources = try Self.compiledFiles()
    for snippet in Self.snippets(in: text) {
      #expect(!snippet.isEmpty)
      #expect(
        sources.contains { Self.occurs(snippet, in: $0) },
        "in no compiled file: \(snippet.joined(separator: "\n"))")
    }
  }

  /// Links between articles lead somewhere.
  @Test(arguments: articles)
  func linkedArticlesExist(article: String) throws {
    let text = try String(contentsOf: Self.catalogue.appending(path: article), encoding: .utf8)
    for link in text.matches(of: /<doc:([A-Za-z]+)>/) {
      #expect(Self.articles.contains("\(link.output.1).md"), "\(link.output.0)")
    }
  }

  /// The lines of each ```swift block.
  private static func snippets(in text: String) -> [[String]] {
    var snippets: [[String]] = []
    var current: [String]?
    for line in text.components(separatedBy: "\n") {
      if let lines = current {
        if line.hasPrefix("```") {
          snippets.append(lines)
          current = nil
        } else {
          current = lines + [line]
        }
      } else if line == "```swift" {
        current = []
      }
    }
    return snippets
  }

  private static func compiledFiles() throws -> [[String]] {
    try ["Examples", "Tests"].flatMap { folder in
      let root = packageFolder.appending(path: folder)
      return try FileManager.default.subpathsOfDirectory(atPath: root.path)
        .filter { $0.hasSuffix(".swift") }.map {
          try String(contentsOf: root.appending(path: $0), encoding: .utf8)
            .components(separatedBy: "\n")
        }
    }
  }

  /// Whether the snippet's lines follow one another in the file, all indented by the same amount.
  private static func occurs(_ snippet: [String], in file: [String]) -> Bool {
    guard snippet.count <= file.count else { return false }
    return (0...file.count - snippet.count).contains { start in
      let indent = file[start].prefix { $0 == " " }
      return zip(snippet, file[start...]).allSatisfy { mine, theirs in
        mine.isEmpty ? theirs.isEmpty : indent + mine == theirs
      }
    }
  }
}
