public import AsuraTensor
public import Foundation

/// Writes arrays as an `.npz` file, uncompressed, as `numpy.savez` does: `numpy.load` reads it.
public struct NumpyArchiveWriter {
  /// What a file may hold.
  public enum Array {
    case reals(Tensor<Double>)
    /// One axis of whole numbers, stored in 64 bits.
    case integers([Int])
    /// One axis of texts, stored as NumPy's fixed-width Unicode.
    case texts([String])
  }

  /// Writes the arrays in order; the file appears under its name when it is whole.
  /// - Throws: `TraceError`: `exists`, `inaccessible`.
  public static func write(
    _ arrays: KeyValuePairs<String, Array>, to url: URL, overwriting: Bool = false
  ) throws {
    let file = try ByteFile(url, overwriting: overwriting)
    do {
      var archive = ZipArchive(file)
      for (name, array) in arrays {
        try archive.begin("\(name).npy")
        for bytes in encoded(array) { try bytes.withUnsafeBytes { try archive.write($0) } }
      }
      try archive.finish()
      try file.finish()
    } catch {
      file.discard()
      throw error
    }
  }

  /// An array's header and its elements.
  private static func encoded(_ array: Array) -> [[UInt8]] {
    switch array {
    case .reals(let tensor):
      return [
        header("<f8", tensor.shape),
        tensor.read { Swift.Array(UnsafeRawBufferPointer(start: $0, count: 8 * tensor.count)) },
      ]
    case .integers(let values):
      return [header("<i8", [values.count]), values.flatMap { littleEndian(Int64($0)) }]
    case .texts(let texts):
      let scalars = texts.map { Swift.Array($0.unicodeScalars) }
      // NumPy has no texts of no characters.
      let width = max(1, scalars.map(\.count).max() ?? 1)
      let padded = scalars.flatMap { $0.map(\.value) + repeatElement(0, count: width - $0.count) }
      return [header("<U\(width)", [texts.count]), padded.flatMap { littleEndian($0) }]
    }
  }

  /// The head of a `.npy` file, version 1.0, of elements of a NumPy `type` such as `<f8`.
  /// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
  static func header(_ type: String, _ shape: [Int]) -> [UInt8] {
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // Values begin at a multiple of 64.
    while (text.utf8.count + 11) % 64 != 0 { text += " " }
    text += "\n"
    return [0x93] + Swift.Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(text.utf8.count))
      + Swift.Array(text.utf8)
  }
}
