import AsuraTensor
internal import CHDF5

/// The number types that traces store.
package enum H5Number: String, Sendable, CaseIterable {
  case float32, float64, int32, int64, uint64, uint8

  /// The type of a tensor's elements.
  package init<S: Scalar>(_: S.Type) { self = S.self == Double.self ? .float64 : .float32 }

  package var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32: 4
    case .uint8: 1
    }
  }

  package var isFloat: Bool { self == .float32 || self == .float64 }

  /// HDF5's predefined type of this name, which nobody closes.
  var id: Int64 {
    HDF5.locked {
      switch self {
      case .float32: asura_h5t_float32()
      case .float64: asura_h5t_float64()
      case .int32: asura_h5t_int32()
      case .int64: asura_h5t_int64()
      case .uint64: asura_h5t_uint64()
      case .uint8: asura_h5t_uint8()
      }
    }
  }
}

/// What the elements of a dataset or attribute are.
package enum H5Kind: Sendable, Equatable {
  case number(H5Number)
  /// Text, with the bytes of one element where every element has the same.
  case text(fixedSize: Int?)
  /// Something that traces do not use: a compound, a reference, an unusual width.
  case other

  /// Reads the kind of a file's type.
  init(of type: H5Handle) throws {
    let size = HDF5.locked { Int(clamping: H5Tget_size(type.id)) }
    let isSigned = HDF5.locked { H5Tget_sign(type.id) } == H5T_SGN_2
    switch HDF5.locked({ H5Tget_class(type.id) }) {
    case H5T_FLOAT where size == 4: self = .number(.float32)
    case H5T_FLOAT where size == 8: self = .number(.float64)
    case H5T_INTEGER where size == 8: self = .number(isSigned ? .int64 : .uint64)
    case H5T_INTEGER where size == 4 && isSigned: self = .number(.int32)
    case H5T_INTEGER where size == 1 && !isSigned: self = .number(.uint8)
    case H5T_STRING:
      let variable = try HDF5.call("read a text type") { H5Tis_variable_str(type.id) }
      self = .text(fixedSize: variable > 0 ? nil : size)
    default: self = .other
    }
  }
}

/// Text in HDF5: variable-length UTF-8 when written, any string type when read.
enum H5Text {
  /// The variable-length UTF-8 string type.
  static func type() throws -> H5Handle {
    let type = try H5Handle("make a text type") { H5Tcopy(asura_h5t_string()) }
    try HDF5.call("make a text type") { H5Tset_size(type.id, asura_h5t_variable()) }
    try HDF5.call("make a text type") { H5Tset_cset(type.id, H5T_CSET_UTF8) }
    return type
  }

  /// Calls `write` with an array of C strings holding `texts`. Text ends at its first zero byte.
  static func withPointers(
    _ texts: [String], _ write: (UnsafeRawPointer) throws -> Void
  ) throws {
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(bytes.count)
      bytes += text.utf8CString
    }
    try bytes.withUnsafeBufferPointer { bytes in
      let pointers = starts.map { start in bytes.baseAddress.map { $0 + start } }
      try pointers.withUnsafeBytes { pointers in
        if let base = pointers.baseAddress { try write(base) }
      }
    }
  }

  /// Reads `count` strings of the file's `type` with the given call, which fills a buffer.
  static func read(
    count: Int, type: H5Handle, space: H5Handle, fixedSize: Int?,
    _ call: (UnsafeMutableRawPointer) throws -> Void
  ) throws -> [String] {
    guard count > 0 else { return [] }
    if let fixedSize {
      var bytes = [UInt8](repeating: 0, count: count * fixedSize)
      try bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { try call(base) } }
      return (0..<count).map { item in
        let field = bytes[item * fixedSize..<(item + 1) * fixedSize]
        return String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    return try HDF5.locked {
      try pointers.withUnsafeMutableBytes { if let base = $0.baseAddress { try call(base) } }
      let texts = pointers.map { $0.map { String(cString: $0) } ?? "" }
      pointers.withUnsafeMutableBytes { _ = asura_h5_reclaim(type.id, space.id, $0.baseAddress) }
      return texts
    }
  }
}
