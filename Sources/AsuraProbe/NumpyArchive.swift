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
    let array = try array(name)
    guard ["<f4", "<f8"].contains(array.type) else {
      throw otherType(name, array.type, "np.ascontiguousarray(x, dtype='float64')")
    }
    let size = array.type == "<f4" ? 4 : 8
    let bytes = try elements(of: array, name, size: size)
    let values = (0..<bytes.count / size).map { i -> Double in
      bytes.withUnsafeBytes {
        size == 4
          ? Double($0.loadUnaligned(fromByteOffset: 4 * i, as: Float.self))
          : $0.loadUnaligned(fromByteOffset: 8 * i, as: Double.self)
      }
    }
    return Tensor(array.shape, values)
  }

  /// The array of that name, of 64-bit whole numbers, in row-major order.
  public func integers(_ name: String) throws -> [Int] {
    let array = try array(name)
    guard array.type == "<i8" else {
      throw otherType(name, array.type, "np.ascontiguousarray(x, dtype='int64')")
    }
    let bytes = try elements(of: array, name, size: 8)
    return (0..<bytes.count / 8).map { i in
      bytes.withUnsafeBytes {
        Int(Int64(littleEndian: $0.loadUnaligned(fromByteOffset: 8 * i, as: Int64.self)))
      }
    }
  }

  /// The array of that name, of texts (NumPy's type `U`), in row-major order.
  public func texts(_ name: String) throws -> [String] {
    let array = try array(name)
    guard array.type.hasPrefix("<U"), let width = Int(array.type.dropFirst(2)), width >= 0 else {
      throw otherType(name, array.type, "np.array(x, dtype='U')")
    }
    let bytes = try elements(of: array, name, size: 4 * width)
    let count = array.shape.reduce(1, *)
    return try (0..<count).map { i in
      var text = String.UnicodeScalarView()
      for place in 0..<width {
        let value = bytes.withUnsafeBytes {
          UInt32(
            littleEndian: $0.loadUnaligned(
              fromByteOffset: 4 * (i * width + place), as: UInt32.self))
        }
        if value == 0 { break }
        guard let scalar = Unicode.Scalar(value) else {
          throw damaged("'\(name)' holds what is no character")
        }
        text.append(scalar)
      }
      return String(text)
    }
  }

  /// An array as it is stored.
  private struct Stored {
    let type: String
    let shape: [Int]
    /// Where its elements begin in the entry.
    let start: Int
    let bytes: Bytes
  }

  private func array(_ name: String) throws -> Stored {
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
    guard order == "False" else {
      throw otherType(name, "\(type), in column order", "np.ascontiguousarray(x)")
    }
    return Stored(type: type, shape: shape, start: 8 + lengthSize + length, bytes: reader)
  }

  /// The bytes of all elements, each of `size`.
  private func elements(of array: Stored, _ name: String, size: Int) throws -> [UInt8] {
    var count = size
    for length in array.shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard !overflow, product >= 0 else { throw damaged("'\(name)' claims \(array.shape)") }
      count = product
    }
    guard let bytes = array.bytes.bytes(array.start, count) else {
      throw damaged("'\(name)' is cut short")
    }
    return bytes
  }

  private func otherType(_ name: String, _ found: String, _ wanted: String) -> ProbeError {
    ProbeError(
      .notFound, "\(path): '\(name)' is of type \(found)", remedy: "Save it as \(wanted).")
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
        let (size, local) = large(size, local, file, place + 46 + nameLength, extraLength),
        let localName = file.number(local + 26, 2), let localExtra = file.number(local + 28, 2)
      else { throw damaged(path, "its directory is damaged") }
      guard method == 0 else {
        throw ProbeError(
          .incompleteTrace, "\(path) is compressed",
          remedy: "Save it with numpy.savez, not savez_compressed.")
      }
      let start = local + 30 + localName + localExtra
      guard start <= data.count, size <= data.count - start else {
        throw damaged(path, "it is cut short")
      }
      let text = String(decoding: name, as: UTF8.self)
      entries[text.hasSuffix(".npy") ? String(text.dropLast(4)) : text] = start..<start + size
      place += 46 + nameLength + extraLength + commentLength
    }
    return entries
  }

  /// An entry's size and place, from the extra field where they are too large for, or kept out of, 32 bits; nil when
  /// that field is not there.
  private static func large(
    _ size: Int, _ local: Int, _ file: Bytes, _ extra: Int, _ length: Int
  ) -> (size: Int, local: Int)? {
    let mark = 0xFFFF_FFFF
    guard size == mark || local == mark else { return (size, local) }
    var place = extra
    while place + 4 <= extra + length, let kind = file.number(place, 2),
      let count = file.number(place + 2, 2)
    {
      guard kind == 1 else {
        place += 4 + count
        continue
      }
      // Size, compressed size and place, those of them that the mark stands for.
      let values = (0..<count / 8).compactMap { file.number(place + 4 + 8 * $0, 8) }
      guard let first = values.first, first >= 0 else { return nil }
      let found = (size == mark ? first : size, local == mark ? values[values.count - 1] : local)
      return found.1 >= 0 && found.1 < file.range.count ? found : nil
    }
    return nil
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
