import ArgumentParser
import AsuraTensor

/// `--json` and `--quiet`: how much a command says, and to whom.
public struct ReportingOptions: ParsableArguments {
  @Flag(help: "Print results as JSON.")
  public var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  public var quiet = false

  public init() {}

  /// A progress bar on standard error that keeps silent when asked to.
  public func progress(
    _ label: String, total: Int?, completed: Int = 0, unit: String = "it"
  ) -> ProgressBar {
    ProgressBar(label, total: total, completed: completed, unit: unit, isQuiet: quiet)
  }
}

/// `--threads N`, checked against the processors at hand.
public struct ThreadOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Threads to work with. (default: one for each core)", valueName: "n"),
    transform: { try threadCount($0, cores: Workers.availableProcessors) })
  public var threads: Int?

  public init() {}

  /// The workers asked for, or one for each core.
  public var workers: Workers { Workers(count: threads ?? Workers.availableProcessors) }
}

/// `--seed N`.
public struct SeedOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Seed of everything random; the same seed gives the same result.", valueName: "n"),
    transform: seedNumber)
  public var seed: UInt64?

  public init() {}
}

func threadCount(_ text: String, cores: Int) throws(CommandError) -> Int {
  guard let count = Int(text), count >= 1 else {
    throw CommandError("expected a number from 1 to \(cores)", status: .usage)
  }
  guard count <= cores else {
    throw CommandError(
      "there \(cores == 1 ? "is 1 core" : "are \(cores) cores") to work with", status: .usage,
      remedy: "try --threads \(cores), or leave the option out")
  }
  return count
}

func seedNumber(_ text: String) throws(CommandError) -> UInt64 {
  guard let seed = UInt64(text) else {
    throw CommandError("expected a whole number from 0 to \(UInt64.max)", status: .usage)
  }
  return seed
}
