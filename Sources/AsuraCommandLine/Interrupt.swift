import Foundation
import Synchronization

/// Ctrl-C and SIGTERM as a wish that loops look up, so that work ends in order.
///
///     Interrupt.install()
///     for step in 1...steps {
///       if Interrupt.isRequested { return try checkpoint() }
///
/// A second Ctrl-C quits at once, with the shell's status for it (130).
public enum Interrupt {
  /// Whether the process was asked to stop.
  public static var isRequested: Bool { signalReceived.load(ordering: .relaxed) != 0 }

  /// Makes SIGINT and SIGTERM set the flag from now on. On a terminal, the first says so.
  ///
  /// Also where the process was started with SIGINT ignored, as shells do for background jobs:
  /// whoever sends the signal to such a job means it.
  public static func install() {
    speaks.store(isatty(STDERR_FILENO) == 1, ordering: .relaxed)
    // Reading both here also makes sure that they are initialised before a handler needs them.
    firstSignal.store(0, ordering: .relaxed)
    signalReceived.store(0, ordering: .relaxed)
    signal(SIGINT, handleSignal)
    signal(SIGTERM, handleSignal)
  }

  /// Gives both signals their default meaning back and forgets a wish to stop.
  public static func uninstall() {
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
    signalReceived.store(0, ordering: .relaxed)
  }
}

private let signalReceived = Atomic<Int32>(0)
private let firstSignal = Atomic<Int64>(0)
private let speaks = Atomic<Bool>(false)
private let notice: StaticString = "\nstopping in order; press Ctrl-C again to quit at once\n"

/// Only atomics, `clock_gettime`, `write` and `_exit`: all that a signal handler may use.
private func handleSignal(_ number: Int32) {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  let now = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  let (isFirst, _) = signalReceived.compareExchange(
    expected: 0, desired: number, ordering: .relaxed)
  if isFirst {
    firstSignal.store(now, ordering: .relaxed)
    if speaks.load(ordering: .relaxed) {
      write(STDERR_FILENO, notice.utf8Start, notice.utf8CodeUnitCount)
    }
  } else if number == SIGINT, now - firstSignal.load(ordering: .relaxed) > 100 {
    // `timeout` and the like send one signal twice within a moment; a person takes longer.
    _exit(128 + number)
  }
}
