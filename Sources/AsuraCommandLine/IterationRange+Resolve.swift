extension IterationRange {
  /// The iterations asked for, ascending and once each, out of those there are.
  ///
  /// Numbers given outright must all be available. A range that ends in `last` takes what there is
  /// on its stride.
  ///
  /// - Parameters:
  ///   - available: the iterations that exist, in any order.
  ///   - lowest: the lowest that makes sense; a lower one is a usage error that says `reason`.
  ///   - reason: why, for example "latents exist at t = 0, sites inside an iteration from 1".
  ///   - option: how the option is called, for messages.
  /// - Throws: `CommandError` with status `usage` when some numbers aren't available, and
  ///   `nothingMatched` when none are; both list what there is.
  public func resolve(
    available: some Sequence<Int>, from lowest: Int = 0, reason: String? = nil,
    option: String = "--iter"
  ) throws(CommandError) -> [Int] {
    let existing = Set(available.lazy.filter { $0 >= lowest })
    guard let newest = existing.max() else {
      throw CommandError("\(option) \(self): there are no \(noun)s", status: .nothingMatched)
    }
    var found: Set<Int> = []
    var missing: [Int] = []
    for item in items {
      guard case .stride(let first, let end, let step) = item else {
        found.insert(newest)
        continue
      }
      guard first >= lowest else { throw tooLow(first, lowest, newest, reason, option) }
      guard let end else {
        found.formUnion(existing.filter { $0 >= first && ($0 - first) % step == 0 })
        continue
      }
      for number in stride(from: first, through: end, by: step) {
        if existing.contains(number) { found.insert(number) } else { missing.append(number) }
      }
    }
    if !missing.isEmpty || found.isEmpty {
      let sorted = existing.sorted()
      let what = missing.isEmpty ? "none" : "no \(Self.spelled(missing, atMost: 6))"
      throw CommandError(
        "\(option) \(self): \(what) among the \(noun)s there are, \(Self.spelled(sorted))",
        status: found.isEmpty ? .nothingMatched : .usage,
        remedy: (missing.min() ?? newest + 1) > newest
          ? "the last is \(newest); a range may end in last, as in \(sorted[0])...last" : nil)
    }
    return found.sorted()
  }

  private func tooLow(
    _ number: Int, _ lowest: Int, _ newest: Int, _ reason: String?, _ option: String
  ) -> CommandError {
    let why = reason.map { ": \($0)" } ?? ""
    return CommandError(
      "\(option) \(self): \(noun) \(number) is below \(lowest)\(why)", status: .usage,
      remedy: "the \(noun)s here are \(lowest)...\(newest)")
  }

  /// Ascending numbers as an option would spell them, `0...50:5,60`, cut after `most` items.
  public static func spelled(_ numbers: [Int], atMost most: Int = 12) -> String {
    var items: [String] = []
    var start = 0
    while start < numbers.count {
      guard items.count < most else {
        items.append("…")
        break
      }
      let step = start + 1 < numbers.count ? numbers[start + 1] - numbers[start] : 1
      var end = start
      while end + 1 < numbers.count, numbers[end + 1] - numbers[end] == step { end += 1 }
      // Two numbers are shorter written out than as a range.
      if end - start < 2 {
        items.append("\(numbers[start])")
        start += 1
      } else {
        items.append("\(numbers[start])...\(numbers[end])" + (step == 1 ? "" : ":\(step)"))
        start = end + 1
      }
    }
    return items.joined(separator: ",")
  }
}
