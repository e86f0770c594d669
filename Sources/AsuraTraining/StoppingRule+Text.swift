import AsuraConfiguration
import AsuraModel

extension StoppingRule {
  /// Reads `step=TOLERANCE` (relative step of the latent) or `readout=TOLERANCE` (change of probabilities).
  /// - Parameter field: what the text is called in messages.
  public init(_ text: String, named field: String) throws {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let tolerance = Double(parts[1]), tolerance > 0, tolerance.isFinite,
      parts[0] == "step" || parts[0] == "readout"
    else {
      throw ConfigurationError(
        field: field, found: "\"\(shortened(text))\"",
        expected: "step=TOLERANCE or readout=TOLERANCE", remedy: "for instance step=1e-3")
    }
    self = parts[0] == "step" ? .relativeStep(tolerance) : .readoutChange(tolerance)
  }
}
