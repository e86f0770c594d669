import AsuraConfiguration

/// Numbers the symbols of texts: as given, or as they come until all are known and can be sorted.
struct SymbolTable {
  private(set) var symbols: [String]
  private var ids: [String: Int32]
  private let isGiven: Bool

  init(_ given: [String]?) {
    symbols = given ?? []
    ids = Dictionary(
      symbols.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    isGiven = given != nil
  }

  /// The number of a symbol, or nil for one that isn't in a given list, or one too many.
  mutating func id(_ symbol: String) -> Int32? {
    if let id = ids[symbol] { return id }
    guard !isGiven, symbols.count < FileOptions.mostSymbols else { return nil }
    let id = Int32(symbols.count)
    ids[symbol] = id
    symbols.append(symbol)
    return id
  }

  /// Sorts the symbols unless they were given.
  ///
  /// - Returns: the new number of each symbol, by its old one.
  mutating func sort() -> [Int32] {
    guard !isGiven else { return symbols.indices.map(Int32.init) }
    let sorted = symbols.sorted()
    let old = symbols
    symbols = sorted
    ids = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, Int32($0)) })
    return old.map { ids[$0] ?? 0 }
  }
}
