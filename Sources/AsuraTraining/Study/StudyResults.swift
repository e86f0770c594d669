/// What a study's runs gave, a row for each variant, kind of example, length and number of iterations.
public struct StudyResults: Sendable, Codable, Equatable {
  public let question: String
  public let seeds: [UInt64]
  public let rows: [Row]
  public let training: [Training]

  /// One cell of the question with the answer of every seed.
  public struct Row: Sendable, Codable, Equatable {
    public let variant: String
    public let kind: String
    public let length: Int
    /// As the study writes it, such as `2n`.
    public let iterations: String
    /// The rule for stopping, if there is one.
    public let stop: String?
    /// The tolerance of an active set, if there is one.
    public let active: Double?
    /// How many examples each seed's model was tested on.
    public let examples: Int
    /// The share of examples right throughout, by seed in the study's order: 0 for a run whose training failed, nil
    /// for one not done yet.
    public let exactMatch: [Double?]
    /// The share of symbols right, likewise.
    public let perSymbol: [Double?]
    /// The mean number of iterations an example got, where they differ: by a rule for stopping or by their difficulty.
    public let meanIterations: [Double?]
    /// With an active set, the iterations over all positions that an example's work comes to, on average.
    public let passes: [Double?]

    /// The mean share of examples right throughout over the seeds that are done; NaN when none is.
    public var mean: Double { Self.mean(exactMatch) }
    /// Their standard deviation, with n − 1; NaN for fewer than two.
    public var deviation: Double {
      let done = exactMatch.compactMap { $0 }
      let mean = mean
      guard done.count > 1 else { return .nan }
      let squares = done.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Double(done.count - 1)).squareRoot()
    }

    static func mean(_ values: [Double?]) -> Double {
      let done = values.compactMap { $0 }
      return done.reduce(0, +) / Double(done.count)
    }
  }

  /// How the training of one variant went.
  public struct Training: Sendable, Codable, Equatable {
    public let variant: String
    /// Seconds by seed; nil for a run not done yet.
    public let seconds: [Double?]
    /// Why training ended before its time, by seed; nil where it did not.
    public let failures: [String?]
    /// The first step by which the share of whole answers the study names was right in five logged batches in a row,
    /// by seed; nil where none was.
    public let reached: [Int?]
  }

  /// Puts together what there is.
  public init(_ study: Study, _ runs: [(run: StudyRun, outcome: StudyOutcome?)]) {
    question = study.question
    seeds = study.seeds
    var rows: [Row] = []
    var training: [Training] = []
    for variant in study.variants.map(\.name) {
      let own = runs.filter { $0.run.variant == variant }
      guard let tests = own.first?.run.tests else { continue }
      training.append(
        Training(
          variant: variant,
          seconds: own.map { $0.outcome?.isTrained == true ? $0.outcome?.trainingSeconds : nil },
          failures: own.map { $0.outcome?.failure },
          reached: own.map { run in
            guard run.outcome?.isTrained == true else { return nil }
            return study.reach.flatMap { run.run.folder.step(reaching: $0) }
          }))
      for test in tests {
        // This test's evaluation by seed; a failed run has none, and is wrong in everything.
        let tested = own.map { run in run.outcome?.tests.first { $0.test == test }?.evaluation }
        for kind in test.kinds ?? [] {
          for length in test.lengths {
            for asked in test.asked {
              let cells = tested.map { $0?.row(kind: kind, length: length, asked: asked) }
              func share(_ value: (Evaluation.Row) -> Double) -> [Double?] {
                zip(own, cells).map { $0.outcome?.failure != nil ? 0 : $1.map(value) }
              }
              rows.append(
                Row(
                  variant: variant, kind: kind, length: length, iterations: asked, stop: test.stop,
                  active: test.active,
                  examples: test.examples, exactMatch: share(\.exactMatch),
                  perSymbol: share(\.perSymbol), meanIterations: cells.map { $0?.meanIterations },
                  passes: cells.map { $0?.passes }))
            }
          }
        }
      }
    }
    self.rows = rows
    self.training = training
  }
}

extension Evaluation {
  /// The row of a kind and length after iterations as they were asked for.
  fileprivate func row(kind: String, length: Int, asked: String) -> Row? {
    rows.first { $0.kind == kind && $0.length == length && $0.asked == asked }
  }
}

extension StudyResults {
  /// All of it as CSV, a line for each variant, seed and cell.
  public var csv: String {
    var lines = [
      "variant,seed,kind,length,iterations,stop,active,examples,exact_match,per_symbol,mean_iterations,passes"
    ]
    for row in rows {
      for (i, seed) in seeds.enumerated() {
        func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
        lines.append(
          "\"\(row.variant)\",\(seed),\(row.kind),\(row.length),\"\(row.iterations)\",\(row.stop ?? ""),\(text(row.active)),"
            + "\(row.examples),\(text(row.exactMatch[i])),\(text(row.perSymbol[i])),"
            + "\(text(row.meanIterations[i])),\(text(row.passes[i]))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
