import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Test a trained model, by length and number of iterations.",
    discussion: """
      Prints the share of answers that are right throughout and the share of
      symbols that are right, for every kind of example, length and number of
      iterations. Numbers of iterations may depend on the length n, and on each
      batch's difficulty d, how many steps a local rule may need for it:
        asura-train eval runs/addition --lengths 10,20,100 --iterations n,2n,4n
      With --stop an example is done once its latent has settled. With --active
      an iteration computes only the positions for which something has changed:
        asura-train eval runs/maze --lengths 59 --iterations 2d --active 1e-3
      """)

  @Argument(help: "A run's folder or a model.safetensors with its task.json beside it.")
  var model: String

  @Option(
    help: """
      Lengths to test, separated by commas. (default: the longest of training, ×2, ×10, where the task has them)
      """)
  var lengths: String?

  @Option(
    help: """
      Numbers of iterations, separated by commas. (default: n,2n; an unshared model's own number)
      """)
  var iterations: String?

  @Option(help: "Kinds of examples, separated by commas. (default: all but training's mix)")
  var kinds: String?

  @Option(help: "Examples for each kind and length.")
  var examples = 100

  @Option(
    help: ArgumentHelp(
      "Stop early: step=TOLERANCE (relative step of the latent) or readout=TOLERANCE (change of probabilities).",
      valueName: "rule"))
  var stop: String?

  @Option(
    help: ArgumentHelp(
      "Also count right symbols for each value of a fact apart, as of lego by index.",
      valueName: "fact"))
  var by: String?

  @Option(
    help: ArgumentHelp(
      "Compute only positions that see one whose latent moved by more than this; 0 changes no result.",
      valueName: "tolerance"))
  var active: Double?

  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: model)
    let given = try iterations.map { try list($0, "--iterations") }
    let model = try RunFolder.trainedModel(at: url, as: Float.self)
    let counts =
      given ?? (model.configuration.shared ? ["n", "2n"] : ["\(model.configuration.iterations)"])
    let task = try RunFolder.task(besideModel: url).makeTask()
    var options = EvaluationOptions(
      lengths: try parsedLengths(task), iterations: try counts.map(LengthExpression.init),
      kinds: try kinds.map { try list($0, "--kinds") }
        ?? task.testKinds.map(\.name))
    guard (1...10_000_000).contains(examples) else {
      throw CommandError("--examples is \(examples), expected 1 or more", status: .usage)
    }
    options.examples = examples
    options.seed = seed.seed ?? 0
    options.stop = try stop.map { try StoppingRule($0, named: "--stop") }
    options.fact = by
    if let active, !(active >= 0 && active.isFinite) {
      throw CommandError(
        "--active is \(active), expected 0 or a small number such as 1e-3", status: .usage)
    }
    options.activeSet = active

    let progress = reporting.progress(
      "evaluating", total: options.kinds.count * options.lengths.count * examples, unit: "example")
    Interrupt.install()
    let evaluation = try Workers.$current.withValue(threads.workers) {
      try Evaluation(of: model, on: task, options) { done, _ in
        progress.update(done)
        if Interrupt.isRequested { throw CommandError("interrupted", status: .failure) }
      }
    }
    progress.finish()
    if reporting.json { return try JSONOutput.print(evaluation) }
    show(evaluation, options)
  }

  /// The items of a list, once each.
  private func list(_ text: String, _ option: String) throws -> [String] {
    var items: [String] = []
    var depth = 0
    // Commas within parentheses are an expression's own: max(2,n/2).
    let parts = text.split { character in
      depth += character == "(" ? 1 : character == ")" ? -1 : 0
      return character == "," && depth <= 0
    }
    for item in parts.map({ $0.trimmingCharacters(in: .whitespaces) })
    where !item.isEmpty && !items.contains(item) { items.append(item) }
    guard !items.isEmpty else { throw CommandError("\(option) is empty", status: .usage) }
    return items
  }

  private func parsedLengths(_ task: any LearningTask) throws -> [Int] {
    guard let lengths else {
      let longest = task.lengths.upperBound
      return [longest, 2 * longest, 10 * longest].filter { (try? task.layout(length: $0)) != nil }
    }
    return try list(lengths, "--lengths").reduce(into: []) { lengths, text in
      guard let length = Int(text), length > 0 else {
        throw CommandError(
          "--lengths has \"\(text)\", expected whole numbers above 0 such as 10,20,100",
          status: .usage)
      }
      if !lengths.contains(length) { lengths.append(length) }
    }
  }

  private func show(_ evaluation: Evaluation, _ options: EvaluationOptions) {
    let counts = options.stop == nil ? options.iterations.map { "\($0)" } : []
    let headers = counts.isEmpty ? ["stopped"] : counts.map { "\($0) iterations" }
    /// A cell for each column of a row of the table; what is not there has none.
    func cells(
      _ rows: [Evaluation.Row], _ share: (Evaluation.Row) -> Double?
    ) -> [String] {
      guard !counts.isEmpty else {
        return rows.map { row in
          "\(percent(share(row))) after \(String(format: "%.1f", row.meanIterations ?? .nan))"
        }
      }
      return counts.map { count in percent(rows.first { $0.asked == count }.flatMap(share)) }
    }
    /// One line, or several, for the rows of each kind and length.
    func table(_ titles: [String], _ lines: ([Evaluation.Row]) -> [[String]]) {
      var table = TextTable(titles + headers)
      for kind in options.kinds {
        for length in options.lengths {
          let rows = evaluation.rows.filter { $0.kind == kind && $0.length == length }
          for line in lines(rows) { table.append([kind, "\(length)"] + line) }
        }
      }
      print(table)
    }
    table(["whole answers right", "length"]) { [cells($0) { $0.exactMatch }] }
    print()
    table(["symbols right", "length"]) { [cells($0) { $0.perSymbol }] }
    if let fact = options.fact {
      print()
      table(["symbols right", "length", fact]) { rows in
        (rows.first?.parts ?? []).map { part in
          [part.name] + cells(rows) { $0.parts?.first { $0.value == part.value }?.perSymbol }
        }
      }
    }
    if options.activeSet != nil { showWork(evaluation) }
    print("\n\(options.examples) fresh examples each, seed \(options.seed).")
  }

  private func percent(_ share: Double?) -> String {
    guard let share, !share.isNaN else { return "–" }
    return String(format: "%.1f%%", 100 * share)
  }

  private func showWork(_ evaluation: Evaluation) {
    var table = TextTable(
      ["positions computed", "length", "iterations", "of all", "dense passes", "last change"])
    for row in evaluation.rows {
      table.append(
        [row.kind, "\(row.length)", row.asked, percent(row.work)]
          + [row.passes, row.lastActive].map { String(format: "%.1f", $0 ?? .nan) })
    }
    print()
    print(table)
  }
}
