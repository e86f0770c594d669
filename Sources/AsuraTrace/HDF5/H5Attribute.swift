internal import CHDF5

/// The value of an attribute: a word about a group or dataset.
public enum TraceAttribute: Sendable, Equatable {
  case text(String)
  case texts([String])
  case integer(Int64)
  case unsigned(UInt64)
  case real(Double)
  case integers([Int64])
  case reals([Double])
}

extension TraceAttribute: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral
{
  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .real(value) }
}

/// Whatever carries attributes: groups, a file's root, datasets.
package protocol H5Object: Sendable {
  var handle: H5Handle { get }
}

extension H5Object {
  package func hasAttribute(_ name: String) throws -> Bool {
    try HDF5.call("look for attribute '\(name)'") { H5Aexists(handle.id, name) } > 0
  }

  /// Writes an attribute, in place of one of the same name. Replacing an integer by another keeps
  /// its place in the file, as counters need.
  package func setAttribute(_ name: String, _ value: TraceAttribute) throws {
    let doing = "write attribute '\(name)'"
    if try hasAttribute(name) {
      if case .integer(let number) = value, case .integer? = try attribute(name) {
        let old = try H5Handle(doing) { H5Aopen(handle.id, name, asura_h5p_default()) }
        try withUnsafePointer(to: number) { number in
          _ = try HDF5.call(doing) { H5Awrite(old.id, H5Number.int64.id, number) }
        }
        return
      }
      try HDF5.call(doing) { H5Adelete(handle.id, name) }
    }
    switch value {
    case .text(let text): try writeTexts(name, [text], isScalar: true)
    case .texts(let texts): try writeTexts(name, texts, isScalar: false)
    case .integer(let number): try write(name, .int64, [number], isScalar: true)
    case .unsigned(let number): try write(name, .uint64, [number], isScalar: true)
    case .real(let number): try write(name, .float64, [number], isScalar: true)
    case .integers(let numbers): try write(name, .int64, numbers, isScalar: false)
    case .reals(let numbers): try write(name, .float64, numbers, isScalar: false)
    }
  }

  private func write<T>(
    _ name: String, _ type: H5Number, _ values: [T], isScalar: Bool
  ) throws {
    try values.withUnsafeBytes {
      try create(name, type: type.id, count: values.count, isScalar: isScalar, $0.baseAddress)
    }
  }

  private func writeTexts(_ name: String, _ texts: [String], isScalar: Bool) throws {
    let type = try H5Text.type()
    try H5Text.withPointers(texts) {
      try create(name, type: type.id, count: texts.count, isScalar: isScalar, $0)
    }
  }

  private func create(
    _ name: String, type: Int64, count: Int, isScalar: Bool, _ values: UnsafeRawPointer?
  ) throws {
    let doing = "write attribute '\(name)'"
    let space = try isScalar ? H5Space() : H5Space([count])
    let attribute = try H5Handle(doing) {
      H5Acreate2(
        handle.id, name, type, space.handle.id, asura_h5p_default(), asura_h5p_default())
    }
    if count > 0 { try HDF5.call(doing) { H5Awrite(attribute.id, type, values) } }
  }

  /// The value of an attribute; nil if there is none.
  /// - Throws: `TraceError` if it holds anything but numbers or text, or too much of them.
  package func attribute(_ name: String) throws -> TraceAttribute? {
    guard try hasAttribute(name) else { return nil }
    let doing = "read attribute '\(name)'"
    let attribute = try H5Handle(doing) { H5Aopen(handle.id, name, asura_h5p_default()) }
    let space = H5Space(try H5Handle(doing) { H5Aget_space(attribute.id) })
    let type = try H5Handle(doing) { H5Aget_type(attribute.id) }
    let (shape, kind) = (try space.shape(), try H5Kind(of: type))
    // An attribute is a word, not data: a file that claims millions of them lies.
    guard shape.count <= 1, let count = elementCount(shape), count <= 65_536 else {
      throw TraceError(.damaged, "attribute '\(name)' claims the shape \(shape)")
    }
    func numbers<T>(_ type: H5Number, _ zero: T) throws -> [T] {
      var values = [T](repeating: zero, count: count)
      try values.withUnsafeMutableBytes { bytes in
        _ = try HDF5.call(doing) { H5Aread(attribute.id, type.id, bytes.baseAddress) }
      }
      return values
    }
    switch kind {
    case .text(let fixedSize):
      guard (fixedSize ?? 0) <= 65_536 else {
        throw TraceError(.damaged, "attribute '\(name)' claims a text of \(fixedSize ?? 0) bytes")
      }
      let texts = try H5Text.read(
        count: count, type: type, space: space.handle, fixedSize: fixedSize
      ) { buffer in
        _ = try HDF5.call(doing) { H5Aread(attribute.id, type.id, buffer) }
      }
      return shape.isEmpty ? texts.first.map { .text($0) } : .texts(texts)
    case .number(let number) where number.isFloat:
      let values = try numbers(.float64, 0.0)
      return shape.isEmpty ? values.first.map { .real($0) } : .reals(values)
    case .number(.uint64) where shape.isEmpty:
      return try numbers(.uint64, UInt64(0)).first.map { .unsigned($0) }
    case .number:
      let values = try numbers(.int64, Int64(0))
      return shape.isEmpty ? values.first.map { .integer($0) } : .integers(values)
    case .other:
      throw TraceError(.damaged, "attribute '\(name)' holds neither numbers nor text")
    }
  }

  /// A text attribute; nil if there is none.
  package func text(_ name: String) throws -> String? {
    switch try attribute(name) {
    case .text(let text)?: return text
    case .texts(let texts)? where texts.count == 1: return texts[0]
    case nil: return nil
    case .some: throw TraceError(.damaged, "attribute '\(name)' is not a text")
    }
  }

  /// An integer attribute; nil if there is none.
  package func integer(_ name: String) throws -> Int? {
    switch try attribute(name) {
    case .integer(let number)?: return Int(number)
    case .integers(let numbers)? where numbers.count == 1: return Int(numbers[0])
    case nil: return nil
    case .some: throw TraceError(.damaged, "attribute '\(name)' is not an integer")
    }
  }
}
