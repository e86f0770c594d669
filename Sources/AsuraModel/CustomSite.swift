import AsuraDiff
import AsuraTensor

/// A site of an experiment's own: a value computed from that of one of the model's sites.
///
/// It belongs to the run it is given to (`RunOptions.sites`) and is found by patterns, recorded, looked at and
/// edited like any other there. Derivatives flow through it where its closures use the interpreter's operations.
///
/// ```swift
/// let carry = CustomSite<Float>("carry", of: .latent, axes: [.position, .named("direction", 1)]) {
///   latent, context, interpreter in interpreter.linear(latent, Value(direction))
/// }
/// ```
public struct CustomSite<S: Scalar>: Sendable {
  /// Computes the value `[batch, …]` from the parent's.
  public typealias Compute =
    @Sendable (_ parent: Value<S>, HookContext, Interpreter<S>) throws -> Value<S>
  /// Computes the parent's value from an edited one and from what the parent's was.
  public typealias PutBack =
    @Sendable (_ edited: Value<S>, _ parent: Value<S>, HookContext, Interpreter<S>) throws ->
    Value<S>

  /// An axis of one example's value.
  public enum Axis: Sendable, Hashable {
    /// One entry a position of the input; a selection of positions selects from it.
    case position
    /// An axis of its own, of so many entries.
    case named(String, Int)
  }

  /// The site as a name for recordings and edits.
  public let site: Site
  /// The axes of one example's value; the batch comes before them.
  public let axes: [Axis]
  /// The unit of the values; empty for none.
  public let unit: String
  let compute: Compute
  let putBack: PutBack?

  /// - Parameters:
  ///   - name: letters, digits, `.` and `_`; none of the model's sites may have it.
  ///   - parent: the site whose value it is computed from, after that one's own edits.
  ///   - puttingBack: puts an edited value into the parent. Without it edits are errors. What is recorded after
  ///     an edit is computed from the parent as the run goes on with it.
  public init(
    _ name: String, of parent: Site, axes: [Axis], unit: String = "",
    computing compute: @escaping Compute, puttingBack putBack: PutBack? = nil
  ) {
    site = .custom(name, of: parent)
    self.axes = axes
    self.unit = unit
    self.compute = compute
    self.putBack = putBack
  }

  /// The axes of its value for an input.
  func axes(for input: ModelInput) -> [SiteAxis] {
    [SiteAxis("batch", input.batch)]
      + axes.map { axis in
        switch axis {
        case .position: SiteAxis("position", input.positions)
        case .named(let name, let count): SiteAxis(name, count)
        }
      }
  }

  /// Its value for some examples, checked against its axes.
  func value(
    of parent: Value<S>, _ context: HookContext, positions: Int, _ interpreter: Interpreter<S>
  ) throws -> Value<S> {
    let value = try compute(parent, context, interpreter)
    let expected =
      [context.examples.count]
      + axes.map { if case .named(_, let count) = $0 { count } else { positions } }
    guard value.shape == expected else {
      throw ModelError(
        .hooks, "the site \(site) gave shape \(value.shape), its axes say \(expected)",
        remedy: "Its first axis is the batch; the others are those it was declared with.")
    }
    return value
  }

  /// The parent's value with an edited value put into it.
  func value(
    _ parent: Value<S>, holding edited: Value<S>, _ context: HookContext,
    _ interpreter: Interpreter<S>
  ) throws -> Value<S> {
    guard let putBack else {
      throw ModelError(
        .hooks,
        "\(site) was edited, but does not say how a value goes back into \(site.original)",
        remedy: "Make it with puttingBack:, or edit \(site.original).")
    }
    let value = try putBack(edited, parent, context, interpreter)
    guard value.shape == parent.shape else {
      throw ModelError(
        .hooks, "putting \(site) back gave shape \(value.shape), expected \(parent.shape)")
    }
    return value
  }

  /// Refuses sites that cannot be told apart, or have no parent.
  static func check(_ custom: [CustomSite], against sites: [Site]) throws {
    var taken = Set(sites.map(\.description))
    for own in custom {
      guard case .custom(let name, let parent) = own.site, sites.contains(parent) else {
        throw ModelError(
          .hooks, "the site \(own.site) is computed from one that this model does not have",
          remedy: "Its parent must be one of the model's own sites.")
      }
      let isPlain =
        !name.isEmpty && !name.hasPrefix(".") && !name.hasSuffix(".")
        && name.utf8.allSatisfy { byte in
          switch byte {
          case 0x2E, 0x5F, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
          default: false
          }
        }
      guard isPlain else {
        throw ModelError(
          .hooks, "a site cannot be called \"\(name)\"",
          remedy: "Use letters, digits, '.' and '_', with neither end a '.'.")
      }
      guard taken.insert(name).inserted else {
        throw ModelError(
          .hooks, "there are two sites called \(name)", remedy: "Give yours another name.")
      }
    }
  }
}
