/// A configuration's keys as they are read: an unknown key is an error that suggests the nearest known one.
struct Fields<Key: CodingKey & CaseIterable> {
  private let container: KeyedDecodingContainer<Key>

  init(_ decoder: any Decoder) throws {
    let known = Key.allCases.map(\.stringValue)
    for key in try decoder.container(keyedBy: AnyKey.self).allKeys
    where !known.contains(key.stringValue) {
      let path = (decoder.codingPath + [key]).map(\.stringValue).joined(separator: ".")
      let near = key.stringValue.nearest(in: known)
      throw ModelError(
        .configuration, "unknown key \(path)",
        remedy: near.map { "Did you mean \($0)?" }
          ?? "Known keys: \(known.joined(separator: ", ")).")
    }
    container = try decoder.container(keyedBy: Key.self)
  }

  func required<T: Decodable>(_ key: Key) throws -> T {
    guard let value: T = try decode(key) else {
      throw ModelError(.configuration, "\(path(key)) is missing", remedy: "Give it a value.")
    }
    return value
  }

  func optional<T: Decodable>(_ key: Key, _ fallback: T) throws -> T {
    try decode(key) ?? fallback
  }

  func optional<T: Decodable>(_ key: Key, _ fallback: T?) throws -> T? {
    try decode(key) ?? fallback
  }

  private func decode<T: Decodable>(_ key: Key) throws -> T? {
    do {
      return try container.decodeIfPresent(T.self, forKey: key)
    } catch let error as ModelError {
      throw error
    } catch {
      // Decoders have error types of their own for numbers that do not fit.
      throw ModelError(
        .configuration,
        "\(path(key)) has a value of the wrong kind, expected \(Self.expected(T.self))",
        remedy: "\(error)".contains("overflow") ? "The number is too large." : nil)
    }
  }

  private func path(_ key: Key) -> String {
    (container.codingPath + [key]).map(\.stringValue).joined(separator: ".")
  }

  private static func expected<T>(_ type: T.Type) -> String {
    if let cases = type as? any CaseIterable.Type { return "one of \(caseNames(cases))" }
    switch type {
    case is Int.Type, is Int?.Type: return "a whole number"
    case is Double.Type, is Double?.Type: return "a number"
    case is Bool.Type: return "true or false"
    case is String.Type, is String?.Type: return "text"
    case is [Double].Type: return "a list of numbers"
    default: return "keys with values of their own"
    }
  }

  private static func caseNames<C: CaseIterable>(_ type: C.Type) -> String {
    type.allCases.map { "\($0)" }.joined(separator: ", ")
  }
}

private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { return nil }
}

extension String {
  /// The candidate with the smallest edit distance to this text, if that is small for its length.
  func nearest(in candidates: [String]) -> String? {
    candidates.map { ($0, editDistance(to: $0)) }
      .filter { $0.1 <= max(2, count / 3) }
      .min { $0.1 < $1.1 }?.0
  }

  private func editDistance(to other: String) -> Int {
    let (a, b) = (Array(lowercased().prefix(200)), Array(other.lowercased().prefix(200)))
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let cost = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = Swift.min(cost, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
