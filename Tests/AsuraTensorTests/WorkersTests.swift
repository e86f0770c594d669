import AsuraTensor
import AsuraTestSupport
import Synchronization
import Testing

@Suite struct WorkersTests {
  private struct Failure: Error, Equatable { let part: Int }

  @Test(arguments: [1, 2, 5], [0, 1, 2, 7, 1000])
  func everyPartRunsOnce(_ workers: Int, parts: Int) {
    let runs = Mutex(Array(repeating: 0, count: parts))
    Workers(count: workers).forEach(parts) { part in runs.withLock { $0[part] += 1 } }
    #expect(runs.withLock { $0 } == Array(repeating: 1, count: parts))
    let squares = Workers(count: workers).map(parts) { $0 * $0 }
    #expect(squares == (0..<parts).map { $0 * $0 })
  }

  @Test(arguments: [1, 2, 5])
  func errorsAreRethrownAndEndTheWork(_ workers: Int) {
    let begun = Mutex(0)
    #expect(throws: Failure(part: 3)) {
      try Workers(count: workers).forEach(100_000) { (part) throws(Failure) in
        begun.withLock { $0 += 1 }
        if part == 3 { throw Failure(part: part) }
      }
    }
    #expect(begun.withLock { $0 } < 100_000)
    #expect(throws: Failure.self) {
      try Workers(count: workers).map(4) { (part) throws(Failure) -> Int in
        throw Failure(part: part)
      }
    }
  }

  @Test(arguments: [1, 2, 5], [0, 1, 2, 7])
  func interleavedStepsComeInOrder(_ workers: Int, parts: Int) throws {
    let steps = Mutex(Array(repeating: [Int](), count: parts))
    try Workers(count: workers).interleave(parts, steps: 50) { part, step in
      steps.withLock { $0[part].append(step) }
    }
    #expect(steps.withLock { $0 } == Array(repeating: Array(0..<50), count: parts))
  }

  @Test func theFurthestBehindGoesFirst() throws {
    let order = Mutex<[[Int]]>([])
    try Workers(count: 1).interleave(3, steps: 2) { part, step in
      order.withLock { $0.append([step, part]) }
    }
    #expect(order.withLock { $0 } == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
  }

  @Test(arguments: [1, 2, 5])
  func errorsEndInterleavedWork(_ workers: Int) {
    let begun = Mutex(0)
    #expect(throws: Failure(part: 1)) {
      try Workers(count: workers).interleave(4, steps: 10_000) { part, step in
        begun.withLock { $0 += 1 }
        if part == 1 && step == 3 { throw Failure(part: part) }
      }
    }
    #expect(begun.withLock { $0 } < 40_000)
  }

  @Test func workInsideAPartIsSingle() {
    Workers(count: 3).forEach(6) { _ in
      #expect(Workers.current.count == 1)
      Workers.current.forEach(4) { _ in #expect(Workers.current.count == 1) }
    }
    #expect(Workers.current.count == Workers.availableProcessors)
  }

  @Test func aMapOfOptionalsKeepsThem() {
    let odd: [Int?] = Workers(count: 2).map(4) { $0 % 2 == 0 ? nil : $0 }
    #expect(odd == [nil, 1, nil, 3])
  }

  @Test func availableProcessorsArePositive() { #expect(Workers.availableProcessors >= 1) }
}
