import AsuraTasks
import AsuraTensor
import Testing

struct TreeTests {
  /// The value of a ListOps text, by a stack of words.
  private func listOps(_ words: [String]) -> Int? {
    var stack: [[String]] = [[]]
    for word in words {
      if word.hasPrefix("[") {
        stack.append([word])
      } else if word == "]" {
        let list = stack.removeLast()
        let values = list.dropFirst().compactMap { Int($0) }.sorted()
        let value =
          switch list[0] {
          case "[MIN": values[0]
          case "[MAX": values[values.count - 1]
          case "[SM": values.reduce(0, +) % 10
          default:
            values.count % 2 == 1
              ? values[values.count / 2]
              : (values[values.count / 2] + values[values.count / 2 - 1]) / 2
          }
        stack[stack.count - 1].append("\(value)")
      } else {
        stack[stack.count - 1].append(word)
      }
    }
    return stack[0].count == 1 ? Int(stack[0][0]) : nil
  }

  /// The value of an infix text, by rewriting its innermost brackets until none is left.
  private func arithmetic(_ words: [String], modulus: Int) -> Int? {
    var words = words
    while let close = words.firstIndex(of: ")") {
      guard close >= 4, words[close - 4] == "(", let a = Int(words[close - 3]),
        let b = Int(words[close - 1])
      else { return nil }
      let value = words[close - 2] == "+" ? a + b : a * b
      words.replaceSubrange(close - 4...close, with: ["\(value % modulus)"])
    }
    return words.count == 1 ? Int(words[0]) : nil
  }

  /// Checks every fact of every bracket of a batch against a solver for its part of the tokens.
  private func check(
    _ task: any LearningTask, _ batch: Batch, _ solve: ([String]) -> Int?
  ) throws {
    let value = try #require(batch.fact("value")).values
    let height = try #require(batch.fact("height")).values
    let depth = try #require(batch.fact("depth")).values
    for example in 0..<batch.examples {
      let words = batch.tokens(ofExample: example).map { task.vocabulary[Int($0)] }
      let first = example * batch.positions
      var open: [(start: Int, height: Int32)] = []
      var deepest = 0
      for (position, word) in words.enumerated() {
        let place = first + position
        if word.hasPrefix("[") || word == "(" {
          open.append((position, 1))
          deepest = max(deepest, open.count)
          #expect(Int(depth[place]) == open.count)
        } else if word == "]" || word == ")" {
          let (start, tall) = open.removeLast()
          let expected = Int32(try #require(solve(Array(words[start...position]))))
          #expect(value[place] == expected && value[first + start] == expected)
          #expect(height[place] == tall && height[first + start] == tall)
          #expect(Int(depth[place]) == open.count + 1)
          if let last = open.last { open[open.count - 1].height = max(last.height, tall + 1) }
        } else {
          #expect(value[place] == -1 && height[place] == -1)
          #expect(Int(depth[place]) == open.count)
        }
      }
      #expect(deepest == batch.length && open.isEmpty)
      let answer = try #require(solve(words))
      #expect(task.answer(batch.targets(ofExample: example), in: batch) == "\(answer)")
      #expect(batch.targets(ofExample: example).dropLast().allSatisfy { $0 == -1 })
    }
  }

  @Test(arguments: [
    ListOpsOptions(), ListOpsOptions(arguments: 3, operations: 4), ListOpsOptions(operations: 1),
  ])
  func listOpsValuesAreThoseOfAStack(options: ListOpsOptions) throws {
    let task = try ListOpsTask(options)
    for kind in task.kinds {
      for depth in [1, 2, 3, 6, 9, 14] {
        var random = Random(seed: UInt64(depth), for: kind.name)
        let batch = try task.makeBatch(length: depth, examples: 15, kind: kind, random: &random)
        try check(task, batch) { listOps($0) }
      }
    }
  }

  @Test(arguments: [
    ArithmeticOptions(), ArithmeticOptions(modulus: 101, operations: 8),
    ArithmeticOptions(modulus: 2, operations: 1),
  ])
  func arithmeticValuesAreThoseOfRewriting(options: ArithmeticOptions) throws {
    let task = try ArithmeticTask(options)
    for kind in task.kinds {
      for depth in [1, 2, 3, 6, 9, 14] {
        var random = Random(seed: UInt64(depth), for: kind.name)
        let batch = try task.makeBatch(length: depth, examples: 15, kind: kind, random: &random)
        try check(task, batch) { arithmetic($0, modulus: options.modulus) }
      }
    }
  }

  @Test func medianIsRoundedDown() throws {
    let task = try ListOpsTask()
    let batch = try task.makeBatch(
      reading: ["[MED 1 4 ]", "[MED 9 2 ]", "[SM 9 9]", "[ MAX 1 2 ]".replacing("[ ", with: "[")],
      length: nil)
    #expect(
      (0..<4).map { task.answer(batch.targets(ofExample: $0), in: batch) } == ["2", "5", "8", "2"])
  }

  @Test func operationsArgumentsAndShapesVary() throws {
    let task = try ListOpsTask()
    var random = Random(seed: 1)
    let batch = try task.makeBatch(length: 6, examples: 1000, random: &random)
    #expect(batch.positions == 45)
    var operations: [String: Int] = [:]
    var arguments: [Int: Int] = [:]
    var shapes: Set<String> = []
    var open: [Int] = []
    for example in 0..<1000 {
      let words = batch.tokens(ofExample: example).map { task.vocabulary[Int($0)] }
      shapes.insert(words.map { $0.hasPrefix("[") ? "[" : $0 == "]" ? "]" : "." }.joined())
      for word in words {
        if word != "]", !open.isEmpty { open[open.count - 1] += 1 }
        if word.hasPrefix("[") {
          operations[word, default: 0] += 1
          open.append(0)
        } else if word == "]" {
          arguments[open.removeLast(), default: 0] += 1
        }
      }
    }
    #expect(operations.count == 4 && operations.values.allSatisfy { (2550...2950).contains($0) })
    #expect(Set(arguments.keys) == [2, 3, 4, 5])
    #expect(arguments.reduce(0) { $0 + $1.key * $1.value } == 3 * 11_000)
    #expect(shapes.count > 900)
    let sums = try task.makeBatch(
      length: 6, examples: 20, kind: task.kind(named: "sums"), random: &random)
    let signs = Set(sums.tokens.map { task.vocabulary[Int($0)] }.filter { $0.hasPrefix("[") })
    #expect(signs == ["[SM"])
  }

  @Test func aPairsDifferenceTakesOneWayToTheRoot() throws {
    let task = try ListOpsTask()
    var random = Random(seed: 3)
    let pairs = try task.makePairs(length: 5, count: 100, kind: nil, random: &random)
    let differs = try #require(pairs.fact("differs")).values
    let depth = try #require(pairs.clean.fact("depth")).values
    for pair in 0..<100 {
      let first = pair * pairs.clean.positions
      let closing = (first..<first + pairs.clean.positions).filter {
        differs[$0] == 1 && pairs.clean.tokens[$0] == 14
      }
      // From the number's own operation up: one bracket of each depth.
      #expect(closing.map { depth[$0] } == (1...Int32(closing.count)).reversed())
    }
  }

  @Test func readingTakesOtherSizes() throws {
    let task = try ArithmeticTask()
    let batch = try task.makeBatch(reading: ["(3+(4*(5+6)))", " ( ( (1 +2)+3) *4)"], length: 3)
    #expect(batch.positions == 13)
    #expect(
      (0..<2).map { task.answer(batch.targets(ofExample: $0), in: batch) } == ["7", "4"])
    #expect(task.question(batch, example: 1) == "(((1+2)+3)*4)")
  }

  @Test(arguments: [
    "3", "()", "(3)", "(3+)", "(3+4", "3+4", "(3+4))", "(3+4)(1+2)", "(3 4+)", "(3+4+5)", "(3-4)",
    "(3+10)",
    "(3MIN4)", "[SM 1 2 ]", "(+3 4)", "( 3 MIN 4 )",
  ])
  func whatIsNoArithmeticIsRefused(text: String) throws {
    let task = try ArithmeticTask()
    let error = #expect(throws: TaskError.self) { try task.makeBatch(reading: [text], length: nil) }
    #expect(error?.field == "text 0")
  }

  @Test(arguments: [
    "3", "[MAX ]", "[MAX 1 2", "MAX 1 2 ]", "[MEAN 1 2 ]", "[MAX 1 2 ] ]", "[MAX 1 12 ]", "[ 1 2 ]",
    "(1+2)",
    "[MAX -1 2 ]",
  ])
  func whatIsNoListIsRefused(text: String) throws {
    let task = try ListOpsTask()
    let error = #expect(throws: TaskError.self) { try task.makeBatch(reading: [text], length: nil) }
    #expect(error?.field == "text 0")
  }

  @Test func unequalTextsAndEndlessOnesAreRefused() throws {
    let task = try ArithmeticTask()
    for texts in [["(1+2)", "((1+2)+3)"], ["((1+2)+3)", "((1+2)+(3+4))"]] {
      let error = #expect(throws: TaskError.self) {
        try task.makeBatch(reading: texts, length: nil)
      }
      #expect(error?.field == "text 1")
    }
    let deep = String(repeating: "(", count: 200_000) + "1"
    #expect(throws: TaskError.self) { try task.makeBatch(reading: [deep], length: nil) }
    let deepest = String(repeating: "(1+", count: 1000) + "1" + String(repeating: ")", count: 1000)
    let batch = try task.makeBatch(reading: [deepest], length: nil)
    #expect(batch.length == 1000 && batch.targets.last == 1)
    let deeper = "(1+" + deepest + ")"
    #expect(throws: TaskError.self) { try task.makeBatch(reading: [deeper], length: nil) }
  }
}
