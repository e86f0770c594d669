extension [Int] {
  /// The numbers, which are in order, as ranges of at most `most` that follow one another: what can be read at once.
  func stretches(most: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    for number in self {
      if let last = found.last, last.upperBound == number, last.count < most {
        found[found.count - 1] = last.lowerBound..<number + 1
      } else {
        found.append(number..<number + 1)
      }
    }
    return found
  }
}
