import Foundation

/// Several traces seen as one, stacked along an axis such as `run` or `step`.
///
/// The file shows other readers every recorded array with that axis before the iteration, through
/// HDF5's virtual datasets. The traces themselves are files beside it, or lie inside it where it was
/// made to stand alone. Here each is opened by its number and read as any trace; virtual datasets
/// are not followed.
public struct LinkedTraces: Sendable {
  public let url: URL
  /// The axis along which the traces are stacked.
  public let axis: String
  /// Where each trace stands on the axis.
  public let coordinates: [Int]
  /// The traces' files: relative to the folder of this one, or, in a file that stands alone, as they
  /// were called.
  public let sources: [String]
  /// Whether the traces lie in this file.
  public let isStandalone: Bool

  private let file: H5File

  /// The attribute of the root that says a file is of this kind.
  static let mark = "asura_linked"
  /// The most traces in one file.
  public static let mostRuns = 65_536

  /// Opens a file of linked traces.
  /// - Throws: `TraceError`; `foreign` for a file that holds a single trace, `damaged` if a source
  ///   lies outside the file's folder.
  public init(_ url: URL) throws {
    self.url = url
    (file, axis, coordinates, sources, isStandalone) = try TraceReader.locating(url) {
      let file = try H5File.open(url)
      try TraceReader.check(file)
      guard let axis = try file.root.text(Self.mark) else {
        throw TraceError(
          .foreign, "this file holds one trace, not several", advice: "Open it as a trace")
      }
      let group = try file.root.group("linked")
      let coordinates = try group.dataset(axis).integers()
      let sources = try group.dataset("source").texts()
      let isStandalone = try file.root.contains("runs")
      guard isPlainName(axis), coordinates.shape == [sources.count],
        (1...Self.mostRuns).contains(sources.count)
      else { throw TraceError(.damaged, "it links \(sources.count) traces along '\(axis)'") }
      if !isStandalone, let bad = sources.first(where: { !Self.isInside($0) }) {
        throw TraceError(
          .damaged, "it links '\(bad)', which is not a file in its own folder",
          advice: "Links name files in their folder or below it")
      }
      return (file, axis, coordinates.elements.map { Int($0) }, sources, isStandalone)
    }
  }

  /// Opens one of the traces.
  /// - Throws: `TraceError`; `missing` if its file is not where it was.
  public func open(_ index: Int) throws -> TraceReader {
    guard sources.indices.contains(index) else {
      throw TraceError(
        .notFound, "there is no trace number \(index)",
        advice: "There are \(sources.count), counted from 0", file: url)
    }
    if isStandalone {
      return try TraceReader.locating(url) {
        try TraceReader(url, file, file.root.group("runs").group("\(index)"))
      }
    }
    let source = url.deletingLastPathComponent().appendingPathComponent(sources[index])
    do {
      return try TraceReader(source)
    } catch let error as TraceError where error.kind == .missing {
      throw TraceError(
        .missing, "\(axis) \(coordinates[index]) of \(url.lastPathComponent) is not there any more",
        advice: "Put it back, or link the others anew", file: source)
    }
  }

  /// The files that the stacked arrays show to other readers without being among the sources; none in a
  /// sound file.
  public func strayFiles() throws -> [String] {
    let known: Set<String> = isStandalone ? ["."] : Set(sources)
    return try TraceReader.locating(url) {
      var strays: Set<String> = []
      try file.root.walk { _, member in
        guard case .dataset(let dataset) = member else { return }
        strays.formUnion(try dataset.virtualFiles().filter { !known.contains($0) })
      }
      return strays.sorted()
    }
  }

  /// Whether a path leads to a file in the folder it is relative to, or below.
  static func isInside(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return path.utf8.count <= 4_096 && !path.contains("\0")
      && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }

  /// Whether the file links several traces.
  public static func isLinked(_ url: URL) throws -> Bool {
    try TraceReader.locating(url) {
      let file = try H5File.open(url)
      try TraceReader.check(file)
      return try file.root.hasAttribute(mark)
    }
  }
}
