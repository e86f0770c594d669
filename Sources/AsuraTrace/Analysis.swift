/// The result of an analysis, as a companion file stores it: one or more plots' worth of arrays.
public struct Analysis: Sendable {
  /// The analysis's name, such as `jacobian`: its group in the file.
  public var name: String
  public var title: String
  /// What it was made with: options, seeds, counts.
  public var attributes: [String: TraceAttribute]
  /// The arrays, in groups that share axes; viewers open the first.
  public var data: [AnalysisData]

  public init(
    _ name: String, title: String, attributes: [String: TraceAttribute] = [:],
    data: [AnalysisData]
  ) {
    self.name = name
    self.title = title
    self.attributes = attributes
    self.data = data
  }
}

/// Arrays over shared axes: a NeXus `NXdata` group.
public struct AnalysisData: Sendable {
  public var name: String
  public var title: String
  public var axes: [AnalysisAxis]
  /// What viewers plot.
  public var signal: AnalysisSeries
  /// What goes along with it, over any of the axes.
  public var extra: [AnalysisSeries]
  public var attributes: [String: TraceAttribute]

  public init(
    _ name: String, title: String, axes: [AnalysisAxis], signal: AnalysisSeries,
    extra: [AnalysisSeries] = [], attributes: [String: TraceAttribute] = [:]
  ) {
    self.name = name
    self.title = title
    self.axes = axes
    self.signal = signal
    self.extra = extra
    self.attributes = attributes
  }
}

/// A numeric axis with the coordinate of each entry.
public struct AnalysisAxis: Sendable, Equatable {
  public enum Coordinates: Sendable, Equatable {
    case integers([Int])
    case reals([Double])
  }

  public var name: String
  public var coordinates: Coordinates
  public var unit: String
  public var longName: String

  public init(
    _ name: String, _ coordinates: Coordinates, unit: String = "", longName: String? = nil
  ) {
    self.name = name
    self.coordinates = coordinates
    self.unit = unit
    self.longName = longName ?? name
  }

  var count: Int {
    switch coordinates {
    case .integers(let values): values.count
    case .reals(let values): values.count
    }
  }
}

/// A named array over some of a group's axes, slowest first.
public struct AnalysisSeries: Sendable {
  public var name: String
  public var values: TraceArray
  public var axes: [String]
  public var unit: String
  public var longName: String

  public init(
    _ name: String, _ values: TraceArray, axes: [String], unit: String = "",
    longName: String? = nil
  ) {
    self.name = name
    self.values = values
    self.axes = axes
    self.unit = unit
    self.longName = longName ?? name
  }
}

extension Analysis {
  /// Refuses names that files cannot carry and shapes that do not fit their axes.
  func validate() throws {
    func fail(_ message: String) -> TraceError {
      TraceError(.misuse, "analysis '\(name)' \(message)")
    }
    guard !data.isEmpty else { throw fail("has no data") }
    let groups = data.map(\.name)
    guard ([name] + groups).allSatisfy(isPlainName), Set(groups).count == groups.count else {
      throw fail("has names that are not plain or repeat: \(groups)")
    }
    for data in data {
      let all = [data.signal] + data.extra
      let names = data.axes.map(\.name) + all.map(\.name)
      guard names.allSatisfy(isPlainName), Set(names).count == names.count else {
        throw fail("has in '\(data.name)' names that are not plain or repeat: \(names)")
      }
      for series in all {
        let shape = series.axes.map { name in data.axes.first { $0.name == name }?.count }
        guard shape == series.values.shape else {
          throw fail(
            "has '\(series.name)' of shape \(series.values.shape) over the axes \(series.axes) "
              + "of sizes \(shape.map { $0.map { "\($0)" } ?? "none" })")
        }
      }
    }
  }
}
