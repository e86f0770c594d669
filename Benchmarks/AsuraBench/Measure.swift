import Asura
import Foundation

/// What a run computed, by which the sides are compared.
struct Outcome {
  let numbers: [Double]

  static func loss(_ loss: Double) -> Outcome { Outcome(numbers: [loss]) }
  /// Moduli of eigenvalues, or norms of points, largest first.
  static func moduli(_ moduli: some Sequence<Double>) -> Outcome {
    Outcome(numbers: moduli.sorted(by: >))
  }
}

/// One row of the table: the same work done by this library and by those it is compared with.
struct Measure {
  /// A contestant: who does the work, and how long each run took.
  final class Contestant {
    enum Runner {
      /// This library. `restart` makes the next run the first again, after warm-ups.
      case ours(run: () throws -> Outcome, restart: () -> Void)
      /// A workload of `peer.py`, which warms itself up within the first request and then starts again.
      case theirs(String)
    }
    let name: String
    let runner: Runner
    /// The time of each turn.
    private(set) var seconds: [Double] = []
    /// The processor time of each of our runs, all threads together: steadier than `seconds` on a busy machine.
    private(set) var processorSeconds: [Double] = []
    /// What each run computed, from the first after the warm-up.
    private(set) var outcomes: [Outcome] = []

    init(_ name: String, _ runner: Runner) {
      self.name = name
      self.runner = runner
    }

    static func ours(
      _ name: String = "ours", _ run: @escaping () throws -> Outcome,
      restart: @escaping () -> Void = {}
    ) -> Contestant { Contestant(name, .ours(run: run, restart: restart)) }

    func warmUp(_ peer: Peer?) throws {
      switch runner {
      case .ours(_, let restart):
        for _ in 0..<3 { _ = try run(peer) }
        restart()
        outcomes = []
      case .theirs: _ = try run(peer)
      }
    }

    /// Repeats short runs and keeps their median time: one run alone would measure how the pause before it
    /// cooled the caches.
    func takeTurn(_ peer: Peer?) throws {
      var runs: [Double] = []
      repeat { runs.append(try run(peer)) } while runs.count < 5 && runs.reduce(0, +) < 0.4
      seconds.append(runs.median)
    }

    /// One run's time.
    private func run(_ peer: Peer?) throws -> Double {
      switch runner {
      case .ours(let work, _):
        func timed() throws -> Double {
          let (start, used) = (ContinuousClock.now, clock())
          outcomes.append(try work())
          processorSeconds.append(Double(clock() - used) / Double(CLOCKS_PER_SEC))
          return (ContinuousClock.now - start) / .seconds(1)
        }
        return try peer?.watching(timed) ?? timed()
      case .theirs(let workload):
        guard let answer = try peer?.run(workload) else { return .nan }
        outcomes.append(.init(numbers: answer.detail?.moduli ?? [answer.detail?.loss ?? .nan]))
        return answer.seconds ?? .nan
      }
    }

    var isTheirs: Bool {
      if case .theirs = runner { return true }
      return false
    }
  }

  let name: String
  let shape: String
  /// What the ratio of the best other's time to ours should reach.
  let target: Double
  /// Ours first, then the others in the order of the table's columns.
  let contestants: [Contestant]
  /// How far outcomes may lie apart, relative to the largest number.
  let tolerance: Double
  /// Floating-point operations of one run in matrix products; 0 when not counted.
  var operations = 0.0
  /// More pairs than asked for by this factor, where the difference looked for is small.
  var patience = 1

  /// Runs all in turn, `pairs` times, every other time in the opposite order. They pause before each turn, since
  /// threads that spin after their work would slow the next contestant.
  func result(pairs: Int, peer: Peer?, peak: GEMMPeak) throws -> MeasureResult {
    let present = contestants.filter { peer != nil || !$0.isTheirs }
    for contestant in present { try contestant.warmUp(peer) }
    for pair in 0..<pairs * patience {
      for contestant in pair.isMultiple(of: 2) ? present : present.reversed() {
        Thread.sleep(forTimeInterval: patience > 1 ? 0.02 : 0.3)
        try contestant.takeTurn(peer)
      }
    }
    return MeasureResult(self, present, peak: peak)
  }
}

extension [Double] {
  /// The middle value, the mean of the two in the middle of an even number; NaN of none.
  var median: Double {
    let sorted = sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
