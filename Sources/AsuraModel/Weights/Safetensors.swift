import AsuraConfiguration
import AsuraTensor
import Foundation

/// Reading and writing the safetensors format: an 8-byte little-endian header length, a JSON header
/// naming each tensor's type, shape and place, and the bytes.
/// https://github.com/huggingface/safetensors
///
/// Nothing in a file is trusted: lengths are checked against the file before anything is read or
/// allocated.
public struct Safetensors: Sendable {
  /// A tensor as it lies in the file.
  public struct Entry: Sendable, Equatable {
    /// The format's type name, such as `F32`.
    public let type: String
    public let shape: [Int]
    fileprivate let bytes: Range<Int>
  }

  /// The texts in the header's `__metadata__`.
  public let metadata: [String: String]
  /// What is in the file, by name.
  public let entries: [String: Entry]
  private let data: Data
  /// What errors call the file.
  let source: String

  /// The format's own limit on the header.
  private static let longestHeader = 100_000_000

  /// Opens a file; one that is missing, truncated or foreign is a `ModelError`.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      throw ModelError(
        .weights, "cannot read \(url.path): \(error.localizedDescription)",
        remedy: "Check the path and its permissions.")
    }
    try self.init(data, source: url.path)
  }

  /// Reads a file's bytes; `source` names it in errors.
  public init(_ data: Data, source: String) throws {
    func bad(_ what: String) -> ModelError {
      ModelError(
        .weights, "\(source) is not a valid safetensors file: \(what)",
        remedy: "It may be truncated, or of another format.")
    }
    guard data.count >= 8 else { throw bad("it has only \(data.count) bytes") }
    let length = data.prefix(8).enumerated().reduce(UInt64(0)) {
      $0 | UInt64($1.element) << (8 * UInt64($1.offset))
    }
    guard length <= Self.longestHeader, Int(length) <= data.count - 8 else {
      throw bad("its header claims \(length) bytes of a file of \(data.count)")
    }
    let start = 8 + Int(length)
    let header = data.subdata(in: data.startIndex + 8..<data.startIndex + start)
    guard let json = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
      throw bad("its header is not a JSON object")
    }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for (name, value) in json {
      if name == "__metadata__" {
        guard let texts = value as? [String: String] else { throw bad("metadata is not text") }
        metadata = texts
        continue
      }
      guard let fields = value as? [String: Any], let type = fields["dtype"] as? String,
        let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
        offsets.count == 2
      else { throw bad("\(name) lacks a valid dtype, shape or data_offsets") }
      guard shape.count <= 16, shape.allSatisfy({ $0 >= 0 }) else {
        throw bad("\(name) has shape \(shape)")
      }
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, product <= data.count else {
          throw bad("\(name) of shape \(shape) is larger than the file")
        }
        count = product
      }
      guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] <= data.count - start else {
        throw bad("\(name) lies at \(offsets[0])..<\(offsets[1]) of \(data.count - start) bytes")
      }
      if let size = Self.size(of: type), offsets[1] - offsets[0] != count * size {
        throw bad(
          "\(name) of \(type) \(shape) takes \(count * size) bytes, not \(offsets[1] - offsets[0])")
      }
      entries[name] = Entry(
        type: type, shape: shape, bytes: start + offsets[0]..<start + offsets[1])
    }
    // The format asks for tensors side by side: a byte belongs to one of them.
    var (end, previous) = (start, "")
    for (name, entry) in entries.sorted(by: {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound)
        < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound)
    }) {
      let gap = entry.bytes.lowerBound - end
      guard gap >= 0 else { throw bad("\(name) overlaps \(previous)") }
      guard gap == 0 else { throw bad("\(gap) bytes before \(name) belong to no tensor") }
      (end, previous) = (entry.bytes.upperBound, name)
    }
    guard end == data.count else {
      throw bad("\(data.count - end) bytes at its end belong to no tensor")
    }
    self.metadata = metadata
    self.entries = entries
    self.data = data
    self.source = source
  }

  private static func size(of type: String) -> Int? {
    switch type {
    case "F64", "I64", "U64": 8
    case "F32", "I32", "U32": 4
    case "F16", "BF16", "I16", "U16": 2
    case "I8", "U8", "BOOL": 1
    default: nil
    }
  }

  /// A tensor of floating-point numbers, converted when the file holds another precision.
  public func tensor<S: Scalar>(_ name: String, as type: S.Type = S.self) throws -> Tensor<S> {
    guard let entry = entries[name] else {
      let near = nearest(to: name, in: Array(entries.keys))
      throw ModelError(
        .weights, "\(source) has no tensor \(name)", remedy: near.map { "Did you mean \($0)?" })
    }
    switch entry.type {
    case "F32": return read(entry, Float.self)
    case "F64": return read(entry, Double.self)
    case "BF16", "F16":
      let halves: [UInt16] = integers(entry)
      return Tensor(
        entry.shape,
        halves.map {
          entry.type == "BF16"
            ? S(Float(bitPattern: UInt32($0) << 16)) : S(Self.float(half: $0))
        })
    default:
      throw ModelError(
        .weights, "\(name) in \(source) has type \(entry.type), expected F32, F64, F16 or BF16")
    }
  }

  /// A tensor of 64- or 32-bit integers in row-major order.
  public func integers(_ name: String) throws -> [Int] {
    switch entries[name]?.type {
    case "I64": return entries[name].map { integers($0) as [Int64] }?.map { Int($0) } ?? []
    case "I32": return entries[name].map { integers($0) as [Int32] }?.map { Int($0) } ?? []
    default:
      throw ModelError(.weights, "\(source) has no integers \(name)")
    }
  }

  private func read<S: Scalar, Stored: Scalar>(_ entry: Entry, _: Stored.Type) -> Tensor<S> {
    let stored = Tensor<Stored>(entry.shape) { base in
      _ = data.copyBytes(
        to: UnsafeMutableRawBufferPointer(start: base, count: entry.bytes.count),
        from: data.startIndex + entry.bytes.lowerBound..<data.startIndex + entry.bytes.upperBound)
    }
    return stored.converted()
  }

  private func integers<I: FixedWidthInteger>(_ entry: Entry) -> [I] {
    let size = MemoryLayout<I>.size
    return (0..<entry.bytes.count / size).map { i in
      let start = data.startIndex + entry.bytes.lowerBound + i * size
      return data[start..<start + size].enumerated().reduce(I(0)) {
        $0 | I(truncatingIfNeeded: UInt64($1.element) << (8 * UInt64($1.offset)))
      }
    }
  }

  private static func float(half bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 0x3FF))
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default:
      return sign * (1 + fraction / 1024)
        * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }

  /// The file's bytes for tensors in the given order. Offsets are aligned as the format asks.
  public static func encode<S: Scalar>(
    _ tensors: [(name: String, tensor: Tensor<S>)], metadata: [String: String] = [:]
  ) throws -> Data {
    var header: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    var offset = 0
    for (name, tensor) in tensors {
      let bytes = tensor.count * MemoryLayout<S>.stride
      header[name] = [
        "dtype": S.self == Float.self ? "F32" : "F64", "shape": tensor.shape,
        "data_offsets": [offset, offset + bytes],
      ]
      offset += bytes
    }
    var json = try JSONSerialization.data(
      withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    var data = Data(capacity: 8 + json.count + offset)
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(json)
    for (_, tensor) in tensors {
      tensor.read { base in
        data.append(
          UnsafeRawBufferPointer(start: base, count: tensor.count * MemoryLayout<S>.stride)
            .bindMemory(to: UInt8.self))
      }
    }
    return data
  }
}
