import Foundation

/// The colours of charts, told apart by readers with any of the common colour-vision deficiencies.
public enum Palette: Sendable {
  /// From dark to bright, for magnitudes: viridis (van der Walt and Smith, matplotlib 2.0).
  case sequential
  /// Blue, white, red for signed values about zero: ColorBrewer's RdBu, reversed.
  case diverging

  /// The colour at `position`, from 0 to 1; positions outside are clipped.
  public func colour(at position: Double) -> String {
    let (r, g, b) = components(at: position)
    return String(format: "#%02x%02x%02x", r, g, b)
  }

  /// Whether black text is easier to read on the colour at `position` than white.
  func isBright(at position: Double) -> Bool {
    let (r, g, b) = components(at: position)
    return 0.299 * Double(r) + 0.587 * Double(g) + 0.114 * Double(b) > 140
  }

  private func components(at position: Double) -> (Int, Int, Int) {
    let stops = self == .sequential ? Self.viridis : Self.blueRed
    let place = min(max(position.isFinite ? position : 0, 0), 1) * Double(stops.count - 1)
    let lower = min(Int(place), stops.count - 2)
    let share = place - Double(lower)
    func mix(_ shift: Int) -> Int {
      let (a, b) = (stops[lower] >> shift & 255, stops[lower + 1] >> shift & 255)
      return Int((Double(a) + share * Double(b - a)).rounded())
    }
    return (mix(16), mix(8), mix(0))
  }

  private static let viridis = [
    0x440154, 0x481a6c, 0x472f7d, 0x414487, 0x39568c, 0x31688e, 0x2a788e, 0x23888e, 0x1f988b,
    0x22a884, 0x35b779, 0x54c568, 0x7ad151, 0xa5db36, 0xd2e21b, 0xfde725,
  ]

  private static let blueRed = [
    0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d,
    0xb2182b, 0x67001f,
  ]

  /// Colours of series, in order: Okabe and Ito's (2008), each in a shade for either background.
  static let series: [(light: String, dark: String)] = [
    ("#0072b2", "#56b4e9"), ("#d55e00", "#ff8c42"), ("#009e73", "#3ccf9f"),
    ("#aa4499", "#e28bc8"), ("#b8860b", "#f0c84a"), ("#56b4e9", "#8ab4f8"),
    ("#5f6670", "#b4bcc6"),
  ]
}
