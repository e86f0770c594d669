internal import AsuraModel
internal import AsuraTensor

extension PatchExperiment {
  /// Patches every path of every pair, and hands over each cell once, on the calling thread.
  ///
  /// First the sender's value is replaced by the source's, while all that later blocks add is held as in the base run:
  /// what then comes to the receiver came straight from the sender. Then the base is run with the receiver's value
  /// replaced by that, and everything after it free. The logits as receiver are read off the first run (Wang et al. 2023,
  /// arXiv:2211.00593, figure 3; Goldowsky-Dill et al. 2023, arXiv:2304.05969).
  ///
  /// - Parameters:
  ///   - kind: what is done to the senders.
  ///   - isCancelled: is asked now and then whether to stop.
  ///   - receive: takes cells as they are made, some at a time, in no order to rely on; their patches are numbers of paths.
  /// - Returns: whether all were run.
  /// - Throws: `ProbeError` for a path there cannot be, before anything is run.
  @discardableResult public func run(
    _ paths: [PatchPath], kind: PatchKind = .replace(), isCancelled: () -> Bool = { false },
    receive: ([PatchCell]) throws -> Void
  ) throws -> Bool {
    for path in paths { try check(path) }
    for group in senders(of: paths) {
      if isCancelled() { return false }
      let isDone = try run(group, paths, kind, isCancelled, receive)
      if !isDone { return false }
    }
    return true
  }

  /// A sender with the numbers of its paths.
  private struct Sender {
    let place: PatchPlace
    var paths: [Int]
  }

  /// The senders in groups such that what arrives of one group's fits into memory.
  private func senders(of paths: [PatchPath]) -> [[Sender]] {
    var senders: [Sender] = []
    var numbers: [PatchPlace: Int] = [:]
    for (number, path) in paths.enumerated() {
      if let known = numbers[path.sender] {
        senders[known].paths.append(number)
      } else {
        numbers[path.sender] = senders.count
        senders.append(Sender(place: path.sender, paths: [number]))
      }
    }
    var groups: [[Sender]] = []
    var bytes = Int.max
    for sender in senders {
      let places = Set(
        sender.paths.map { number -> PatchPlace in
          let receiver = paths[number].receiver
          return PatchPlace(receiver.site, iterations: receiver.iterations)
        })
      let own = places.reduce(0) {
        $0 + layout(of: $1.site).count * MemoryLayout<S>.stride * pairs.count
      }
      if bytes == Int.max || bytes + own > memory / 2 {
        groups.append([])
        bytes = 0
      }
      groups[groups.count - 1].append(sender)
      bytes += own
    }
    return groups
  }

  private struct Arrival: Hashable {
    let sender: Int
    let pair: Int
    let site: Site
    let iteration: Int
  }

  private func run(
    _ group: [Sender], _ paths: [PatchPath], _ kind: PatchKind, _ isCancelled: () -> Bool,
    _ receive: ([PatchCell]) throws -> Void
  ) throws -> Bool {
    let wanted = Dictionary(
      grouping: group.flatMap { $0.paths.map { paths[$0].receiver } }.filter { $0.site != .logits },
      by: \.site)
    let requests = wanted.map { site, places in
      RecordRequest(
        [site.description], iterations: .only(Set(places.map(\.iterations.lowerBound))))
    }
    var arrived: [Arrival: Tensor<S>] = [:]
    var isAll = try run(
      group.map { direct($0.place, kind) }, recording: requests, isCancelled: isCancelled
    ) { cell, recorded in
      for path in group[cell.patch].paths {
        let receiver = paths[path].receiver
        let t = receiver.iterations.lowerBound
        // A pair without the sender's place has no path either.
        guard receiver.site != .logits, let value = recorded(receiver.site, t) else {
          try receive([cell.renumbered(path)])
          continue
        }
        arrived[
          Arrival(sender: cell.patch, pair: cell.pair, site: receiver.site, iteration: t)] = value
      }
    }
    guard isAll else { return false }
    let rest = group.enumerated().flatMap { sender, own in
      own.paths.filter { paths[$0].receiver.site != .logits }.map { (sender: sender, path: $0) }
    }
    let values = arrived
    func arrival(_ sender: Int, _ path: Int, _ pair: Int) -> Tensor<S>? {
      let place = paths[path].receiver
      return values[
        Arrival(
          sender: sender, pair: pair, site: place.site, iteration: place.iterations.lowerBound)]
    }
    let patches = rest.map { sender, path in
      let place = paths[path].receiver
      return Patch(
        place,
        .value { pair, iteration in
          let key = Arrival(sender: sender, pair: pair, site: place.site, iteration: iteration)
          guard let value = values[key] else {
            throw ProbeError(.badPatch, "nothing arrived at \(place.site)")
          }
          return value.converted()
        })
    }
    isAll = try run(
      patches, isDone: { arrival(rest[$0].sender, rest[$0].path, $1) == nil },
      isCancelled: isCancelled,
      receive: { cells in try receive(cells.map { $0.renumbered(rest[$0.patch].path) }) })
    return isAll
  }
}

extension PatchCell {
  /// The same as another patch's.
  func renumbered(_ patch: Int) -> PatchCell {
    PatchCell(
      patch: patch, pair: pair, values: values, rejoined: rejoined, iterations: iterations)
  }
}
