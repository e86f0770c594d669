import Foundation

/// A number of bytes as people write it: `2GB`, `512 MiB`, `1000`.
public struct ByteCount: Sendable, Hashable {
  public let bytes: Int

  private static let units = ["b", "kb", "mb", "gb", "tb"]
  private static let binaryUnits = ["b", "kib", "mib", "gib", "tib"]

  /// Reads an option's value: a number and a unit, of a thousand (kB, MB, GB, TB) or of 1,024 (KiB, MiB, GiB,
  /// TiB); bytes without.
  public init(parsing text: String) throws(CommandError) {
    let spelled = text.trimmingCharacters(in: .whitespaces)
    let digits = spelled.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "_") }
    let unit = spelled.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).lowercased()
    let scale: Double? =
      if unit.isEmpty {
        1
      } else if let power = Self.units.firstIndex(of: unit) {
        pow(1000, Double(power))
      } else if let power = Self.binaryUnits.firstIndex(of: unit) {
        pow(1024, Double(power))
      } else { nil }
    guard let scale, let number = Double(digits.filter { $0 != "_" }),
      let bytes = Int(exactly: (number * scale).rounded())
    else {
      throw CommandError(
        "'\(truncated(sanitized(text), columns: 24))' is no size", status: .usage,
        remedy: "write a number and B, kB, MB, GB or TB, or KiB, MiB, GiB or TiB, as in 2GB")
    }
    self.bytes = bytes
  }
}
