import AsuraTensor

/// A value in a computation: a tensor, and where it came from when derivatives are wanted.
public struct Value<S: Scalar>: Sendable {
  /// The value itself.
  public let tensor: Tensor<S>
  let node: Node<S>?

  /// A value that does not vary.
  public init(_ tensor: Tensor<S>) {
    self.init(tensor, node: nil)
  }

  init(_ tensor: Tensor<S>, node: Node<S>?) {
    self.tensor = tensor
    self.node = node
  }

  /// A value to differentiate with respect to. Its cotangent adds up over every pullback that
  /// reaches it.
  public static func variable(_ tensor: Tensor<S>) -> Value { Value(tensor, node: Node()) }

  /// The same tensor as a value that does not vary: derivatives stop here.
  public var constant: Value { Value(tensor) }

  /// What pullbacks have added up for this value: nil when none reached it. Only variables keep
  /// theirs.
  public var cotangent: Tensor<S>? { node?.cotangent }

  /// Forgets what pullbacks have added up so far.
  public func clearCotangent() { node?.cotangent = nil }

  /// The tensor's shape.
  public var shape: [Int] { tensor.shape }
}

/// One recorded application of a primitive, or a variable.
///
/// `@unchecked Sendable`: a tape and its nodes are used by one thread at a time, the one that runs
/// the computation they belong to.
final class Node<S: Scalar>: @unchecked Sendable {
  /// The linearised primitive: nil for a variable, and after a pullback that consumed it.
  var rules: (any Linearised<S>)?
  var inputs: [Node<S>?]
  var cotangent: Tensor<S>?
  var tangent: Tensor<S>?

  init(rules: (any Linearised<S>)? = nil, inputs: [Node<S>?] = []) {
    self.rules = rules
    self.inputs = inputs
  }
}

/// A primitive with the residuals of one application: a linear map that runs both ways.
protocol Linearised<S> {
  associatedtype S: Scalar
  /// Whether it also varies with values recorded earlier that are not among its inputs.
  var capturesValues: Bool { get }
  func jvp(_ tangents: [Tensor<S>?], count: Int) throws -> Tensor<S>
  func vjp(_ cotangent: Tensor<S>, into inputs: Cotangents<S>) throws
}

struct Application<P: Primitive>: Linearised {
  typealias S = P.S
  let primitive: P
  let residuals: P.Residuals
  var capturesValues: Bool { false }
  func jvp(_ tangents: [Tensor<S>?], count: Int) throws -> Tensor<S> {
    try primitive.jvp(residuals, tangents, count: count)
  }
  func vjp(_ cotangent: Tensor<S>, into inputs: Cotangents<S>) throws {
    try primitive.vjp(residuals, cotangent, into: inputs)
  }
}

/// A recording of primitives in the order they ran: the computation's linearisation at the values
/// it ran on, which can be played forwards (Jacobian-vector products, many at once) and backwards.
public final class Tape<S: Scalar> {
  private var nodes: [Node<S>] = []
  /// What `releasesAfterNodes` found for the nodes there are, since forward mode is played many times.
  private var releases: [[Int]]?

  /// An empty tape.
  public init() {}

  deinit {
    // One by one: freeing the last node first would free all the others from within each other's deinit.
    for node in nodes.reversed() {
      node.rules = nil
      node.inputs = []
    }
  }

  func record(_ rules: any Linearised<S>, inputs: [Node<S>?]) -> Node<S> {
    let node = Node(rules: rules, inputs: inputs)
    nodes.append(node)
    releases = nil
    return node
  }

  /// Reverse mode: adds `Σ Jᵀ·cotangent` over the seeded outputs to the cotangents of the
  /// variables.
  ///
  /// With `consuming` each step's residuals are freed as soon as they have been used, and the tape
  /// is empty afterwards; without, it can be played again.
  public func pullback(_ seeds: [(Value<S>, Tensor<S>)], consuming: Bool = false) throws {
    for (value, cotangent) in seeds {
      precondition(
        value.shape == cotangent.shape,
        "cotangent of shape \(cotangent.shape) for a value of shape \(value.shape)")
      Cotangents(nodes: [value.node]).add(cotangent, to: 0)
    }
    for node in nodes.reversed() {
      if let cotangent = node.cotangent, let rules = node.rules {
        node.cotangent = nil
        try rules.vjp(cotangent, into: Cotangents(nodes: node.inputs))
      }
      if consuming {
        node.rules = nil
        node.inputs = []
      }
    }
    if consuming {
      nodes = []
      releases = nil
    }
  }

  /// Forward mode: the tangents `[count] + shape` of `output` for `count` tangents at once of
  /// variables. A zero result stands for an output that does not depend on any of them.
  public func pushforward(
    _ seeds: [(Value<S>, Tensor<S>)], to output: Value<S>, count: Int
  ) throws -> Tensor<S> {
    for (value, tangent) in seeds {
      precondition(
        tangent.shape == [count] + value.shape,
        "tangents of shape \(tangent.shape) for \(count) of a value of shape \(value.shape)")
      value.node?.tangent = tangent
    }
    defer {
      for (value, _) in seeds { value.node?.tangent = nil }
      for node in nodes { node.tangent = nil }
    }
    let releases = releasesAfterNodes()
    for (i, node) in nodes.enumerated() {
      let tangents = node.inputs.map { $0?.tangent }
      if let rules = node.rules, rules.capturesValues || tangents.contains(where: { $0 != nil }) {
        node.tangent = try rules.jvp(tangents, count: count)
      }
      for input in releases[i] where node.inputs[input] !== output.node {
        node.inputs[input]?.tangent = nil
      }
    }
    return output.node?.tangent ?? .zeros([count] + output.shape)
  }

  /// Which of each node's inputs, of those this tape recorded itself, no later node uses: forward mode lets
  /// go of their tangents then. None where captured values might be wanted again.
  private func releasesAfterNodes() -> [[Int]] {
    if let releases { return releases }
    var lastUse: [ObjectIdentifier: Int] = [:]
    if !nodes.contains(where: { $0.rules?.capturesValues == true }) {
      for (i, node) in nodes.enumerated() {
        for case let input? in node.inputs where lastUse[ObjectIdentifier(input)] != nil {
          lastUse[ObjectIdentifier(input)] = i
        }
        lastUse[ObjectIdentifier(node)] = i
      }
    }
    let found = nodes.enumerated().map { i, node in
      node.inputs.indices.filter { index in
        node.inputs[index].map { lastUse[ObjectIdentifier($0)] == i } ?? false
      }
    }
    releases = found
    return found
  }
}
