import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// What to record: on the command line, or as a plan in a file.
struct RequestOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Sites: names or patterns, separated by commas. (default: latent,core.*.attn.pattern,logits)",
      valueName: "sites"))
  var sites: String?

  @Option(
    help: "Iterations to keep, such as 1...50, 0...50:5 or last. (default: all)",
    transform: IterationRange.init(parsing:))
  var iter: IterationRange?

  @Option(
    help: "Positions, such as 0,7 or 3...last; of attention patterns the queries. (default: all)",
    transform: { try IterationRange(parsing: $0, of: "position") })
  var positions: IterationRange?

  @Option(
    help: "Which examples of the batch, such as 0...3. (default: all)",
    transform: { try IterationRange(parsing: $0, of: "example") })
  var batch: IterationRange?

  @Option(
    help: ArgumentHelp(
      "What to keep: all, mean-heads, mean-positions, norm, or top:K of logits. (default: all)",
      valueName: "reducer"))
  var reduce: String?

  @Option(
    help: ArgumentHelp("Read what to record from a YAML plan instead.", valueName: "file"))
  var plan: String?

  func validate() throws {
    guard plan != nil else { return }
    for (name, isThere) in [
      ("--sites", sites != nil), ("--iter", iter != nil), ("--positions", positions != nil),
      ("--batch", batch != nil), ("--reduce", reduce != nil),
    ] where isThere {
      throw ValidationError("\(name) and --plan both say what to record: leave one out")
    }
  }

  /// The requests, for a run of `count` iterations on an input.
  func requests(iterations count: Int, of input: ModelInput) throws -> [RecordRequest] {
    if let plan {
      return try CapturePlan(contentsOf: URL(fileURLWithPath: plan)).requests.enumerated().map {
        index, request in
        func range(
          _ text: String?, _ field: String, _ noun: String, _ count: Int
        ) throws -> Selection {
          let option = "\(plan): [\(index)].\(field)"
          do {
            return try selection(
              text.map { try IterationRange(parsing: $0, of: noun) }, count, option)
          } catch let error as CommandError where !error.message.hasPrefix(plan) {
            throw CommandError(
              "\(option): \(error.message)", status: error.status, remedy: error.remedy)
          }
        }
        return RecordRequest(
          request.sites,
          iterations: try range(request.iterations, "iterations", "iteration", count + 1),
          positions: try range(request.positions, "positions", "position", input.positions),
          examples: try range(request.batch, "batch", "example", input.batch),
          reducer: request.reducer)
      }
    }
    let names = (sites ?? "latent,core.*.attn.pattern,logits").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    return [
      RecordRequest(
        names, iterations: try selection(iter, count + 1, "--iter"),
        positions: try selection(positions, input.positions, "--positions"),
        examples: try selection(batch, input.batch, "--batch"),
        reducer: try reduce.map { try Reducer(parsing: $0) } ?? .all)
    ]
  }

  /// The numbers of a range among `0..<count`; all when there is none.
  private func selection(
    _ range: IterationRange?, _ count: Int, _ option: String
  ) throws -> Selection {
    guard let range else { return .all }
    return .only(Set(try range.resolve(available: 0..<count, option: option)))
  }
}
