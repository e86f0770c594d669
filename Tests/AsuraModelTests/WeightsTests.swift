import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct SafetensorsTests {
  /// A file of that header, which may claim another length, and that many bytes.
  private func file(_ header: String, length: UInt64? = nil, bytes: Int = 0) -> Data {
    var data = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
    data.append(Data(header.utf8))
    data.append(Data(repeating: 0, count: bytes))
    return data
  }

  private func expectError(
    _ data: Data, _ part: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try Safetensors(data, source: "x.safetensors")
      Issue.record("no error, expected: \(part)", sourceLocation: sourceLocation)
    } catch {
      #expect((error as? ModelError)?.kind == .weights, sourceLocation: sourceLocation)
      let text = "\(error)"
      #expect(
        text.hasPrefix("x.safetensors is not a valid safetensors file: ") && text.contains(part),
        "\(text)", sourceLocation: sourceLocation)
    }
  }

  private func entry(
    _ name: String, _ shape: String, _ from: String, _ to: String, type: String = "F32"
  ) -> String {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(from),\(to)]}"
  }

  @Test func lyingHeaders() {
    expectError(Data(), "it has only 0 bytes")
    expectError(Data([1, 2, 3]), "it has only 3 bytes")
    for length in [UInt64(1) << 63, .max, 1 << 62, 100_000_001, 3] {
      expectError(file("{}", length: length), "its header claims \(length) bytes of a file of 10")
    }
    expectError(file("[]"), "its header is not a JSON object")
    expectError(file("{\"a\""), "its header is not a JSON object")
    expectError(file("\u{0}\u{0}"), "its header is not a JSON object")
    expectError(file("{\"a\":3}"), "a lacks a valid dtype, shape or data_offsets")
    expectError(file("{\"__metadata__\":{\"a\":3}}"), "metadata is not text")
    expectError(
      file("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", bytes: 4), "a lacks")
    expectError(file("{\(entry("a", "1.5", "0", "4"))}", bytes: 4), "a lacks")
    expectError(file("{\(entry("a", "9223372036854775808", "0", "4"))}", bytes: 4), "a")
  }

  @Test func lyingOffsets() {
    expectError(file("{\(entry("a", "2", "0", "8"))}", bytes: 4), "a lies at 0..<8 of 4 bytes")
    expectError(file("{\(entry("a", "1", "-4", "0"))}", bytes: 4), "a lies at -4..<0")
    expectError(file("{\(entry("a", "1", "4", "0"))}", bytes: 4), "a lies at 4..<0")
    expectError(
      file("{\(entry("a", "1", "9223372036854775804", "9223372036854775807"))}", bytes: 4),
      "a lies at")
    expectError(file("{\(entry("a", "1", "0", "8"))}", bytes: 8), "takes 4 bytes, not 8")
    expectError(file("{\(entry("a", "-1", "0", "4"))}", bytes: 4), "a has shape [-1]")
    expectError(
      file("{\(entry("a", "4294967296,4294967296", "0", "4"))}", bytes: 4), "larger than the file")
    expectError(
      file("{\(entry("a", "3037000500,3037000500,2", "0", "4"))}", bytes: 4), "larger than the file"
    )
    let deep = Array(repeating: "1", count: 40).joined(separator: ",")
    expectError(file("{\(entry("a", deep, "0", "4"))}", bytes: 4), "a has shape")
  }

  @Test func tensorsNeitherOverlapNorLeaveHoles() throws {
    expectError(
      file("{\(entry("a", "2", "0", "8")),\(entry("b", "2", "4", "12"))}", bytes: 12),
      "b overlaps a")
    expectError(
      file("{\(entry("a", "1", "0", "4")),\(entry("b", "1", "0", "4"))}", bytes: 4), "overlaps")
    expectError(
      file("{\(entry("a", "1", "0", "4")),\(entry("b", "1", "8", "12"))}", bytes: 12),
      "4 bytes before b belong to no tensor")
    expectError(
      file("{\(entry("a", "1", "0", "4"))}", bytes: 12), "8 bytes at its end belong to no tensor")
    let good = file(
      "{\(entry("b", "1", "4", "8")),\(entry("a", "1", "0", "4")),\(entry("e", "0", "4", "4"))}",
      bytes: 8)
    #expect(try Safetensors(good, source: "x").entries.count == 3)
  }

  /// Any prefix of a good file is refused, and no damage to one byte does worse than an error.
  @Test func damagedFiles() throws {
    let data = try Safetensors.encode([
      ("a", Tensor<Float>([2], [1, 2])), ("b", Tensor<Float>([1, 3], [3, 4, 5])),
    ])
    for count in 0..<data.count {
      #expect(throws: ModelError.self) { try Safetensors(data.prefix(count), source: "x") }
    }
    for place in 0..<data.count {
      for value: UInt8 in [0, 0x2D, 0x39, 0xFF] {
        var damaged = data
        damaged[place] = value
        guard let file = try? Safetensors(damaged, source: "x") else { continue }
        for name in file.entries.keys { _ = try? file.tensor(name, as: Float.self) }
      }
    }
  }

  @Test func roundTrip() throws {
    let tensors: [(name: String, tensor: Tensor<Double>)] = [
      ("b", Tensor([2, 2], [0.1, -0.0, .infinity, Double.leastNonzeroMagnitude])),
      ("a/ü\"\\", Tensor([], [.pi])),
      ("empty", .zeros([0, 3])), ("nan", Tensor([1], [.nan])),
    ]
    let data = try Safetensors.encode(tensors, metadata: ["k": "quote \" ü"])
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(length % 8 == 0, "data are aligned")
    let file = try Safetensors(data, source: "x")
    #expect(file.metadata == ["k": "quote \" ü"])
    for (name, tensor) in tensors {
      #expect(try file.tensor(name, as: Double.self).isIdentical(to: tensor))
    }
    // Slices of Data whose indices do not begin at 0.
    let shifted = try Safetensors((Data([9, 9, 9]) + data).dropFirst(3), source: "x")
    #expect(try shifted.tensor("b", as: Double.self).isIdentical(to: tensors[0].tensor))
  }

  @Test func readsWhatPythonWrote() throws {
    let file = try Golden("reader").file
    #expect(file.metadata["note"] == "quotes \" and \\ and ü")
    #expect(
      try file.tensor("single", as: Float.self) == Tensor([2, 3], (0..<6).map { Float($0) / 4 }))
    let double: Tensor<Double> = try file.tensor("double")
    #expect(relativeError(double, Tensor([2, 3, 4], (0..<24).map { Double($0) / 10 })) < 1e-16)
    #expect(try file.tensor("scalar", as: Double.self).shape == [])
    #expect(try file.tensor("empty", as: Float.self).shape == [0, 3])
    #expect(file.entries["gewichte.größe"]?.shape == [1])
    let special: Tensor<Double> = try file.tensor("double.special")
    #expect(special.elements.contains(.infinity) && special.elements.contains(-.infinity))
    #expect(special.elements.contains { $0 == 0 && $0.sign == .minus })
    #expect(special.elements.contains { $0.isSubnormal })
    let narrow: Tensor<Float> = try file.tensor("single.special")
    #expect(narrow.converted(to: Double.self).elements.count { $0.isInfinite } == 2)
    #expect(narrow.elements.contains { $0.isSubnormal })
  }

  @Test func halfPrecision() throws {
    func tensor(_ type: String, _ bits: [UInt16]) throws -> [Float] {
      var data = file("{\(entry("a", "\(bits.count)", "0", "\(2 * bits.count)", type: type))}")
      for word in bits { withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) } }
      return try Safetensors(data, source: "x").tensor("a", as: Float.self).elements
    }
    #expect(
      try tensor("F16", [0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7C00, 0x3555])
        == [1, -2, 65504, 0x1p-24, -0.0, .infinity, 0.333251953125])
    #expect(try tensor("F16", [0x7E00])[0].isNaN)
    #expect(try tensor("BF16", [0x3F80, 0xC040, 0xFF80]) == [1, -3, -.infinity])
  }

  @Test func integers() throws {
    var data = file("{\(entry("a", "2", "0", "16", type: "I64"))}")
    for value in [Int64(-5), 1 << 40] {
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
    let read = try Safetensors(data, source: "x")
    #expect(try read.integers("a") == [-5, 1 << 40])
    #expect(throws: ModelError.self) { try read.tensor("a", as: Float.self) }
    #expect(throws: ModelError.self) { try read.integers("b") }
    #expect {
      try read.tensor("aa", as: Float.self)
    } throws: { "\($0)" == "x has no tensor aa\nDid you mean a?" }
  }
}

@Suite struct ModelFileTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("asura-model-tests-\(UUID().uuidString)")
  private let model: RecurrentTransformer<Float>

  init() throws {
    model = try smallModel()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func cleaning(_ body: () throws -> Void) rethrows {
    defer { try? FileManager.default.removeItem(at: folder) }
    try body()
  }

  @Test func savedModelsAreReadBackBitForBit() throws {
    try cleaning {
      let url = folder.appendingPathComponent("model.safetensors")
      try model.save(to: url)
      for place in [url, folder] {
        let read = try RecurrentTransformer<Float>(contentsOf: place)
        #expect(read.configuration == model.configuration)
        for (a, b) in zip(read.parameters, model.parameters) { #expect(a.isIdentical(to: b)) }
      }
      let wide = try RecurrentTransformer<Double>(contentsOf: url)
      #expect(wide.parameters[0].converted(to: Float.self).isIdentical(to: model.parameters[0]))
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      #expect(names == ["model.json", "model.safetensors"])
    }
  }

  @Test func missingFiles() throws {
    try cleaning {
      let url = folder.appendingPathComponent("none.safetensors")
      #expect {
        try RecurrentTransformer<Float>(contentsOf: url)
      } throws: { "\($0)".contains("cannot read \(url.path)") }
      try model.safetensors().write(to: url)
      #expect {
        try RecurrentTransformer<Float>(contentsOf: url)
      } throws: { "\($0)".contains("cannot read the configuration") }
      try Data("PK\u{3}\u{4} a foreign checkpoint".utf8).write(to: url)
      #expect {
        try RecurrentTransformer<Float>(contentsOf: url)
      } throws: { "\($0)".contains("is not a valid safetensors file") }
    }
  }

  @Test func weightsThatDoNotFitAreListed() throws {
    try cleaning {
      var named = model.namedParameters
      named["head.bias"] = nil
      named["embed.weight"] = .zeros([2, 2])
      named["head.weight"]?.update { $0[3] = .nan }
      named["extra"] = .zeros([4])
      #expect {
        try RecurrentTransformer(model.configuration, parameters: named)
      } throws: {
        let text = "\($0)"
        return text.contains("missing head.bias [5]")
          && text.contains("embed.weight has shape [2, 2], expected [11, 12]")
          && text.contains("head.weight holds NaN or infinite values")
          && text.contains("unknown extra [4]")
      }
      #expect {
        try RecurrentTransformer<Float>(model.configuration, parameters: [:])
      } throws: { "\($0)".contains("… and \(model.parameterNames.count - 12) more") }
      // From a file, it is named; weights that fit but are not numbers have a remedy of their own.
      let url = folder.appendingPathComponent("x.safetensors")
      func save(_ tensors: [String: Tensor<Float>]) throws {
        try model.save(to: url)
        try Safetensors.encode(tensors.map { ($0, $1) }).write(to: url)
      }
      try save(named)
      #expect {
        try RecurrentTransformer<Float>(contentsOf: url)
      } throws: { "\($0)".hasPrefix("the weights in \(url.path) do not fit the configuration:\n") }
      named = model.namedParameters
      named["head.weight"]?.update { $0[3] = .nan }
      try save(named)
      #expect {
        try RecurrentTransformer<Float>(contentsOf: url)
      } throws: {
        "\($0)".hasPrefix("the weights in \(url.path) are not all finite numbers:\n  head.weight")
          && "\($0)".contains("damaged")
      }
    }
  }

  @Test func inputsAreChecked() throws {
    cleaning {
      for (tokens, batch, positions, channels) in [
        ([], 0, 0, 1), ([1], 1, 2, 1), ([1], -1, -1, 1), ([1], 1, 1, 0), ([1], Int.max, 2, 1),
      ] as [([Int32], Int, Int, Int)] {
        #expect(throws: ModelError.self) {
          try ModelInput(tokens: tokens, batch: batch, positions: positions, channels: channels)
        }
      }
      #expect(throws: ModelError.self) {
        try ModelInput(tokens: [1, 1], batch: 1, positions: 2, positionIDs: [0])
      }
      for token: Int32 in [-1, 11, .max] {
        #expect {
          try model.run(ModelInput(tokens: [token], batch: 1, positions: 1))
        } throws: { "\($0)" == "token \(token) is outside the vocabulary 0..<11" }
      }
      #expect {
        try model.run(ModelInput(tokens: [1, 2], batch: 1, positions: 1, channels: 2))
      } throws: { "\($0)".contains("the input has 2 tokens a position, the model reads 1") }
    }
  }

  @Test func learnedPositionsEnd() throws {
    try cleaning {
      let model: RecurrentTransformer<Float> = try smallModel {
        $0.embedding = EmbeddingConfiguration(positions: .learned, maximumPositions: 4)
        $0.positionIDs = .coupled
      }
      #expect(try model.run(tokens(batch: 1, positions: 4)).logits!.isFinite)
      for ids: [Int32] in [[0, 1, 2, 3, 4], [0, 0, 0, 0, .max], [0, 1, 2, 3, -1]] {
        #expect {
          try model.run(tokens(batch: 1, positions: 5, ids: ids))
        } throws: {
          "\($0)".contains("learned positions") && "\($0)".contains("\(ids[4])")
        }
      }
    }
  }

  @Test func initialParametersDependOnlyOnTheSeed() throws {
    try cleaning {
      let configuration = model.configuration
      let again = RecurrentTransformer<Float>(configuration, seed: 3)
      let other = RecurrentTransformer<Float>(configuration, seed: 4)
      #expect(zip(again.parameters, model.parameters).allSatisfy { $0.isIdentical(to: $1) })
      #expect(!other.parameters[0].isIdentical(to: model.parameters[0]))
      #expect(model.parameterCount == model.parameters.reduce(0) { $0 + $1.count })
      let head = try #require(model.namedParameters["head.weight"])
      #expect(head.elements.allSatisfy { abs($0) <= Float(1 / 12.0.squareRoot()) })
      let gain = try #require(model.namedParameters["core.0.attn_norm.weight"])
      #expect(gain.elements.allSatisfy { $0 == 1 })
    }
  }
}
