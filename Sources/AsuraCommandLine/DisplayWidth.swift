/// How many terminal columns `text` takes: 2 for East Asian wide characters and emoji, 0 for
/// control characters, 1 for the rest; combining marks count with the character they belong to.
public func displayWidth(_ text: String) -> Int {
  text.reduce(0) { $0 + displayWidth($1) }
}

func displayWidth(_ character: Character) -> Int {
  guard let scalar = character.unicodeScalars.first else { return 0 }
  if scalar.value < 0x300 { return scalar.properties.generalCategory == .control ? 0 : 1 }
  switch scalar.properties.generalCategory {
  case .control, .format, .nonspacingMark, .enclosingMark: return 0
  default: break
  }
  if scalar.properties.isEmojiPresentation { return 2 }
  if character.unicodeScalars.contains(where: { $0.value == 0xFE0F }) { return 2 }
  return wideRanges.contains { $0.contains(scalar.value) } ? 2 : 1
}

/// The blocks that UAX #11 calls wide or fullwidth, emoji aside.
private let wideRanges: [ClosedRange<UInt32>] = [
  0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
  0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
  0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1B000...0x1B2FF, 0x20000...0x3FFFD,
]

/// The longest beginning of `text` that fits in `columns`, ending in `…` where something was cut.
package func truncated(_ text: String, columns: Int, ellipsis: String = "…") -> String {
  guard displayWidth(text) > columns else { return text }
  var kept = ""
  var left = columns - displayWidth(ellipsis)
  guard left >= 0 else { return "" }
  for character in text {
    left -= displayWidth(character)
    if left < 0 { break }
    kept.append(character)
  }
  return kept + ellipsis
}

/// `text` on one line and harmless: what a file says must not move the cursor or colour the screen.
func sanitized(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
    return text
  }
  var clean = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    clean.append(scalar.properties.generalCategory == .control ? " " : scalar)
  }
  return String(clean)
}
