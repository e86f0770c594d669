import AsuraCommandLine
import Foundation
import Synchronization
import Testing

@Suite struct ProgressTests {
  /// A made-up stream and clock.
  final class Recorder: Sendable {
    let state = Mutex((text: "", time: 0.0))
    var text: String { state.withLock { $0.text } }
    func pass(_ seconds: Double) { state.withLock { $0.time += seconds } }

    func output(interactive: Bool, columns: Int = 80, unicode: Bool = true) -> ProgressBar.Output {
      ProgressBar.Output(
        isInteractive: interactive, usesUnicode: unicode, columns: { columns },
        write: { text in self.state.withLock { $0.text += text } },
        now: { self.state.withLock { $0.time } })
    }
  }

  @Test func plainLinesComeAtAGentlePace() {
    let recorder = Recorder()
    let bar = ProgressBar(
      "train", total: 1000, unit: "step", output: recorder.output(interactive: false))
    for step in 1...1000 {
      recorder.pass(0.1)
      bar.update(step, "loss \(step)")
    }
    bar.finish()
    let lines = recorder.text.split(separator: "\n")
    #expect(lines.first == "train  1/1000 (0%)  10.0 step/s  1:40 left  loss 1")
    #expect(lines.last == "train  1000/1000 (100%)  10.0 step/s  in 1:40  loss 1000")
    #expect((12...30).contains(lines.count), "\(lines.count)")
  }

  @Test func aLongRunWritesAtMostALineAMinute() {
    let recorder = Recorder()
    let bar = ProgressBar("wait", total: nil, output: recorder.output(interactive: false))
    for step in 1...10 * 3600 {
      recorder.pass(1)
      bar.update(step)
    }
    bar.finish()
    #expect((600...700).contains(recorder.text.split(separator: "\n").count))
    #expect(recorder.text.hasSuffix("wait  36000 it  1.00 it/s  in 10:00:00\n"))
  }

  @Test func aTerminalLineIsRedrawnAndFits() {
    for columns in [20, 40, 80, 200] {
      let recorder = Recorder()
      let bar = ProgressBar(
        "train", total: 500, unit: "step",
        output: recorder.output(interactive: true, columns: columns))
      for step in 1...500 {
        recorder.pass(0.05)
        bar.update(step, "loss 0.1")
      }
      bar.finish()
      let frames = recorder.text.dropLast().split(separator: "\r")
      #expect((200...300).contains(frames.count), "\(frames.count)")
      for frame in frames {
        #expect(frame.hasSuffix("\u{1B}[K"))
        #expect(displayWidth(String(frame.dropLast(3))) < columns, "\(frame)")
      }
      #expect(recorder.text.last == "\n")
      #expect(recorder.text.filter { $0 == "\n" }.count == 1)
    }
  }

  @Test func theBarIsDrawnInEighths() {
    var line = ProgressLine(label: "", unit: "it", completed: 3, total: 8, elapsed: 0)
    #expect(line.drawn(columns: 26, unicode: true) == "▕█████▋         ▏ 37%  3/8")
    #expect(line.drawn(columns: 26, unicode: false) == "[#####..........] 37%  3/8")
    #expect(line.drawn(columns: 12, unicode: true) == "37%  3/8")
    line.completed = 8
    #expect(line.drawn(columns: 26, unicode: true) == "▕██████████████▏ 100%  8/8")
  }

  @Test func resumedWorkCountsOnlyItsOwnRate() {
    let recorder = Recorder()
    let bar = ProgressBar(
      "train", total: 1000, completed: 900, output: recorder.output(interactive: false))
    recorder.pass(10)
    bar.update(950)
    #expect(recorder.text == "train  950/1000 (95%)  5.00 it/s  0:10 left\n")
  }

  @Test func theRateFollowsAChangeOfPace() {
    let recorder = Recorder()
    let bar = ProgressBar("x", total: 10_000, output: recorder.output(interactive: true))
    for step in 1...1000 {
      recorder.pass(0.1)
      bar.update(step)
    }
    for step in 1001...1100 {
      recorder.pass(1)
      bar.update(step)
    }
    #expect(recorder.text.split(separator: "\r").last?.contains("1.00 it/s") == true)
  }

  @Test func notesGoAboveTheBar() {
    let recorder = Recorder()
    let bar = ProgressBar("x", total: 10, output: recorder.output(interactive: true))
    bar.update(1)
    bar.note("checkpoint written")
    #expect(recorder.text.contains("\r\u{1B}[Kcheckpoint written\n\rx"))
  }

  @Test func anAbandonedBarEndsItsLine() {
    let recorder = Recorder()
    do {
      let bar = ProgressBar("x", total: 10, output: recorder.output(interactive: true))
      bar.update(1)
    }
    #expect(recorder.text.hasSuffix("\n"))
  }

  @Test func quietWritesNothingAndMakesNoMessages() {
    var made = 0
    func message() -> String {
      made += 1
      return ""
    }
    let bar = ProgressBar("x", total: 10, isQuiet: true)
    for step in 1...10 { bar.update(step, message()) }
    bar.finish()
    #expect(made == 0)
  }

  @Test func threadsMayAdvanceTogether() async {
    let recorder = Recorder()
    let bar = ProgressBar("x", total: 4000, output: recorder.output(interactive: false))
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<1000 { bar.advance() } }
      }
    }
    bar.finish()
    #expect(recorder.text.split(separator: "\n").last?.hasPrefix("x  4000/4000 (100%)") == true)
  }

  @Test func aMessageThatIsNotTheLastIsNotTheResult() {
    let recorder = Recorder()
    let bar = ProgressBar("x", total: 10, output: recorder.output(interactive: false))
    bar.update(1, "loss 5")
    bar.update(2, "loss 4")
    bar.finish()
    #expect(recorder.text.split(separator: "\n").last?.contains("loss") == false)
  }

  @Test(arguments: [
    (0.25, "0.25 s"), (7, "0:07"), (65.4, "1:05"), (3729, "1:02:09"), (200_000, "2 d 7 h"),
    (.infinity, "ages"),
  ])
  func durations(seconds: Double, expected: String) {
    #expect(duration(seconds) == expected)
  }
}
