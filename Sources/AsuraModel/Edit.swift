import AsuraDiff
import AsuraTensor

/// Where in a run a hook is called.
public struct HookContext: Sendable {
  /// The part of the computation a site belongs to.
  public enum Phase: Sendable { case input, prelude, recurrence, readout }
  /// The site the value is from; a pattern may match several.
  public let site: Site
  /// The iteration, 1…T; 0 for the initial latent and outside the recurrence.
  public let iteration: Int
  /// The block within its stack, for sites in blocks.
  public let block: Int?
  /// The part of the computation the site belongs to.
  public let phase: Phase
  /// Which sequences of the batch the value holds. A run deals a batch out in parts, to several
  /// threads at once; `RunOptions.wholeBatch` keeps it together.
  public let examples: Range<Int>
}

/// A change made to, or a look taken at, the value of some sites during one run.
///
/// Edits are values passed into a run and gone when it ends. Those on the same site are applied in
/// the order given.
public struct Edit<S: Scalar>: Sendable {
  /// Sees the value and may return another; nil leaves it.
  public typealias Body =
    @Sendable (Value<S>, HookContext, Interpreter<S>) throws -> Value<S>?

  /// The name or pattern of the sites it changes.
  public let pattern: String
  let iterations: IterationSelection
  let body: Body

  /// Anything: use the interpreter's operations on the value.
  public init(
    _ pattern: String, at iterations: IterationSelection = .all, _ body: @escaping Body
  ) {
    self.pattern = pattern
    self.iterations = iterations
    self.body = body
  }

  /// Looks at the value. Throwing ends the run with that error.
  public static func observe(
    _ pattern: String, at iterations: IterationSelection = .all,
    _ look: @escaping @Sendable (Tensor<S>, HookContext) throws -> Void
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, _ in
      try look(value.tensor, context)
      return nil
    }
  }

  /// Puts another value, computed from the current one, in its place. Derivatives stop there.
  public static func replace(
    _ pattern: String, at iterations: IterationSelection = .all,
    _ compute: @escaping @Sendable (Tensor<S>, HookContext) throws -> Tensor<S>
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, _ in
      Value(try compute(value.tensor, context))
    }
  }

  /// Puts a value for the whole batch `[batch, …]` in place of the current one.
  public static func replace(
    _ pattern: String, at iterations: IterationSelection = .all, with tensor: Tensor<S>
  ) -> Edit {
    replace(pattern, at: iterations) { _, context in
      try part(of: tensor, for: context)
    }
  }

  /// Adds a value for the whole batch `[batch, …]` to the current one.
  public static func add(
    _ pattern: String, at iterations: IterationSelection = .all, _ tensor: Tensor<S>
  ) -> Edit {
    Edit(pattern, at: iterations) { value, context, interpreter in
      let part = try part(of: tensor, for: context)
      guard part.shape == value.shape else { throw misshapen(part.shape, value.shape, context) }
      return interpreter.add(value, Value(part))
    }
  }

  private static func part(of tensor: Tensor<S>, for context: HookContext) throws -> Tensor<S> {
    guard let batch = tensor.shape.first, context.examples.upperBound <= batch else {
      throw ModelError(
        .hooks,
        "the edit of \(context.site) has shape \(tensor.shape), too few for sequence "
          + "\(context.examples.upperBound - 1)",
        remedy: "Give a value for every sequence of the batch, or compute it in a closure.")
    }
    return tensor.slice(context.examples)
  }

  static func misshapen(_ found: [Int], _ expected: [Int], _ context: HookContext) -> ModelError {
    ModelError(
      .hooks,
      "an edit of \(context.site) at iteration \(context.iteration) gave shape \(found), "
        + "expected \(expected)")
  }
}
