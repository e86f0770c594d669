// Complex numbers are swift-numerics' own; re-exported, so that reading a spectrum needs no second
// import.
@_exported public import ComplexModule
@_exported public import RealModule

extension Complex {
  /// The order that puts the largest modulus first. Neighbouring conjugates stay neighbours, since
  /// all that is compared is equal for both.
  public static func leadingFirst(_ values: [Complex]) -> [Int] {
    let keys = values.map { ($0.length, $0.real, abs($0.imaginary)) }
    return values.indices.sorted { a, b in
      keys[a] != keys[b] ? keys[a] > keys[b] : a < b
    }
  }
}
