import AsuraConfiguration

/// A task and its options, as a recipe gives them:
/// `{kind: addition, format: plain, lengths: 1...10}`.
///
/// Unknown keys, unknown names and values that can't be are a `TaskError` that names the field,
/// what was found, what is expected and what to do. (A decoder may wrap it: Yams puts it into the
/// `underlyingError` of a `DecodingError`.)
public enum TaskConfiguration: Codable, Sendable, Equatable {
  case addition(AdditionOptions)
  case copy(CopyOptions)
  case pairs(PairsOptions)
  case mazes(MazeOptions)
  case parity(ParityOptions)
  case lego(LegoOptions)
  case lookup(LookupOptions)
  case listops(ListOpsOptions)
  case arithmetic(ArithmeticOptions)
  case hops(HopsOptions)
  case file(FileOptions)

  /// The kinds of task there are.
  public enum Name: String, CaseIterable, Sendable {
    case addition, copy, pairs, mazes, parity
    case lego, lookup, listops, arithmetic, hops, file
  }

  public var name: Name {
    switch self {
    case .addition: .addition
    case .copy: .copy
    case .pairs: .pairs
    case .mazes: .mazes
    case .parity: .parity
    case .lego: .lego
    case .lookup: .lookup
    case .listops: .listops
    case .arithmetic: .arithmetic
    case .hops: .hops
    case .file: .file
    }
  }

  /// The task of that kind with its default options; a `file` without a path, which has to be given.
  public init(_ name: Name) {
    switch name {
    case .addition: self = .addition(AdditionOptions())
    case .copy: self = .copy(CopyOptions())
    case .pairs: self = .pairs(PairsOptions())
    case .mazes: self = .mazes(MazeOptions())
    case .parity: self = .parity(ParityOptions())
    case .lego: self = .lego(LegoOptions())
    case .lookup: self = .lookup(LookupOptions())
    case .listops: self = .listops(ListOpsOptions())
    case .arithmetic: self = .arithmetic(ArithmeticOptions())
    case .hops: self = .hops(HopsOptions())
    case .file: self = .file(FileOptions(path: ""))
    }
  }

  /// The task itself.
  ///
  /// - Throws: `TaskError` when the options can't be, or the file of a task `file` can't be read.
  public func makeTask() throws -> any LearningTask {
    switch self {
    case .addition(let options): try AdditionTask(options)
    case .copy(let options): try CopyTask(options)
    case .pairs(let options): try PairsTask(options)
    case .mazes(let options): try MazeTask(options)
    case .parity(let options): try ParityTask(options)
    case .lego(let options): try LegoTask(options)
    case .lookup(let options): try LookupTask(options)
    case .listops(let options): try ListOpsTask(options)
    case .arithmetic(let options): try ArithmeticTask(options)
    case .hops(let options): try HopsTask(options)
    case .file(let options): try FileTask(options)
    }
  }

  private enum CodingKeys: String, CodingKey { case kind }

  public init(from decoder: any Decoder) throws {
    let path = optionPath(decoder.codingPath)
    let field = path.isEmpty ? "kind" : "\(path).kind"
    let names = Name.allCases.map(\.rawValue)
    let container = try? decoder.container(keyedBy: CodingKeys.self)
    guard let found = try? container?.decode(String.self, forKey: .kind) else {
      let written = try? container?.superDecoder(forKey: .kind)
      throw TaskError(
        field: field,
        found: container?.contains(.kind) == true
          ? written.map(describeFound) ?? "nothing" : "nothing",
        expected: "one of \(names.joined(separator: ", "))",
        remedy: "name the task, as in kind: \(names[0])")
    }
    guard let name = Name(rawValue: found) else {
      throw TaskError.unknown(field, found: found, names: names)
    }
    switch name {
    case .addition: self = .addition(try AdditionOptions(from: decoder))
    case .copy: self = .copy(try CopyOptions(from: decoder))
    case .pairs: self = .pairs(try PairsOptions(from: decoder))
    case .mazes: self = .mazes(try MazeOptions(from: decoder))
    case .parity: self = .parity(try ParityOptions(from: decoder))
    case .lego: self = .lego(try LegoOptions(from: decoder))
    case .lookup: self = .lookup(try LookupOptions(from: decoder))
    case .listops: self = .listops(try ListOpsOptions(from: decoder))
    case .arithmetic: self = .arithmetic(try ArithmeticOptions(from: decoder))
    case .hops: self = .hops(try HopsOptions(from: decoder))
    case .file: self = .file(try FileOptions(from: decoder))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .addition(let options): try options.encode(to: encoder)
    case .copy(let options): try options.encode(to: encoder)
    case .pairs(let options): try options.encode(to: encoder)
    case .mazes(let options): try options.encode(to: encoder)
    case .parity(let options): try options.encode(to: encoder)
    case .lego(let options): try options.encode(to: encoder)
    case .lookup(let options): try options.encode(to: encoder)
    case .listops(let options): try options.encode(to: encoder)
    case .arithmetic(let options): try options.encode(to: encoder)
    case .hops(let options): try options.encode(to: encoder)
    case .file(let options): try options.encode(to: encoder)
    }
  }
}
