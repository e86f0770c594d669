import Foundation
import Synchronization

/// Shows how far a long piece of work has come, on standard error.
///
/// On a terminal it redraws one line: bar, share, count, rate, time left and a message. Elsewhere
/// it writes plain lines at a gentle pace: the first, one for every tenth of the work or every few
/// seconds, and the last. Any thread may call it, as often as it likes; what isn't shown costs next
/// to nothing.
///
///     let progress = ProgressBar("train", total: 5000, unit: "step")
///     for step in 1...5000 {
///       …
///       progress.update(step, "loss \(loss)")
///     }
///     progress.finish()
public final class ProgressBar: Sendable {
  /// Where the lines go; tests pass their own.
  package struct Output: Sendable {
    let isInteractive: Bool
    let usesUnicode: Bool
    let columns: @Sendable () -> Int
    let write: @Sendable (String) -> Void
    let now: @Sendable () -> Double

    package init(
      isInteractive: Bool, usesUnicode: Bool, columns: @escaping @Sendable () -> Int,
      write: @escaping @Sendable (String) -> Void, now: @escaping @Sendable () -> Double
    ) {
      self.isInteractive = isInteractive
      self.usesUnicode = usesUnicode
      self.columns = columns
      self.write = write
      self.now = now
    }

    static let standardError = Output(
      isInteractive: Terminal.standardError.isInteractive,
      usesUnicode: Terminal.standardError.usesUnicode,
      columns: { Terminal.standardError.columns },
      write: writeError,
      now: { ProcessInfo.processInfo.systemUptime })
  }

  private struct State {
    let initial: Int
    var completed: Int
    let total: Int?
    /// What to say, and the count it was said at.
    var message = (text: "", completed: 0)
    /// When, and at what count, a line was last shown.
    var shown: (time: Double, completed: Int)?
    /// Counts about a second apart over the last half minute: the rate follows a change of pace.
    var samples: [(time: Double, completed: Int)]
    var isFinished = false
  }

  private let label: String
  private let unit: String
  private let output: Output?
  private let start: Double
  private let state: Mutex<State>

  /// Begins to show progress.
  ///
  /// - Parameters:
  ///   - label: what is being done, in a word.
  ///   - total: how many units there are; nil when nobody knows, and then there is no bar.
  ///   - completed: how many were done before, in an earlier run.
  ///   - unit: what is counted, in the singular.
  ///   - isQuiet: shows nothing at all.
  public convenience init(
    _ label: String, total: Int?, completed: Int = 0, unit: String = "it", isQuiet: Bool = false
  ) {
    self.init(
      label, total: total, completed: completed, unit: unit,
      output: isQuiet ? nil : .standardError)
  }

  package init(
    _ label: String, total: Int?, completed: Int = 0, unit: String = "it", output: Output?
  ) {
    self.label = sanitized(label)
    self.unit = unit
    self.output = output
    start = output?.now() ?? 0
    state = Mutex(
      State(
        initial: completed, completed: completed, total: total, samples: [(start, completed)]))
  }

  deinit {
    // An error ended the work: what is printed next must not continue the bar's line.
    state.withLock { state in
      guard let output, output.isInteractive, state.shown != nil, !state.isFinished else { return }
      output.write("\n")
    }
  }

  /// Sets how much is done, and the message to show with it; the message is made only when it is
  /// shown.
  public func update(_ completed: Int, _ message: @autoclosure () -> String? = nil) {
    guard let output else { return }
    state.withLock { advance(&$0, to: completed, message, output) }
  }

  /// Adds to what is done.
  public func advance(by count: Int = 1, _ message: @autoclosure () -> String? = nil) {
    guard let output else { return }
    state.withLock { advance(&$0, to: $0.completed + count, message, output) }
  }

  /// Writes a line above the bar.
  public func note(_ line: String) {
    guard let output else { return }
    state.withLock { state in
      guard output.isInteractive, state.shown != nil, !state.isFinished else {
        return output.write(line + "\n")
      }
      output.write("\r\u{1B}[K" + line + "\n")
      show(&state, output, at: output.now())
    }
  }

  /// Shows where the work ended and how long it took; later calls do nothing.
  public func finish(_ message: String? = nil) {
    guard let output else { return }
    state.withLock { state in
      guard !state.isFinished else { return }
      state.isFinished = true
      if let message { state.message = (sanitized(message), state.completed) }
      // A message from before the end would be read as the result.
      if state.message.completed != state.completed { state.message.text = "" }
      show(&state, output, at: output.now())
      if output.isInteractive { output.write("\n") }
    }
  }

  private func advance(
    _ state: inout State, to completed: Int, _ message: () -> String?, _ output: Output
  ) {
    guard !state.isFinished else { return }
    state.completed = completed
    let now = output.now()
    if let last = state.samples.last, now - last.time >= 1 {
      state.samples.append((now, completed))
      if state.samples.count > 30 { state.samples.removeFirst() }
    }
    let isDue = isDue(state, at: now, output)
    guard isDue || completed == state.total else { return }
    if let message = message() { state.message = (sanitized(message), completed) }
    if isDue { show(&state, output, at: now) }
  }

  private func isDue(_ state: State, at now: Double, _ output: Output) -> Bool {
    guard let shown = state.shown else { return true }
    let wait = now - shown.time
    if output.isInteractive { return wait >= 0.1 }
    // A log of a long run shouldn't be made of progress: from every 5 s to once a minute.
    if wait >= min(max(5, (now - start) / 20), 60) { return true }
    guard let total = state.total, wait >= 1 else { return false }
    return state.completed - shown.completed >= max(1, total / 10)
  }

  private func show(_ state: inout State, _ output: Output, at now: Double) {
    // The whole run's rate at the end; on the way, that of the last half minute.
    let since = state.isFinished ? (time: start, completed: state.initial) : state.samples[0]
    let seconds = now - since.time
    let line = ProgressLine(
      label: label, unit: unit, completed: state.completed, total: state.total,
      rate: seconds > 0 ? Double(state.completed - since.completed) / seconds : nil,
      elapsed: now - start, isFinished: state.isFinished, message: state.message.text)
    if output.isInteractive {
      // One column is left free: a full line would wrap on some terminals.
      let columns = max(output.columns() - 1, 1)
      output.write("\r\(line.drawn(columns: columns, unicode: output.usesUnicode))\u{1B}[K")
    } else {
      output.write(line.plain + "\n")
    }
    state.shown = (now, state.completed)
  }
}
