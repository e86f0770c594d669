public import AsuraTensor
public import Foundation

/// Arrays of an `.npz` file as `numpy.savez` writes it: a zip archive of `.npy` files, uncompressed.
public struct NumpyArchive: Sendable {
  private let data: Data
  private let path: String
  /// By name without `.npy`: where its bytes lie.
  private let entries: [String: Range<Int>]

  /// The names of the arrays.
  public var names: [String] { entries.keys.sorted() }

  /// - Throws: `ProbeError` where the file cannot be read or is not such an archive.
  public init(contentsOf url: URL) throws {
    path = url.path
    do { data = try Data(contentsOf: url) } catch {
      throw ProbeError(
        .notFound, "cannot read \(url.path): \(error.localizedDescription)",
        remedy: "Check the path and its permissions.")
    }
    entries = try Self.entries(of: data, path: url.path)
  }

  /// The array of that name, of 32 or 64-bit floats, in double precision.
  public func tensor(_ name: String) throws -> Tensor<Double> {
    guard let range = entries[name] else {
      throw ProbeError(
        .notFound, "\(path) has no array '\(name)'",
        remedy: "It has: \(names.joined(separator: ", "))")
    }
    let reader = Bytes(data: data, range: range)
    guard reader.bytes(0, 6) == [0x93] + Array("NUMPY".utf8), let version = reader.byte(6) else {
      throw damaged("'\(name)' is not an array")
    }
    let lengthSize = version == 1 ? 2 : 4
    guard let length = reader.number(8, lengthSize),
      let text = reader.bytes(8 + lengthSize, length).map({ String(decoding: $0, as: UTF8.self) }),
      let type = Self.value(of: "descr", in: text),
      let order = Self.value(of: "fortran_order", in: text),
      let open = text.firstIndex(of: "("), let close = text[open...].firstIndex(of: ")")
    else { throw damaged("the header of '\(name)' is not understood") }
    let shape = text[text.index(after: open)..<close].split(separator: ",")
      .compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard ["<f4", "<f8"].contains(type), order == "False" else {
      throw ProbeError(
        .notFound,
        "\(path): '\(name)' is of type \(type)\(order == "True" ? ", in column order" : "")",
        remedy: "Save it as np.ascontiguousarray(x, dtype='float64').")
    }
    let size = type == "<f4" ? 4 : 8
    let count = shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    let start = 8 + lengthSize + length
    guard count >= 0, let bytes = reader.bytes(start, count * size) else {
      throw damaged("'\(name)' is cut short")
    }
    let values = (0..<count).map { i -> Double in
      bytes.withUnsafeBytes {
        size == 4
          ? Double($0.loadUnaligned(fromByteOffset: 4 * i, as: Float.self))
          : $0.loadUnaligned(fromByteOffset: 8 * i, as: Double.self)
      }
    }
    return Tensor(shape, values)
  }

  private func damaged(_ what: String) -> ProbeError { Self.damaged(path, what) }

  private static func damaged(_ path: String, _ what: String) -> ProbeError {
    ProbeError(.incompleteTrace, "\(path): \(what)", remedy: "Save it again with numpy.savez.")
  }

  /// The value of a key in the header's dictionary, without quotes.
  private static func value(of key: String, in text: String) -> String? {
    guard let found = text.range(of: "'\(key)':") else { return nil }
    return text[found.upperBound...].prefix { $0 != "," && $0 != "}" }
      .trimmingCharacters(in: CharacterSet(charactersIn: " '\""))
  }

  private static func entries(of data: Data, path: String) throws -> [String: Range<Int>] {
    let file = Bytes(data: data, range: 0..<data.count)
    // The end record is the last 22 bytes, or lies before a comment.
    let end = stride(from: data.count - 22, through: max(0, data.count - 65_557), by: -1)
      .first { file.number($0, 4) == 0x0605_4b50 }
    guard let end, let count = file.number(end + 10, 2), var place = file.number(end + 16, 4) else {
      throw damaged(path, "this is no .npz file")
    }
    var entries: [String: Range<Int>] = [:]
    for _ in 0..<count {
      guard file.number(place, 4) == 0x0201_4b50, let method = file.number(place + 10, 2),
        let size = file.number(place + 20, 4), let nameLength = file.number(place + 28, 2),
        let extraLength = file.number(place + 30, 2),
        let commentLength = file.number(place + 32, 2), let local = file.number(place + 42, 4),
        let name = file.bytes(place + 46, nameLength),
        let localName = file.number(local + 26, 2), let localExtra = file.number(local + 28, 2)
      else { throw damaged(path, "its directory is damaged") }
      guard method == 0 else {
        throw ProbeError(
          .incompleteTrace, "\(path) is compressed",
          remedy: "Save it with numpy.savez, not savez_compressed.")
      }
      let start = local + 30 + localName + localExtra
      guard start + size <= data.count else { throw damaged(path, "it is cut short") }
      let text = String(decoding: name, as: UTF8.self)
      entries[text.hasSuffix(".npy") ? String(text.dropLast(4)) : text] = start..<start + size
      place += 46 + nameLength + extraLength + commentLength
    }
    return entries
  }
}

/// Reads within a part of some bytes; nil beyond its end.
private struct Bytes {
  let data: Data
  let range: Range<Int>

  func bytes(_ offset: Int, _ count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0, offset <= range.count, count <= range.count - offset else {
      return nil
    }
    let start = data.startIndex + range.lowerBound + offset
    return Array(data[start..<start + count])
  }

  func byte(_ offset: Int) -> UInt8? { bytes(offset, 1)?.first }

  /// A little-endian number of `size` bytes.
  func number(_ offset: Int, _ size: Int) -> Int? {
    bytes(offset, size).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } }
  }
}
