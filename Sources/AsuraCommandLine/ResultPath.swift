import AsuraConfiguration

/// Where in a command's JSON result values stand.
///
///     overthinking.exactMatch[-1]              the last of a list
///     overthinking.exactMatch[60...]           from the 61st on
///     paths[*].straightness                    of all elements
///     cells[iteration=20].score.accuracy       of the elements whose iteration is 20
///     effects[effect=max].head                 of the element with the largest effect
package struct ResultPath: Equatable, Sendable {
  private enum Step: Equatable {
    case key(String)
    case index(Int)
    /// All from that index on.
    case from(Int)
    case all
    case equal(String, to: String)
    case extreme(String, isLargest: Bool)
  }

  /// As it was written.
  package let text: String
  private var steps: [Step] = []

  /// - Parameter field: what holds the path, for the error.
  package init(_ text: String, field: String) throws(ConfigurationError) {
    self.text = text
    func wrong() -> ConfigurationError {
      ConfigurationError(
        field: field, found: shortened(text),
        expected: "a path such as paths[*].length, list[-1].value or cells[iteration=5].score")
    }
    var rest = text[...]
    while !rest.isEmpty {
      if rest.first == "[" {
        guard let end = rest.firstIndex(of: "]") else { throw wrong() }
        let inside = rest[rest.index(after: rest.startIndex)..<end]
        let sides = inside.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          .map(String.init)
        if inside == "*" {
          steps.append(.all)
        } else if let index = Int(inside) {
          steps.append(.index(index))
        } else if inside.hasSuffix("..."), let first = Int(inside.dropLast(3)), first >= 0 {
          steps.append(.from(first))
        } else if sides.count == 2, !sides[0].isEmpty {
          let isExtreme = sides[1] == "max" || sides[1] == "min"
          steps.append(
            isExtreme
              ? .extreme(sides[0], isLargest: sides[1] == "max") : .equal(sides[0], to: sides[1]))
        } else {
          throw wrong()
        }
        rest = rest[rest.index(after: end)...]
      } else {
        if rest.first == "." {
          rest = rest.dropFirst()
          if steps.isEmpty { throw wrong() }
        } else if !steps.isEmpty {
          throw wrong()
        }
        let key = rest.prefix { !".[]".contains($0) }
        guard !key.isEmpty else { throw wrong() }
        steps.append(.key(String(key)))
        rest = rest[key.endIndex...]
      }
    }
    if steps.isEmpty { throw wrong() }
  }

  /// All values there; none where a condition selects nothing.
  ///
  /// A key that some of the values lack is `nothing` in those.
  /// - Throws: `CommandError` (nothing matched) for a key or an index that is not there, with what is.
  package func values(in result: ResultValue) throws(CommandError) -> [ResultValue] {
    var values = [result]
    for step in steps {
      switch step {
      case .key(let key): values = try values.isEmpty ? [] : fields(key, of: values)
      case .index(let index):
        var found: [ResultValue] = []
        for value in values {
          guard let list = value.elements else { throw missing("the list for [\(index)]") }
          let place = index < 0 ? list.count + index : index
          guard list.indices.contains(place) else {
            throw missing("element \(index) of the list, which has \(list.count)")
          }
          found.append(list[place])
        }
        values = found
      case .from(let first): values = values.flatMap { ($0.elements ?? []).dropFirst(first) }
      case .all: values = values.flatMap { $0.elements ?? [$0] }
      case .equal(let key, let wanted):
        let elements = values.flatMap { $0.elements ?? [$0] }
        let keys = try elements.isEmpty ? [] : fields(key, of: elements)
        values = zip(elements, keys).filter { Self.isEqual($0.1, wanted) }.map(\.0)
      case .extreme(let key, let isLargest):
        let elements = values.flatMap { $0.elements ?? [$0] }
        let keys = try elements.isEmpty ? [] : fields(key, of: elements)
        let numbered = zip(elements, keys).compactMap { element, key in
          key.number.flatMap { $0.isNaN ? nil : (element, $0) }
        }
        // The first of equals, either way.
        let best = numbered.map(\.1).max { isLargest ? $0 < $1 : $0 > $1 }
        values = numbered.first { $0.1 == best }.map { [$0.0] } ?? []
      }
    }
    return values
  }

  private func fields(
    _ key: String, of values: [ResultValue]
  ) throws(CommandError) -> [ResultValue] {
    let found = values.map { $0[key] }
    guard found.contains(where: { $0 != nil }) else {
      var known: Set<String> = []
      for case .fields(let fields) in values { known.formUnion(fields.keys) }
      let names = known.sorted()
      var remedy: String?
      if let near = nearest(to: key, in: names) {
        remedy = "did you mean \(near)?"
      } else if !names.isEmpty {
        remedy = "there is \(names.prefix(24).joined(separator: ", "))"
      }
      throw missing("'\(key)'", remedy)
    }
    return found.map { $0 ?? .nothing }
  }

  private func missing(_ what: String, _ remedy: String? = nil) -> CommandError {
    CommandError(
      "\(text): the result lacks \(what)", status: .nothingMatched, remedy: remedy)
  }

  private static func isEqual(_ value: ResultValue, _ wanted: String) -> Bool {
    if let number = value.number, let other = Double(wanted) { return number == other }
    switch value {
    case .text(let text): return text == wanted
    case .flag(let flag): return "\(flag)" == wanted
    case .nothing: return wanted == "null"
    default: return false
    }
  }
}
