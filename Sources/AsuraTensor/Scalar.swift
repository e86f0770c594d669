import AsuraKernels

/// The element type of a tensor: `Float` or `Double`.
///
/// Kernels are written once in C for both types and told which one they run on by `kernelType`.
public protocol Scalar: BinaryFloatingPoint, LAPACKScalar, Sendable, Codable {
  /// How the C kernels name this type.
  static var kernelType: asura_type { get }
  /// The type's usual name in files: `float32` or `float64`.
  static var typeName: String { get }
}

extension Float: Scalar {
  public static var kernelType: asura_type { ASURA_F32 }
  public static var typeName: String { "float32" }
}

extension Double: Scalar {
  public static var kernelType: asura_type { ASURA_F64 }
  public static var typeName: String { "float64" }
}
