import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// Which model is run on which examples.
struct SubjectOptions: ParsableArguments {
  @Argument(help: "A run's folder, or a model.safetensors with its model.json beside it.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "The task, by name or by a recipe's file. (default: the one the model was trained on)",
      valueName: "task"))
  var task: String?

  @Option(help: "The length of the examples. (default: the longest of training)")
  var length: Int?

  @Option(help: "How many examples.")
  var examples = 16

  @Option(help: "The kind of examples, as asura-train tasks lists them.")
  var kind = "training"

  @OptionGroup var seed: SeedOptions

  func load() throws -> (model: RecurrentTransformer<Float>, task: any LearningTask, batch: Batch) {
    let url = URL(fileURLWithPath: model)
    let model = try RunFolder.trainedModel(at: url, as: Float.self)
    let task =
      try task.map { try TaskConfiguration(named: $0).makeTask() }
      ?? RunFolder.task(besideModel: url).makeTask()
    var random = Random(seed: seed.seed ?? 0, for: "capture")
    let batch = try task.makeBatch(
      length: length ?? task.lengths.upperBound, examples: examples,
      kind: try task.kind(named: kind), random: &random)
    return (model, task, batch)
  }
}

struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture", abstract: "Run a model and record every iteration to a trace.",
    discussion: """
      Records latents, attention patterns and logits unless --sites asks for others;
      the model goes into the trace too, so that probes need no other file. The
      trace is trace.h5 unless -o names another. Ctrl-C ends it at the last whole
      iteration and marks it incomplete. What was interrupted, or killed, goes on
      with the same command and --resume.
      """)

  @OptionGroup var subject: SubjectOptions

  @Option(help: "How many iterations to run. (default: the model's own number)")
  var iterations: Int?

  @Option(
    help: ArgumentHelp(
      "Sites to record: names or patterns, separated by commas.", valueName: "sites"))
  var sites = "latent,core.*.attn.pattern,logits"

  @Option(
    help: "Iterations to keep, such as 1...50, 0...50:5 or last.",
    transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)

  @Flag(help: "Say how large the trace would be, and stop.")
  var dryRun = false

  @Flag(help: "Leave the weights out of the trace.")
  var noWeights = false

  @Flag(help: "Go on with a capture of the same that was interrupted or killed.")
  var resume = false

  @OptionGroup var storage: StorageOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let trace: String
    let bytes: Int
    let iterations: Int
    let sites: [String]
  }

  func run() throws {
    let (model, task, batch) = try subject.load()
    let count = iterations ?? model.configuration.iterations
    guard (1...10_000_000).contains(count) else {
      throw CommandError("--iterations is \(count), expected 1 to 10000000", status: .usage)
    }
    var capture = TraceCapture(model, on: batch, of: task, iterations: count)
    capture.sites = sites.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    capture.keeping = try iter.resolve(available: 0...count)
    capture.seeds = ["examples": subject.seed.seed ?? 0, "noise": subject.seed.seed ?? 0]
    capture.program = "asura-trace"
    capture.commandLine = CommandLine.arguments.joined(separator: " ")
    capture.includesWeights = !noWeights
    capture.storage = storage.storage
    let bytes = try capture.byteCount()
    let names = try capture.resolvedSites().map(\.description)
    if dryRun {
      if reporting.json {
        return try JSONOutput.print(
          Report(trace: "", bytes: bytes, iterations: count, sites: names))
      }
      return print("\(bytes) bytes for \(names.joined(separator: ", "))")
    }

    let url = URL(fileURLWithPath: output.output ?? "trace.h5")
    Interrupt.install()
    let progress = reporting.progress("capturing", total: count, unit: "iteration")
    do {
      try Workers.$current.withValue(threads.workers) {
        try capture.write(to: url, overwriting: output.force, resuming: resume) { iteration in
          if iteration > 0 { progress.update(iteration) }
          if Interrupt.isRequested && iteration < count { throw Interrupted() }
        } remark: {
          printError("note: \($0)")
        }
      }
    } catch is Interrupted {
      throw CommandError(
        "interrupted: \(url.relativePath) holds the iterations recorded until then",
        remedy: "It is a valid trace, marked incomplete; asura-trace info shows it, and the same "
          + "command with --resume goes on with it.")
    }
    progress.finish()
    if reporting.json {
      try JSONOutput.print(
        Report(trace: url.relativePath, bytes: bytes, iterations: count, sites: names))
    } else {
      print("Wrote \(url.relativePath): \(batch.examples) examples, \(count) iterations.")
    }
  }

  private struct Interrupted: Error, CustomStringConvertible {
    var description: String { "interrupted" }
  }
}
