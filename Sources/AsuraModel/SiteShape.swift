import AsuraDiff
import AsuraTensor

/// One axis of a site's value: its name in the project's words, and the number of each entry in the whole.
public struct SiteAxis: Sendable, Equatable {
  public let name: String
  public let values: [Int]

  public init(_ name: String, _ values: [Int]) {
    self.name = name
    self.values = values
  }

  /// An axis of `count` entries.
  public init(_ name: String, _ count: Int) { self.init(name, Array(0..<count)) }

  /// How many entries there are.
  public var count: Int { values.count }

  /// Whether a selection of positions selects from this axis.
  var isPosition: Bool { Self.isPosition(name) }

  static func isPosition(_ name: String) -> Bool { name == "position" || name == "query" }
}

extension RecurrentTransformer {
  /// The axes of one of the model's sites' value for an input.
  public func axes(of site: Site, for input: ModelInput) -> [SiteAxis] {
    axes(of: site, for: input, neighbours: neighbours(for: input))
  }

  package func axes(
    of site: Site, for input: ModelInput, neighbours: NeighbourTable?
  ) -> [SiteAxis] {
    let c = configuration
    let rows = [SiteAxis("batch", input.batch), SiteAxis("position", input.positions)]
    func vector(_ name: String, _ count: Int) -> [SiteAxis] { rows + [SiteAxis(name, count)] }
    let place: BlockSite
    switch site.original {
    case .block(_, _, let inBlock): place = inBlock
    case .recalling(let inRecall): place = inRecall
    default: return site == .logits ? vector("class", c.classes) : vector("width", c.width)
    }
    switch place {
    case .residPre, .residMid, .residPost, .attnOut, .mlpOut, .gate: return vector("width", c.width)
    case .q, .z: return vector("head_width", c.width)
    case .k, .v: return vector("head_width", c.attention.keyValueHeads * c.headWidth)
    case .mlpPre:
      return vector("hidden", c.mlp.activation == .swiglu ? 2 * c.mlp.width : c.mlp.width)
    case .mlpPost: return vector("hidden", c.mlp.width)
    case .scores, .pattern:
      let keys =
        neighbours.map { SiteAxis("neighbour", $0.width) }
        ?? SiteAxis("key", input.positions)
      return [
        SiteAxis("batch", input.batch), SiteAxis("head", c.attention.heads),
        SiteAxis("query", input.positions), keys,
      ]
    }
  }

  /// Which keys each query sees, for a model with a window or neighbourhoods; nil when queries may see all keys.
  public func neighbours(for input: ModelInput) -> NeighbourTable? {
    let attention = configuration.attention
    guard attention.window != nil || attention.radius != nil else { return nil }
    return (try? Geometry<S>(configuration, input))?.layout.neighbours
  }

  /// A hash of the weights' names, shapes and bits (64-bit FNV-1a): equal models have equal hashes.
  /// It guards against mistakes, not against forgery.
  public var weightsHash: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ bytes: UnsafeRawBufferPointer) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    for (name, tensor) in zip(parameterNames, parameters) {
      Array("\(name)\(tensor.shape)".utf8).withUnsafeBytes(add)
      tensor.read {
        add(UnsafeRawBufferPointer(start: $0, count: tensor.count * MemoryLayout<S>.stride))
      }
    }
    let digits = String(hash, radix: 16)
    return "fnv1a64:" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
