import AsuraTrace
import Foundation

/// Every dataset of a file by its path: the bits of its numbers, or its texts. Shapes differ only where the sizes do.
public func storedData(_ url: URL) throws -> [String: Data] {
  var found: [String: Data] = [:]
  func visit(_ group: H5Group, _ path: String) throws {
    for name in try group.names() {
      if let member = try? group.group(name) {
        try visit(member, "\(path)/\(name)")
        continue
      }
      let dataset = try group.dataset(name)
      let shape = try dataset.shape()
      guard case .number(let number) = try dataset.kind() else {
        found["\(path)/\(name)"] = Data(try dataset.texts().joined(separator: "\n").utf8)
        continue
      }
      var bytes = Data(count: shape.reduce(number.size, *))
      try bytes.withUnsafeMutableBytes {
        guard let base = $0.baseAddress else { return }
        try dataset.read(into: base, as: number, start: shape.map { _ in 0 }, count: shape)
      }
      found["\(path)/\(name)"] = bytes
    }
  }
  let file = try H5File.open(url)
  try visit(file.root, "")
  return found
}
