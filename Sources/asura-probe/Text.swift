import Foundation

/// Tells on standard error what a reader of the results must know.
func warn(_ text: String) {
  FileHandle.standardError.write(Data("warning: \(text)\n".utf8))
}

/// A number to `digits` significant digits.
func significant(_ value: Double, _ digits: Int = 4) -> String {
  String(format: "%.\(digits)g", value)
}
