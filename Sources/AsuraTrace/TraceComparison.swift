import AsuraTensor
import Foundation

/// Where and by how much two traces part.
public struct TraceComparison: Sendable, Encodable {
  /// How far apart two values may be and still count as equal: by `absolute`, or by `relative` times
  /// the larger magnitude of the two. Two NaN are equal, and equal infinities.
  public struct Tolerance: Sendable {
    public var absolute: Double
    public var relative: Double

    public init(absolute: Double = 0, relative: Double = 0) {
      self.absolute = absolute
      self.relative = relative
    }

    func allows(_ a: Double, _ b: Double) -> Bool {
      if a == b || a.isNaN && b.isNaN { return true }
      return abs(a - b) <= absolute + relative * max(abs(a), abs(b))
    }
  }

  /// The differences of one site at one iteration.
  public struct Step: Sendable, Encodable {
    public let iteration: Int
    /// The largest |a − b|; infinite where only one is a number.
    public var absolute = 0.0
    /// The largest |a − b| / max(|a|, |b|).
    public var relative = 0.0
    /// How many values part by more than is tolerated.
    public var count = 0
  }

  /// The first values of a site that part.
  public struct Place: Sendable, Encodable {
    public let iteration: Int
    /// The coordinate on each axis of the site, such as `batch` 0, `position` 3.
    public let coordinates: [String: Int]
    public let first: Double
    public let second: Double
  }

  /// A site of both traces.
  public struct Site: Sendable, Encodable {
    public let site: String
    /// One entry for each iteration that both have.
    public fileprivate(set) var steps: [Step] = []
    public fileprivate(set) var parting: Place?

    public var absolute: Double { steps.lazy.map(\.absolute).max() ?? 0 }
    public var relative: Double { steps.lazy.map(\.relative).max() ?? 0 }
  }

  /// The sites of both traces, in order of their names.
  public internal(set) var sites: [Site] = []
  /// What else differs, in words: configuration, inputs, weights, what was recorded.
  public internal(set) var remarks: [String] = []

  /// Whether nothing differs by more than is tolerated.
  public var isEqual: Bool { remarks.isEmpty && sites.allSatisfy { $0.parting == nil } }

  /// Compares two traces, an iteration of a site at a time.
  /// - Parameters:
  ///   - names: the sites to compare; all, and the readout's series, when nil.
  ///   - progress: called with the iterations compared and how many there are; may throw to stop.
  public init(
    _ first: TraceReader, _ second: TraceReader, sites names: [String]? = nil,
    tolerance: Tolerance = Tolerance(),
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws {
    let (here, there) = (
      Self.chosen(first, names), Self.chosen(second, names)
    )
    remarks = try Self.contextDifferences(first, second)
    var pairs: [(site: RecordedSite, iterations: [Int])] = []
    for name in Set(here.keys).union(there.keys).sorted() {
      guard let a = here[name], let b = there[name] else {
        let only = here[name] == nil ? "second" : "first"
        remarks.append("only the \(only) trace has \(name)")
        continue
      }
      guard a.axes == b.axes else {
        remarks.append(
          "\(name) has \(Self.spelled(a)) in the first, \(Self.spelled(b)) in the second")
        continue
      }
      let common = a.iterations.filter(Set(b.iterations).contains)
      for (trace, site) in [("first", a), ("second", b)] where site.iterations != common {
        let missing = site.iterations.count - common.count
        remarks.append("only the \(trace) trace has \(missing) of the iterations of \(name)")
      }
      pairs.append((a, common))
    }
    let total = pairs.reduce(0) { $0 + $1.iterations.count }
    var done = 0
    for (site, iterations) in pairs {
      var result = Site(site: site.name)
      for iteration in iterations {
        let a: Tensor<Double> = try first.values(site.name, iteration: iteration)
        let b: Tensor<Double> = try second.values(site.name, iteration: iteration)
        result.add(a, b, site, iteration, tolerance)
        done += 1
        try progress(done, total)
      }
      sites.append(result)
    }
  }

  private static func chosen(
    _ reader: TraceReader, _ names: [String]?
  ) -> [String: RecordedSite] {
    var found: [String: RecordedSite] = [:]
    for site in reader.sites + reader.readouts where names?.contains(site.name) ?? true {
      found[site.name] = site
    }
    return found
  }

  private static func spelled(_ site: RecordedSite) -> String {
    site.axes.map { "\($0.name) \($0.count)" }.joined(separator: " × ")
  }
}

extension TraceComparison.Site {
  fileprivate mutating func add(
    _ a: Tensor<Double>, _ b: Tensor<Double>, _ site: RecordedSite, _ iteration: Int,
    _ tolerance: TraceComparison.Tolerance
  ) {
    var step = TraceComparison.Step(iteration: iteration)
    var first: Int?
    read(a, b) { x, y in
      guard memcmp(x, y, a.count * MemoryLayout<Double>.stride) != 0 else { return }
      for i in 0..<a.count {
        let (p, q) = (x[i], y[i])
        if p == q || p.isNaN && q.isNaN { continue }
        let difference = abs(p - q)
        let isNumber = !difference.isNaN
        step.absolute = max(step.absolute, isNumber ? difference : .infinity)
        step.relative = max(step.relative, isNumber ? difference / max(abs(p), abs(q)) : .infinity)
        if !tolerance.allows(p, q) {
          step.count += 1
          if first == nil { first = i }
        }
      }
    }
    steps.append(step)
    guard let first, parting == nil else { return }
    var (rest, coordinates) = (first, [String: Int]())
    for axis in site.axes.reversed() {
      coordinates[axis.name] = axis.values[rest % axis.count]
      rest /= axis.count
    }
    parting = .init(
      iteration: iteration, coordinates: coordinates, first: a.elements[first],
      second: b.elements[first])
  }
}

// MARK: - What the runs were of

extension TraceComparison {
  private static func contextDifferences(
    _ first: TraceReader, _ second: TraceReader
  ) throws -> [String] {
    var remarks: [String] = []
    if first.status != second.status {
      remarks.append(
        "the first trace is \(first.status.rawValue), the second \(second.status.rawValue)")
    }
    if first.lastIteration != second.lastIteration {
      func last(_ trace: TraceReader) -> String { trace.lastIteration.map { "\($0)" } ?? "none" }
      remarks.append(
        "the last iteration is \(last(first)) in the first, \(last(second)) in the second")
    }
    remarks += try fieldDifferences(first.configuration(), second.configuration())
    remarks += try inputDifferences(first.input(), second.input())
    remarks += try weightDifferences(first, second)
    return remarks
  }

  /// The fields in which two JSON texts differ.
  private static func fieldDifferences(_ first: String, _ second: String) -> [String] {
    guard first != second else { return [] }
    func fields(_ text: String) -> [String: String]? {
      guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) else {
        return nil
      }
      var found: [String: String] = [:]
      func visit(_ value: Any, _ path: String) {
        if let object = value as? [String: Any] {
          for (name, value) in object { visit(value, path.isEmpty ? name : "\(path).\(name)") }
        } else {
          found[path] = "\(value)"
        }
      }
      visit(object, "")
      return found
    }
    guard let a = fields(first), let b = fields(second) else {
      return ["the configurations differ"]
    }
    return Set(a.keys).union(b.keys).sorted().filter { a[$0] != b[$0] }.map {
      "the configuration's \($0) is \(a[$0] ?? "absent") in the first, \(b[$0] ?? "absent") in the second"
    }
  }

  private static func inputDifferences(_ first: TraceInput, _ second: TraceInput) -> [String] {
    var names: [String] = []
    if first.task != second.task { names.append("task") }
    if first.tokens != second.tokens { names.append("tokens") }
    if first.targets != second.targets { names.append("targets") }
    if first.mask != second.mask { names.append("mask") }
    if first.positionIDs != second.positionIDs { names.append("position ids") }
    if first.rows != second.rows { names.append("rows") }
    if first.text != second.text { names.append("text") }
    for fact in Set(first.facts.keys).union(second.facts.keys).sorted()
    where first.facts[fact] != second.facts[fact] {
      names.append("fact \(fact)")
    }
    return names.isEmpty ? [] : ["the inputs differ in \(names.joined(separator: ", "))"]
  }

  private static func weightDifferences(
    _ first: TraceReader, _ second: TraceReader
  ) throws -> [String] {
    let (here, there) = (try first.weightNames(), try second.weightNames())
    guard !here.isEmpty, !there.isEmpty else {
      let hashes = (try first.weightsHash(), try second.weightsHash())
      return hashes.0 == hashes.1 || hashes.0.isEmpty || hashes.1.isEmpty
        ? [] : ["the weights differ, by their hashes \(hashes.0) and \(hashes.1)"]
    }
    var different = Array(Set(here).symmetricDifference(there))
    for name in Set(here).intersection(there)
    where try !first.weight(name).isIdentical(to: second.weight(name)) {
      different.append(name)
    }
    guard !different.isEmpty else { return [] }
    let shown = different.sorted().prefix(5).joined(separator: ", ")
    return [
      "\(different.count) of \(Set(here).union(there).count) weights differ: \(shown)"
        + (different.count > 5 ? ", …" : "")
    ]
  }
}

extension TraceArray {
  /// Whether both are of one type and shape and have the same bits.
  func isIdentical(to other: TraceArray) -> Bool {
    switch (self, other) {
    case (.float32(let a), .float32(let b)): a.isIdentical(to: b)
    case (.float64(let a), .float64(let b)): a.isIdentical(to: b)
    case (.integers(let a), .integers(let b)): a == b
    default: false
    }
  }
}
