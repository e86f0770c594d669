extension TraceReader {
  /// The model's configuration as JSON; empty if it was left out.
  public func configuration() throws -> String {
    try locating { try run.group("model").dataset("configuration").texts().first ?? "" }
  }

  /// The hash of the weights; empty if it was left out.
  public func weightsHash() throws -> String {
    try locating { try run.group("model").text("weights_hash") ?? "" }
  }

  /// The names of the weights in the trace; none if they were left out.
  public func weightNames() throws -> [String] {
    try locating {
      let model = try run.group("model")
      return try model.contains("weights") ? model.group("weights").names() : []
    }
  }

  /// One weight in its stored type.
  public func weight(_ name: String) throws -> TraceArray {
    try locating {
      let model = try run.group("model")
      guard try model.contains("weights") else {
        throw TraceError(.notFound, "the trace was made without weights")
      }
      return try model.group("weights").dataset(name).array()
    }
  }

  /// The names of the facts, in alphabetical order.
  public func factNames() throws -> [String] { try input().facts.keys.sorted() }

  /// What the model was run on.
  public func input() throws -> TraceInput {
    try locating {
      let group = try run.group("input")
      func array(_ name: String) throws -> IntegerArray? {
        try group.contains(name) ? group.dataset(name).integers() : nil
      }
      var input = TraceInput(
        task: try group.text("task") ?? "", tokens: try array("tokens"),
        targets: try array("targets"), mask: try array("mask"),
        positionIDs: try array("position_ids"), rows: try group.integer("rows") ?? 1,
        text: try group.contains("text") ? group.dataset("text").texts() : [])
      guard try group.contains("facts") else { return input }
      let facts = try group.group("facts")
      for name in try facts.names() where name != "batch" && name != "position" {
        let dataset = try facts.dataset(name)
        var labels: [String] = []
        if case .texts(let texts)? = try dataset.attribute("labels") { labels = texts }
        input.facts[name] = TraceFact(try dataset.integers(), labels: labels)
      }
      return input
    }
  }
}
