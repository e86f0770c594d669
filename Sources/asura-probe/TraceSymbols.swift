import Asura
import Foundation

/// What the tokens and classes of a trace's task are called.
///
/// A trace names its task, but not the task's options, so the vocabulary is that of the task beside the model where one
/// is given, and else of the task's forms that have as many tokens and classes. Where nothing fits, they go by number.
struct TraceSymbols {
  /// By token id; nil where unknown.
  let vocabulary: [String]?
  /// By class; nil where unknown.
  let outputs: [String]?

  init(_ reader: TraceReader, model: String? = nil) {
    let sizes = Self.sizes(reader)
    let tasks = Self.candidates(reader, model)
    outputs = tasks.map(\.outputs).first { $0.count == sizes.classes ?? $0.count }
    vocabulary = tasks.map(\.vocabulary).first { $0.count == sizes.tokens ?? $0.count }
  }

  /// A class's symbol, or its number.
  func output(_ index: Int) -> String {
    outputs.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? "\(index)"
  }

  /// A class by its symbol, or by its number where symbols are unknown.
  func classIndex(of symbol: String) -> Int? {
    outputs.map { $0.firstIndex(of: symbol) } ?? Int(symbol)
  }

  private static func sizes(_ reader: TraceReader) -> (tokens: Int?, classes: Int?) {
    guard let text = try? reader.configuration(), !text.isEmpty,
      let model = try? ModelConfiguration(json: Data(text.utf8), source: reader.url.path)
    else { return (nil, nil) }
    return (model.vocabulary, model.classes)
  }

  private static func candidates(_ reader: TraceReader, _ model: String?) -> [any LearningTask] {
    let beside = model.flatMap {
      try? RunFolder.task(besideModel: URL(fileURLWithPath: $0)).makeTask()
    }
    if let beside { return [beside] }
    guard let text = try? reader.input().task, let name = TaskConfiguration.Name(rawValue: text)
    else { return [] }
    var forms = [TaskConfiguration(name)]
    if case .addition(let options) = forms[0] {
      for format in AdditionOptions.Format.allCases where format != options.format {
        forms.append(.addition(AdditionOptions(format: format)))
      }
    }
    return forms.compactMap { try? $0.makeTask() }
  }
}
