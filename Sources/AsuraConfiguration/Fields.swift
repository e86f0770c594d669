/// Reads a mapping strictly: a key that isn't one of `Key`'s is an error, and so is a
/// value of another type. A missing key takes its default.
package struct Fields<Key: CodingKey & CaseIterable> {
  private let container: KeyedDecodingContainer<Key>
  private let path: String

  package init(_ decoder: any Decoder, keyedBy: Key.Type = Key.self) throws {
    path = optionPath(decoder.codingPath)
    do {
      container = try decoder.container(keyedBy: Key.self)
      let names = Key.allCases.map(\.stringValue)
      for key in try decoder.container(keyedBy: AnyKey.self).allKeys
      where !names.contains(key.stringValue) {
        throw ConfigurationError.unknown(
          optionPath(decoder.codingPath + [key]), found: key.stringValue,
          names: names)
      }
    } catch let error where !(error is ConfigurationError) {
      throw ConfigurationError(
        field: path.isEmpty ? "the whole" : path, found: describeFound(decoder),
        expected: "a mapping of options", remedy: "write it as key: value lines")
    }
  }

  /// The value at `key`, or `fallback` when the key isn't there.
  package func value<Value: Decodable>(_ key: Key, default fallback: Value) throws -> Value {
    try decode(key, remedy: "write it so, or leave it out for \(fallback)") ?? fallback
  }

  /// The value at `key`; nil when the key isn't there or holds nothing.
  package func value<Value: Decodable>(_ key: Key) throws -> Value? {
    try decode(key, remedy: "write it so, or leave it out")
  }

  /// The value at `key`, which must be there.
  package func required<Value: Decodable>(_ key: Key) throws -> Value {
    guard let value: Value = try decode(key, remedy: "write it so") else {
      throw ConfigurationError(
        field: field(key), found: "nothing", expected: describe(Value.self),
        remedy: "give it a value")
    }
    return value
  }

  private func decode<Value: Decodable>(_ key: Key, remedy: String) throws -> Value? {
    do {
      return try container.decodeIfPresent(Value.self, forKey: key)
    } catch let error as DecodingError {
      // YAML's decoder wraps what an initialiser throws.
      if case .dataCorrupted(let context) = error,
        let inner = context.underlyingError as? ConfigurationError
      {
        throw inner
      }
      throw mistyped(key, Value.self, remedy)
    } catch let error where !(error is ConfigurationError) {
      // Not always a DecodingError: a JSON 2.5 read as Int is Foundation's own.
      throw mistyped(key, Value.self, remedy)
    }
  }

  private func mistyped(_ key: Key, _ type: Any.Type, _ remedy: String) -> ConfigurationError {
    ConfigurationError(
      field: field(key), found: found(key), expected: describe(type), remedy: remedy)
  }

  /// The case named at `key`, or `fallback` when the key isn't there.
  package func choice<Value: RawRepresentable<String> & CaseIterable>(
    _ key: Key, default fallback: Value
  ) throws -> Value {
    guard container.contains(key) else { return fallback }
    let names = Value.allCases.map(\.rawValue)
    guard let name = try? container.decode(String.self, forKey: key),
      let value = Value(rawValue: name)
    else { throw ConfigurationError.unknown(field(key), found: found(key), names: names) }
    return value
  }

  /// Runs `validate`, putting this mapping's path before the field its error names.
  package func validating(_ validate: () throws -> Void) throws {
    do { try validate() } catch let error as ConfigurationError { throw error.within(path) }
  }

  private func field(_ key: Key) -> String {
    path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
  }

  private func found(_ key: Key) -> String {
    (try? container.superDecoder(forKey: key)).map(describeFound) ?? "something unreadable"
  }
}

/// The path a decoder stands at, as a person would write it.
package func optionPath(_ path: [any CodingKey]) -> String {
  path.reduce(into: "") { text, key in
    if let index = key.intValue {
      text += "[\(index)]"
    } else {
      text += (text.isEmpty ? "" : ".") + shortened(key.stringValue)
    }
  }
}

/// The value a decoder stands at, as it would be written.
package func describeFound(_ decoder: any Decoder) -> String {
  guard let value = try? decoder.singleValueContainer() else { return "a list or a mapping" }
  if value.decodeNil() { return "nothing" }
  if let flag = try? value.decode(Bool.self) { return "\(flag)" }
  if let number = try? value.decode(Int.self) { return "\(number)" }
  if let number = try? value.decode(Double.self) { return "\(number)" }
  if let text = try? value.decode(String.self) { return shortened(text) }
  return "a list or a mapping"
}

private func describe(_ type: Any.Type) -> String {
  if let choices = type as? any CaseIterable.Type { return "one of \(caseNames(choices))" }
  switch type {
  case is Int.Type, is UInt64.Type: return "a whole number"
  case is Double.Type: return "a number"
  case is Bool.Type: return "true or false"
  case is String.Type: return "text"
  case is [Double].Type: return "a list of numbers"
  case is any ExpressibleByArrayLiteral.Type: return "a list"
  case is [String: [Int32]].Type: return "lists of whole numbers of 32 bits by name"
  default: return "a mapping of options"
  }
}

private func caseNames<Choice: CaseIterable>(_ type: Choice.Type) -> String {
  type.allCases.map { "\($0)" }.joined(separator: ", ")
}

/// A key with whatever name the input gave it.
private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { return nil }
}
