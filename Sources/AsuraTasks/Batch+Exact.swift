extension Batch {
  /// Whether each example is answered right at every scored position.
  ///
  /// - Parameter prediction: `[example, position]`, indices into the task's outputs.
  public func exact(_ prediction: [Int32]) -> [Bool] {
    precondition(prediction.count == targets.count, "\(prediction.count) of \(targets.count)")
    return (0..<examples).map { example in
      (example * positions..<(example + 1) * positions).allSatisfy {
        targets[$0] < 0 || targets[$0] == prediction[$0]
      }
    }
  }
}
