import Foundation

/// One moment of a long piece of work, and how it reads.
package struct ProgressLine {
  package var label: String
  package var unit: String
  package var completed: Int
  package var total: Int?
  /// Units a second; nil while unknown.
  package var rate: Double?
  package var elapsed: Double
  package var isFinished: Bool
  package var message: String

  package init(
    label: String, unit: String, completed: Int, total: Int?, rate: Double? = nil,
    elapsed: Double, isFinished: Bool = false, message: String = ""
  ) {
    self.label = label
    self.unit = unit
    self.completed = completed
    self.total = total
    self.rate = rate
    self.elapsed = elapsed
    self.isFinished = isFinished
    self.message = message
  }

  /// The line for a terminal, at most `columns` wide: label, bar, share, count, rate, time,
  /// message.
  package func drawn(columns: Int, unicode: Bool) -> String {
    let before = label.isEmpty ? "" : label + " "
    let after =
      " "
      + ([share, count] + timing + [message]).filter { !$0.isEmpty }
      .joined(separator: "  ")
    let room = min(30, columns - displayWidth(before + after) - 2)
    let middle = room >= 8 ? bar(room, unicode: unicode) : ""
    let line = middle.isEmpty ? before + after.drop { $0 == " " } : before + middle + after
    return truncated(line, columns: columns, ellipsis: unicode ? "…" : "...")
  }

  /// The line for a log.
  package var plain: String {
    let counted = share.isEmpty ? count : "\(count) (\(share))"
    return ([label, counted] + timing + [message]).filter { !$0.isEmpty }.joined(separator: "  ")
  }

  private var share: String {
    guard let total, total > 0 else { return "" }
    // Rounded down, so that 100% is said only when it is true.
    return "\(Int((Double(completed) / Double(total) * 100).rounded(.down)))%"
  }

  private var count: String {
    total.map { "\(completed)/\($0)" } ?? "\(completed) \(unit)"
  }

  private var timing: [String] {
    var parts: [String] = []
    if let rate, rate > 0 {
      parts.append(
        rate >= 1 ? "\(threeDigits(rate)) \(unit)/s" : "\(threeDigits(1 / rate)) s/\(unit)")
    }
    if isFinished {
      parts.append("in \(duration(elapsed))")
    } else if let rate, rate > 0, let total, total > completed {
      parts.append("\(duration(Double(total - completed) / rate)) left")
    }
    return parts
  }

  private func bar(_ width: Int, unicode: Bool) -> String {
    guard let total, total > 0 else { return "" }
    let share = min(max(Double(completed) / Double(total), 0), 1)
    if unicode {
      let eighths = Int((share * Double(width) * 8).rounded(.down))
      let partial: [String] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
      let filled = String(repeating: "█", count: eighths / 8) + partial[eighths % 8]
      return "▕\(filled)\(String(repeating: " ", count: width - filled.count))▏"
    }
    let filled = Int((share * Double(width)).rounded(.down))
    return
      "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: width - filled))]"
  }
}

/// Seconds as `0:07`, `12:05`, `3:02:09` or `2 d 4 h`; `0.4 s` below one.
package func duration(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds < 1e9 else { return "ages" }
  if seconds < 1 { return "\(threeDigits(max(seconds, 0))) s" }
  let whole = Int(seconds.rounded())
  let (hours, minutes) = (whole / 3600, whole / 60 % 60)
  func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  if hours >= 48 { return "\(hours / 24) d \(hours % 24) h" }
  if hours > 0 { return "\(hours):\(padded(minutes)):\(padded(whole % 60))" }
  return "\(minutes):\(padded(whole % 60))"
}

/// A positive number to about three significant digits, without an exponent.
private func threeDigits(_ number: Double) -> String {
  String(format: number < 9.995 ? "%.2f" : number < 99.95 ? "%.1f" : "%.0f", number)
}
