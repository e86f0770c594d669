/// Reads a mapping of options strictly: a key that isn't one of `Key`'s is an error, and so is a
/// value of another type. A missing key takes its default.
struct OptionReader<Key: CodingKey & CaseIterable> {
  private let container: KeyedDecodingContainer<Key>
  private let path: String

  init(_ decoder: any Decoder, keyedBy: Key.Type = Key.self) throws {
    path = optionPath(decoder.codingPath)
    do {
      container = try decoder.container(keyedBy: Key.self)
      let names = Key.allCases.map(\.stringValue)
      for key in try decoder.container(keyedBy: AnyKey.self).allKeys
      where !names.contains(key.stringValue) {
        throw TaskError.unknown(
          optionPath(decoder.codingPath + [key]), found: key.stringValue,
          names: names)
      }
    } catch let error where !(error is TaskError) {
      throw TaskError(
        field: path.isEmpty ? "task" : path, found: describeFound(decoder),
        expected: "a mapping of options", remedy: "write it as key: value lines")
    }
  }

  /// The value at `key`, or `fallback` when the key isn't there.
  func value<Value: Decodable>(_ key: Key, default fallback: Value) throws -> Value {
    guard container.contains(key) else { return fallback }
    do {
      return try container.decode(Value.self, forKey: key)
    } catch let error where !(error is TaskError) {
      // Not always a DecodingError: a JSON 2.5 read as Int is Foundation's own.
      throw TaskError(
        field: field(key), found: found(key), expected: describe(Value.self),
        remedy: "write it so, or leave it out for \(fallback)")
    }
  }

  /// The case named at `key`, or `fallback` when the key isn't there.
  func choice<Value: RawRepresentable<String> & CaseIterable>(
    _ key: Key, default fallback: Value
  ) throws -> Value {
    guard container.contains(key) else { return fallback }
    let names = Value.allCases.map(\.rawValue)
    guard let name = try? container.decode(String.self, forKey: key),
      let value = Value(rawValue: name)
    else { throw TaskError.unknown(field(key), found: found(key), names: names) }
    return value
  }

  /// Runs `validate`, putting this mapping's path before the field its error names.
  func validating(_ validate: () throws -> Void) throws {
    do { try validate() } catch let error as TaskError { throw error.within(path) }
  }

  private func field(_ key: Key) -> String {
    path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
  }

  private func found(_ key: Key) -> String {
    (try? container.superDecoder(forKey: key)).map(describeFound) ?? "something unreadable"
  }
}

/// The path a decoder stands at, as a person would write it.
func optionPath(_ path: [any CodingKey]) -> String {
  path.map { shortened($0.stringValue) }.joined(separator: ".")
}

/// The value a decoder stands at, as it would be written.
func describeFound(_ decoder: any Decoder) -> String {
  guard let value = try? decoder.singleValueContainer() else { return "a list or a mapping" }
  if value.decodeNil() { return "nothing" }
  if let flag = try? value.decode(Bool.self) { return "\(flag)" }
  if let number = try? value.decode(Int.self) { return "\(number)" }
  if let number = try? value.decode(Double.self) { return "\(number)" }
  if let text = try? value.decode(String.self) { return shortened(text) }
  return "a list or a mapping"
}

private func describe(_ type: Any.Type) -> String {
  switch type {
  case is Int.Type, is UInt64.Type: "a whole number"
  case is Double.Type: "a number"
  case is Bool.Type: "true or false"
  default: "\(type)"
  }
}

/// A key with whatever name the input gave it.
private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { return nil }
}
