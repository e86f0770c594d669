import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture", abstract: "Run a model and record every iteration to a trace.",
    discussion: """
      Records latents, attention patterns and logits unless --sites or --plan asks
      for others; the model goes into the trace too, so that probes need no other
      file. The trace is trace.h5 unless -o names another. Ctrl-C ends it at the
      last whole iteration and marks it incomplete. What was interrupted, or killed,
      goes on with the same command and --resume.

        asura-trace capture runs/addition --sites latent --reduce norm
        asura-trace capture runs/addition --sites 'core.*.attn.pattern' \\
          --reduce mean-heads --positions 0...7 --batch 0 --iter 0...50:5
        echo '{"text": "999 + 1 ="}' | asura-trace capture runs/addition --input -

      A plan is a YAML list of requests:

        - sites: latent
        - sites: [core.*.attn.pattern]
          iterations: 0...50:5
          positions: 0,7
          batch: 0...3
          reduce: mean-heads
      """)

  @OptionGroup var subject: SubjectOptions

  @Option(help: "How many iterations to run. (default: the model's own number)")
  var iterations: Int?

  @OptionGroup(title: "What to record") var requests: RequestOptions

  @Flag(help: "Say how large the recorded values would be, and stop.")
  var dryRun = false

  @Option(
    help: ArgumentHelp(
      "Refuse to begin if they would be larger, as in 2GB or 512MiB.", valueName: "size"),
    transform: ByteCount.init(parsing:))
  var maxBytes: ByteCount?

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
    let (model, input) = try subject.load()
    let count = iterations ?? model.configuration.iterations
    guard (1...10_000_000).contains(count) else {
      throw CommandError("--iterations is \(count), expected 1 to 10000000", status: .usage)
    }
    var capture = TraceCapture(model, on: input, iterations: count)
    capture.record = try requests.requests(iterations: count, of: input.input)
    let seed = subject.seed.seed ?? 0
    capture.seeds = subject.input == nil ? ["examples": seed, "noise": seed] : ["noise": seed]
    capture.program = "asura-trace"
    capture.commandLine = CommandLine.arguments.joined(separator: " ")
    capture.includesWeights = !noWeights
    capture.storage = storage.storage
    let sizes = try capture.storedBytes()
    let bytes = sizes.reduce(0) { $0 + $1.bytes }
    let names = sizes.map(\.quantity.name)
    if let most = maxBytes?.bytes, bytes > most { throw tooLarge(sizes, bytes, most) }
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
      print("Wrote \(url.relativePath): \(input.input.batch) examples, \(count) iterations.")
    }
  }

  /// Both numbers, and what to leave out.
  private func tooLarge(
    _ sizes: [(quantity: RecordedQuantity, bytes: Int)], _ bytes: Int, _ most: Int
  ) -> CommandError {
    // The blocks' sites of one kind count together.
    var kinds: [String: Int] = [:]
    for (quantity, bytes) in sizes {
      kinds[quantity.name.replacing(/\.[0-9]+\./, with: ".*."), default: 0] += bytes
    }
    let largest = kinds.max { ($0.value, $1.key) < ($1.value, $0.key) }
    return CommandError(
      "the recorded values would take \(byteText(bytes)) (\(bytes) bytes), --max-bytes allows "
        + "\(byteText(most)) (\(most) bytes)", status: .usage,
      remedy: largest.map {
        "\(byteText($0.value)) of it is for \($0.key): leave that out of --sites, or keep less of it "
          + "with --iter, --positions, --batch or --reduce"
      })
  }

  private struct Interrupted: Error, CustomStringConvertible {
    var description: String { "interrupted" }
  }
}
