import AsuraTensor
import AsuraTrace
import Foundation

/// A small run whose recorded values have closed forms.
struct Fixture {
  static let (batch, positions, width, heads, classes) = (2, 3, 4, 2, 3)

  /// z_t = (t + 1)·z_0, so that the relative step is 1 / (t + 1).
  static func latent<S: Scalar>(_ iteration: Int, as _: S.Type = S.self) -> Tensor<S> {
    Tensor([batch, positions, width], (0..<24).map { S(iteration + 1) * S($0 + 1) / 8 })
  }

  /// Each value names its iteration, block and place.
  static func pattern(_ block: Int, _ iteration: Int, keys: Int = positions) -> Tensor<Float> {
    let count = batch * heads * positions * keys
    return Tensor(
      [batch, heads, positions, keys],
      (0..<count).map { Float(1000 * iteration + 100 * block + $0) })
  }

  /// Probability ½ for class `t mod 3`, ¼ for the others.
  static func logits(_ iteration: Int) -> Tensor<Float> {
    Tensor(
      [batch, positions, classes],
      (0..<18).map { $0 % 3 == iteration % 3 ? Float(log(2.0)) : 0 })
  }

  static func activation(_ iteration: Int) -> Tensor<Float> {
    Tensor([batch, positions, 2], repeating: Float(iteration))
  }

  static var description: TraceDescription {
    var input = TraceInput(
      task: #"{"task": "addition"}"#,
      tokens: IntegerArray([batch, positions, 2], Array(0..<12)),
      targets: IntegerArray([batch, positions], [0, 1, 2, 0, 1, -1]),
      mask: IntegerArray([batch, positions], [1, 1, 1, 1, 1, 0]),
      positionIDs: IntegerArray([batch, positions], [0, 1, 2, 0, 1, 2]),
      text: ["1+2=3", "größer → ∞"])
    input.facts["carry"] = TraceFact(
      IntegerArray([batch, positions], [0, 1, 0, 0, 0, 1]), labels: ["no", "yes"])
    input.facts["kind"] = TraceFact(IntegerArray([batch, positions], [0, 1, 2, 2, 1, -1]))
    var description = TraceDescription(
      program: "tests 1.0", commandLine: "tests --all",
      sites: [
        .latent(batch: batch, positions: positions, width: width),
        .pattern(block: 0, batch: batch, heads: heads, positions: positions),
        .pattern(block: 2, batch: batch, heads: heads, positions: positions),
        .logits(batch: batch, positions: positions, classes: classes),
        TraceSite(
          "core.0.mlp.post",
          axes: [.init("batch", batch), .init("position", positions), .init("feature", [5, 9])],
          iterations: [2, 4], unit: "V"),
      ],
      model: TraceModel(
        configuration: #"{"width": 4}"#, weightsHash: "sha256:00",
        weights: [
          "core.0.w": TraceArray(Tensor<Float>([2, 3], (0..<6).map { Float($0) })),
          "scale": TraceArray(Tensor<Double>([], [0.1])),
        ]),
      input: input)
    description.seeds = ["weights": .max, "data": 7]
    description.versions = ["asura": "0.1"]
    return description
  }

  /// Feeds iterations as a run would: the initial latent, then each application's sites.
  static func feed(_ writer: TraceWriter, _ iterations: ClosedRange<Int>) throws {
    for t in iterations {
      if t > 0 {
        try writer.append(site: "core.0.attn.pattern", iteration: t, values: pattern(0, t))
        try writer.append(site: "core.0.mlp.post", iteration: t, values: activation(t))
        try writer.append(site: "core.2.attn.pattern", iteration: t, values: pattern(2, t))
      }
      try writer.append(site: "latent", iteration: t, values: latent(t, as: Float.self))
      try writer.append(site: "logits", iteration: t, values: logits(t))
      try writer.commit(t)
    }
    try writer.synchronize()
  }

  /// Writes the whole run, iterations 0…4.
  static func write(_ url: URL, deflate: Int = 0, overwrite: Bool = false) throws {
    let writer = try TraceWriter(
      url, describing: description, storage: TraceStorage(deflate: deflate), overwrite: overwrite)
    try feed(writer, 0...4)
    try writer.finish()
  }
}

/// Calls `body` with an empty folder that is removed afterwards.
func withFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("asura-trace-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

func names(in folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
}

/// The `TraceError` that `body` throws; nil if it throws none.
func traceError(_ body: () throws -> Void) -> TraceError? {
  do {
    try body()
    return nil
  } catch {
    return error as? TraceError
  }
}
