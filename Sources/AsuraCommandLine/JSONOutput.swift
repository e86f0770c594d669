import Foundation

/// Results as JSON on standard output.
///
/// Keys are in alphabetical order, so that equal results are equal text. Numbers that JSON can't
/// write are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, which Python's `float()` reads.
public enum JSONOutput {
  /// The JSON text of a value: indented, or all in one line.
  public static func text(_ value: some Encodable, indented: Bool = true) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if indented { encoder.outputFormatting.insert(.prettyPrinted) }
    encoder.dateEncodingStrategy = .iso8601
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// Prints a value: indented for a person at a terminal, else in one line.
  public static func print(_ value: some Encodable) throws {
    Swift.print(try text(value, indented: Terminal.standardOutput.isInteractive))
  }
}
