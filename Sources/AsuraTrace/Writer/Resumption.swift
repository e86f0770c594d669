import AsuraTensor
import Foundation

/// What an unfinished trace holds, and whether it is of what a capture would record now.
struct Resumption {
  let trace: TraceReader
  /// A readable copy that was needed to open it.
  private let copy: URL?

  /// Opens `NAME.partial` if there is one, else `NAME`.
  init(of output: OutputFile) throws {
    let isKilled = FileManager.default.fileExists(atPath: output.partial.path)
    let source = isKilled ? output.partial : output.url
    do {
      (trace, copy) = (try TraceReader(source), nil)
    } catch let error as TraceError where isKilled && error.kind == .damaged {
      // A capture that could not be followed, or was killed when it was just ending.
      let copy = URL(fileURLWithPath: output.url.path + ".recovered")
      try TraceRecovery.recover(source, to: copy, overwriting: true)
      (trace, self.copy) = (try TraceReader(copy), copy)
    }
    // A complete one that has not taken its name yet was killed in between.
    guard trace.status != .complete || isKilled else {
      throw TraceError(.misuse, "this trace is complete: there is nothing to resume", file: source)
    }
    guard try trace.run.contains("iteration") else {
      throw TraceError(
        .misuse, "this trace was made by an older version, which did not note enough to resume it",
        advice: "Capture it again", file: source)
    }
  }

  /// Removes the copy.
  func discard() {
    if let copy { try? FileManager.default.removeItem(at: copy) }
  }

  /// Refuses to go on with a trace of something else.
  func check(_ description: TraceDescription, _ storage: TraceStorage) throws {
    let differences = try differences(description, storage)
    guard differences.isEmpty else {
      throw TraceError(
        .misuse,
        "the trace to resume is of something else:\n  "
          + differences.joined(separator: "\n  "),
        advice: "\nGive the same command as before, or capture to another file")
    }
  }

  private func differences(
    _ description: TraceDescription, _ storage: TraceStorage
  ) throws -> [String] {
    var found: [String] = []
    func compare<T: Equatable>(_ what: String, _ old: T, _ new: T, shown: Bool = true) {
      guard old != new else { return }
      found.append(what + (shown ? ": \(old) in the trace, \(new) now" : ""))
    }
    compare("iterations", trace.iterations ?? -1, description.iterations ?? -1)
    compare(
      "the model's configuration", try trace.configuration(), description.model.configuration,
      shown: false)
    compare("the model's weights", try trace.weightsHash(), description.model.weightsHash)
    compare(
      "whether weights go into the trace", try !trace.weightNames().isEmpty,
      !description.model.weights.isEmpty)
    compare("the input", try trace.input(), description.input, shown: false)
    compare(
      "the neighbours of windowed attention", try trace.neighbours(), description.neighbours,
      shown: false)
    let provenance = try trace.run.group("provenance")
    for (name, seed) in description.seeds.sorted(by: { $0.key < $1.key }) {
      guard case .unsigned(let old)? = try provenance.attribute("seed.\(name)"), old == seed else {
        found.append("the seed of \(name)")
        continue
      }
    }
    compare(
      "sites", try provenance.group("hooks").dataset("site").texts(),
      description.sites.map(\.name))
    let recorded = Dictionary(uniqueKeysWithValues: trace.sites.map { ($0.name, $0) })
    for site in description.sites {
      guard let old = recorded[site.name] else { continue }
      if old.axes != site.axes { found.append("the positions, examples or shape of \(site.name)") }
      if let kept = site.iterations,
        old.iterations != kept.filter({ $0 <= trace.lastIteration ?? -1 })
      {
        found.append("the iterations kept of \(site.name)")
      }
      compare("how \(site.name) is stored", old.elements.rawValue, storage.elements.rawValue)
      compare("bits kept of \(site.name)", try bits(of: site.name), storage.keptBits ?? -1)
    }
    return found
  }

  private func bits(of site: String) throws -> Int {
    try trace.arrays[site]?.dataset.integer(TraceLayout.rounding) ?? -1
  }
}

/// Where a run goes on that resumes a trace.
public struct ResumePoint: Sendable {
  /// The last committed iteration.
  public let iteration: Int
  /// The recorded latent after it, if it was stored to the last bit of its 32.
  public let latent: Tensor<Float>?

  /// Nil for a trace without iterations.
  init?(_ trace: TraceReader, _ storage: TraceStorage) throws {
    guard let last = trace.lastIteration else { return nil }
    iteration = last
    let isExact = storage.elements == .float32 && storage.keptBits == nil
    let isStored = trace.sites.contains { $0.name == "latent" && $0.iterations.last == last }
    latent = isExact && isStored ? try trace.latent(iteration: last) : nil
  }
}
