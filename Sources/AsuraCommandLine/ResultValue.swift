import Foundation

/// A value in a command's JSON result, whatever its kind.
package enum ResultValue: Codable, Equatable, Sendable {
  case nothing
  case flag(Bool)
  case number(Double)
  case text(String)
  case list([ResultValue])
  case fields([String: ResultValue])

  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .nothing
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let list = try? value.decode([ResultValue].self) {
      self = .list(list)
    } else {
      self = .fields(try value.decode([String: ResultValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .nothing: try value.encodeNil()
    case .flag(let flag): try value.encode(flag)
    case .number(let number): try value.encode(number)
    case .text(let text): try value.encode(text)
    case .list(let list): try value.encode(list)
    case .fields(let fields): try value.encode(fields)
    }
  }

  /// The number it is; also one that JSON cannot write, which `JSONOutput` makes a text.
  package var number: Double? {
    switch self {
    case .number(let number): number
    case .text("NaN"): .nan
    case .text("Infinity"): .infinity
    case .text("-Infinity"): -.infinity
    default: nil
    }
  }

  package var elements: [ResultValue]? {
    if case .list(let list) = self { list } else { nil }
  }

  package var texts: [String] {
    (elements ?? []).compactMap { if case .text(let text) = $0 { text } else { nil } }
  }

  package subscript(key: String) -> ResultValue? {
    if case .fields(let fields) = self { fields[key] } else { nil }
  }

  /// As a person reads it: numbers to four digits, at most 24 of a list.
  package var shown: String {
    if let number { return Self.shown(number) }
    switch self {
    case .nothing: return "none"
    case .flag(let flag): return flag ? "yes" : "no"
    case .number(let number): return Self.shown(number)
    case .text(let text): return text
    case .list(let list):
      if list.isEmpty { return "none" }
      let rest = list.count > 24 ? ", … (\(list.count) in all)" : ""
      return list.prefix(24).map(\.shown).joined(separator: ", ") + rest
    case .fields(let fields):
      return fields.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.shown)" }
        .joined(separator: ", ")
    }
  }

  private static func shown(_ number: Double) -> String {
    let isWhole = number == number.rounded() && abs(number) < 1e15
    return isWhole ? String(format: "%.0f", number) : String(format: "%.4g", number)
  }
}

/// What is told of the values found in a result.
package enum ResultSummary: String, CaseIterable, Sendable {
  /// The value, or the list of them.
  case each
  /// How many there are; those that hold nothing do not count.
  case count
  /// How often each one occurs.
  case tally
  case mean, median, min, max

  /// - Throws: `CommandError` if numbers are needed and the values are none.
  package func of(_ values: [ResultValue]) throws(CommandError) -> ResultValue {
    switch self {
    case .each: return values.count > 1 ? .list(values) : values.first ?? .nothing
    case .count: return .number(Double(values.count { $0 != .nothing }))
    case .tally:
      let counts = Dictionary(values.map { ($0.shown, 1.0) }, uniquingKeysWith: +)
      return .fields(counts.mapValues { .number($0) })
    case .mean, .median, .min, .max: break
    }
    let there = values.filter { $0 != .nothing }
    let numbers = there.compactMap(\.number)
    guard numbers.count == there.count else {
      throw CommandError(
        "the \(rawValue) of values that are no numbers, such as \(there.first { $0.number == nil }?.shown.prefix(60) ?? "")",
        status: .nothingMatched, remedy: "give the path of numbers, or of: each, count or tally")
    }
    let sorted = numbers.filter { !$0.isNaN }.sorted()
    guard let least = sorted.first, let most = sorted.last else { return .nothing }
    let middle = sorted.count / 2
    switch self {
    case .min: return .number(least)
    case .max: return .number(most)
    case .median where sorted.count.isMultiple(of: 2):
      return .number((sorted[middle - 1] + sorted[middle]) / 2)
    case .median: return .number(sorted[middle])
    default: return .number(sorted.reduce(0, +) / Double(sorted.count))
    }
  }
}
