import Asura
import Foundation
import Testing

@Suite struct EvalTests {
  @Test func tableAndJSONAgree() throws {
    let folder = try trained.get()
    let arguments = [
      "eval", "run", "--lengths", "2,9", "--iterations", "1,n,2n", "--examples", "37",
    ]
    let table = try run("asura-train", arguments, in: folder)
    let data = try run("asura-train", arguments + ["--json"], in: folder)
    #expect(table.status == 0 && data.status == 0, "\(table) \(data)")
    let evaluation = try JSONDecoder().decode(Evaluation.self, from: Data(data.output.utf8))
    #expect(evaluation.task == "copy" && evaluation.rows.allSatisfy { $0.examples == 37 })
    func percent(_ share: Double) -> String { String(format: "%.1f%%", 100 * share) }
    func lines(_ share: (Evaluation.Row) -> Double) -> [[String]] {
      [2, 9].map { length in
        ["training", "\(length)"]
          + [1, length, 2 * length].map { count in
            percent(
              evaluation.rows.first { $0.length == length && $0.iterations == count }.map(share)
                ?? .nan)
          }
      }
    }
    let cells = table.output.split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
    }.filter { $0.first == "training" }
    #expect(cells == lines(\.exactMatch) + lines(\.perSymbol), "\(table.output)")
    #expect(table.output.contains("37 fresh examples each, seed 0."))
    // The library says the same.
    var options = EvaluationOptions(
      lengths: [2, 9], iterations: try ["1", "n", "2n"].map(LengthExpression.init),
      kinds: ["training"])
    options.examples = 37
    let url = folder.appending(path: "run")
    let own = try Evaluation(
      of: RecurrentTransformer<Float>(contentsOf: url),
      on: RunFolder.task(besideModel: url).makeTask(), options)
    #expect(own == evaluation)
    // And again with one thread, and for the same seed only.
    let again = try run("asura-train", arguments + ["--json", "--threads", "1"], in: folder)
    #expect(again.output == data.output)
    let other = try run("asura-train", arguments + ["--json", "--seed", "1"], in: folder)
    #expect(other.output != data.output)
  }

  /// What is asked for keeps its name: of the difficulty, which is 1 where every symbol is copied by itself.
  @Test func iterationsFollowTheDifficulty() throws {
    let folder = try trained.get()
    let arguments = [
      "eval", "run", "--lengths", "4", "--iterations", "2d, max(n,d),n", "--examples", "9",
    ]
    let table = try run("asura-train", arguments, in: folder)
    #expect(table.output.contains("2d iterations"), "\(table)")
    let data = try run("asura-train", arguments + ["--json"], in: folder)
    let rows = try JSONDecoder().decode(Evaluation.self, from: Data(data.output.utf8)).rows
    #expect(rows.map(\.asked) == ["2d", "max(n,d)", "n"] && rows.map(\.iterations) == [2, 4, 4])
    #expect(rows.map(\.meanIterations) == [2, 4, nil])
  }

  @Test func stoppingEarly() throws {
    let folder = try trained.get()
    let arguments = [
      "eval", "run", "--lengths", "4,4,04", "--stop", "step=1e-1", "--iterations", "20",
    ]
    let table = try run("asura-train", arguments, in: folder)
    let data = try run("asura-train", arguments + ["--json"], in: folder)
    let row = try JSONDecoder().decode(Evaluation.self, from: Data(data.output.utf8)).rows[0]
    let mean = try #require(row.meanIterations)
    #expect(
      table.output.contains(
        String(format: "%.1f%% after %.1f", 100 * row.exactMatch, mean)), "\(table)")
  }

  @Test(arguments: [
    (["--lengths", ","], "--lengths"), (["--lengths", "0"], "--lengths has \"0\""),
    (["--lengths", "3,x"], "\"x\""), (["--lengths", "99999999999"], "length"),
    (["--lengths", "1000000"], "GB of memory"),
    (["--lengths", "99999999999999999999"], "--lengths"),
    (["--iterations", ""], "--iterations"), (["--iterations", "n*2"], "n*2"),
    (["--kinds", "trainin"], "did you mean training?"), (["--kinds", ","], "--kinds"),
    (["--active=-1"], "--active is -1.0"),
    (["--examples", "0"], "--examples is 0"), (["--stop", "step"], "step=TOLERANCE"),
    (["--stop", "step=0"], "step=TOLERANCE"), (["--stop", "steps=1"], "step=TOLERANCE"),
    (["--stop", "step=nan"], "step=TOLERANCE"), (["--threads", "10000"], "to work with"),
    (["--threads", "0"], "expected a number"), (["--seed", "x"], "whole number"),
    (["--lenghts", "3"], "--lengths"),
  ])
  func wrongOptions(options: [String], message: String) throws {
    try expectFailure(
      "asura-train", ["eval", "run"] + options, in: trained.get(), status: 2, message)
  }

  /// Without options: no length that the task lacks, no iteration that the model lacks.
  @Test(
    arguments: [
      ("task={kind: pairs, alphabet: 5, count: 8, lengths: 4}", [4], [4, 8]),
      ("model.shared=false", [5, 10, 50], [3]),
    ] as [(String, Set<Int>, Set<Int>)])
  func defaultsSuitTaskAndModel(set: String, lengths: Set<Int>, iterations: Set<Int>) throws {
    try withFolder { folder in
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      let training = try run(
        "asura-train",
        [
          "run", "recipe.yaml", "-o", "run", "--set", set, "--set", "training.steps=1", "--set",
          "depth=3",
        ], in: folder)
      #expect(training.status == 0, "\(training)")
      let outcome = try run(
        "asura-train", ["eval", "run", "--json", "--examples", "4"], in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let result = try #require(try json(outcome.output) as? [String: Any])
      let rows = try #require(result["rows"] as? [[String: Any]])
      #expect(Set(rows.compactMap { $0["length"] as? Int }) == lengths)
      #expect(Set(rows.compactMap { $0["iterations"] as? Int }) == iterations)
    }
  }

  @Test func whatCannotBeEvaluated() throws {
    try withRun { folder in
      let model = folder.appending(path: "run/model.safetensors")
      let whole = try Data(contentsOf: model)
      func refuses(_ message: String, status: Int32 = 5) throws {
        try expectFailure("asura-train", ["eval", "run"], in: folder, status: status, message)
      }
      try whole.dropLast(100).write(to: model)
      try refuses("model.safetensors")
      // One number of the weights is NaN.
      var poisoned = whole
      poisoned.replaceSubrange(poisoned.count - 4..<poisoned.count, with: [0, 0, 0xC0, 0x7F])
      try poisoned.write(to: model)
      try refuses("model.safetensors are not all finite numbers")
      try whole.write(to: model)
      let configuration = folder.appending(path: "run/model.json")
      let text = try String(contentsOf: configuration, encoding: .utf8)
      try Data(text.replacing("\"width\" : 16", with: "\"width\" : 32").utf8).write(
        to: configuration)
      try refuses("has shape")
      try Data("{".utf8).write(to: configuration)
      try refuses("model.json is not valid JSON\n")
      try Data(text.utf8).write(to: configuration)
      let task = folder.appending(path: "run/task.json")
      try Data(#"{"kind": "addition"}"#.utf8).write(to: task)
      try refuses("the task addition needs", status: 2)
      for broken in ["{", #"{"kind": "kopy"}"#, "[]"] {
        try Data(broken.utf8).write(to: task)
        try refuses("task.json")
      }
      try FileManager.default.removeItem(at: task)
      try refuses("task.json")
      try FileManager.default.removeItem(at: model)
      try refuses("not finished")
      try expectFailure("asura-train", ["eval", "nowhere"], in: folder, status: 5, "nowhere")
    }
  }
}

@Suite struct ExportTests {
  @Test(arguments: [false, true])
  func theModelIsExportedWhole(double: Bool) throws {
    try withRun { folder in
      let outcome = try run(
        "asura-train",
        ["export", "run", "-o", "a.safetensors"] + (double ? ["--double"] : []), in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let original = try RecurrentTransformer<Float>(contentsOf: folder.appending(path: "run"))
      let exported = try RecurrentTransformer<Float>(
        contentsOf: folder.appending(path: "a.safetensors"))
      #expect(exported.configuration == original.configuration)
      for (a, b) in zip(exported.parameters, original.parameters) { #expect(a.isIdentical(to: b)) }
      let file = try Safetensors(contentsOf: folder.appending(path: "a.safetensors"))
      #expect(file.entries.values.allSatisfy { $0.type == (double ? "F64" : "F32") })
      try expectFailure(
        "asura-train", ["export", "run", "-o", "a.safetensors"], in: folder, status: 2, "--force")
      try expectFailure(
        "asura-train", ["export", "run", "-o", "a.bin"], in: folder, status: 2, "safetensors")
      #expect(
        try Set(FileManager.default.contentsOfDirectory(atPath: folder.path))
          == ["a.safetensors", "a.json", "run", "recipe.yaml"])
    }
  }

  /// A run on its way: its checkpoint's average, and not a byte of the run changes.
  @Test func anUnfinishedRunIsLookedAtOnly() throws {
    try withRun { folder in
      let target = folder.appending(path: "run")
      try FileManager.default.removeItem(at: target.appending(path: "model.safetensors"))
      let metrics = target.appending(path: "metrics.jsonl")
      let handle = try FileHandle(forWritingTo: metrics)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data("{\"step\":303}\n{\"ste".utf8))
      try handle.close()
      let before = try contents(target)
      let outcome = try run("asura-train", ["export", "run", "-o", "a.safetensors"], in: folder)
      #expect(outcome.status == 0 && outcome.error.contains("weights of step 300"), "\(outcome)")
      #expect(try contents(target) == before)
      let finished = try trained.get().appending(path: "run/model.safetensors")
      #expect(
        try Data(contentsOf: folder.appending(path: "a.safetensors")) == Data(contentsOf: finished))
      try FileManager.default.removeItem(at: target.appending(path: "checkpoint.safetensors"))
      try expectFailure(
        "asura-train", ["export", "run", "-o", "b.safetensors"], in: folder, status: 5,
        "no checkpoint")
    }
  }

  /// Read from the format's own description, with numpy alone.
  @Test(.enabled(if: python != nil, "ASURA_PYTHON names no Python with numpy"))
  func pythonReadsTheWeights() throws {
    try withRun { folder in
      let script = """
        import json, sys, numpy as np
        try:
            from safetensors.numpy import load_file
            tensors = load_file(sys.argv[1])
        except ImportError:
            data = open(sys.argv[1], "rb").read()
            size = int.from_bytes(data[:8], "little")
            header = json.loads(data[8 : 8 + size])
            kinds = {"F32": "<f4", "F64": "<f8"}
            tensors = {
                name: np.frombuffer(data[8 + size :][slice(*t["data_offsets"])], kinds[t["dtype"]]).reshape(t["shape"])
                for name, t in header.items() if name != "__metadata__"
            }
        print(json.dumps({n: [list(t.shape), float(t.astype(np.float64).sum())] for n, t in tensors.items()}))
        """
      let outcome = try run(
        try #require(python),
        ["-c", script, folder.appending(path: "run/model.safetensors").path], in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let found = try #require(try json(outcome.output) as? [String: [Any]])
      let model = try RecurrentTransformer<Float>(contentsOf: folder.appending(path: "run"))
      #expect(Set(found.keys) == Set(model.parameterNames))
      for (name, tensor) in model.namedParameters {
        #expect(found[name]?[0] as? [Int] == tensor.shape)
        let sum = tensor.elements.reduce(0) { $0 + Double($1) }
        #expect(abs((found[name]?[1] as? Double ?? .nan) - sum) < 1e-6, "\(name)")
      }
    }
  }
}
