import AsuraTensor
import AsuraTrace
import Foundation
import Testing

@Suite struct CompanionFileTests {
  static func jacobian(radius: [Double]) -> Analysis {
    Analysis(
      "jacobian", title: "Jacobian of the step map",
      attributes: ["method": "dense", "count": 2, "tolerance": 1e-6],
      data: [
        AnalysisData(
          "radius", title: "Spectral radius",
          axes: [AnalysisAxis("iteration", .integers(Array(1...radius.count)))],
          signal: AnalysisSeries(
            "spectral_radius", .float64(Tensor([radius.count], radius)), axes: ["iteration"]),
          extra: [
            AnalysisSeries(
              "outside", .integers(IntegerArray([radius.count], radius.map { $0 > 1 ? 1 : 0 })),
              axes: ["iteration"], longName: "eigenvalues outside the unit circle")
          ]),
        AnalysisData(
          "eigenvalues", title: "Eigenvalues",
          axes: [
            AnalysisAxis("iteration", .integers(Array(1...radius.count))),
            AnalysisAxis("phase", .reals([0.5, 1.5]), unit: "rad"),
          ],
          signal: AnalysisSeries(
            "real", .float64(Tensor.zeros([radius.count, 2])), axes: ["iteration", "phase"]),
          attributes: ["note": "two of them"]),
      ])
  }

  @Test func analysesLieSideBySide() throws {
    try withFolder { folder in
      let file = CompanionFile(ofTrace: folder.appendingPathComponent("x.h5"))
      #expect(file.url.lastPathComponent == "x.probe.h5")
      #expect(try file.names() == [])
      try file.write(Self.jacobian(radius: [0.5, 0.75]))
      var other = Self.jacobian(radius: [2])
      other.name = "flow"
      try file.write(other)
      try file.write(Self.jacobian(radius: [1.5, 1.25, 1]))
      #expect(try file.names() == ["flow", "jacobian"])
      #expect(try names(in: folder) == ["x.probe.h5"])
      guard
        case .float64(let radius) = try file.array("jacobian", "radius", "spectral_radius"),
        case .integers(let outside) = try file.array("jacobian", "radius", "outside"),
        case .float64(let flow) = try file.array("flow", "radius", "spectral_radius")
      else {
        Issue.record("arrays changed their type")
        return
      }
      #expect(radius.elements == [1.5, 1.25, 1])
      #expect(outside.elements == [1, 1, 0])
      #expect(flow.elements == [2])
      #expect(try file.attribute("method", of: "jacobian") == .text("dense"))
      #expect(try file.attribute("count", of: "jacobian") == .integer(2))
      #expect(try file.attribute("tolerance", of: "jacobian") == .real(1e-6))
      #expect(
        try file.attribute("note", of: "jacobian", data: "eigenvalues") == .text("two of them"))
    }
  }

  @Test func replacingDoesNotGrowTheFile() throws {
    try withFolder { folder in
      let file = CompanionFile(ofTrace: folder.appendingPathComponent("x.h5"))
      let analysis = Self.jacobian(radius: Array(repeating: 0.5, count: 10_000))
      func size() throws -> Int { try Data(contentsOf: file.url).count }
      try file.write(analysis)
      try file.write(analysis)
      let once = try size()
      for _ in 0..<20 { try file.write(analysis) }
      let later = try size()
      #expect(later < once + once / 2)
    }
  }

  @Test func whatDoesNotFitIsRefusedAndTheOldFileStays() throws {
    try withFolder { folder in
      let file = CompanionFile(ofTrace: folder.appendingPathComponent("x.h5"))
      try file.write(Self.jacobian(radius: [0.5]))
      let before = try Data(contentsOf: file.url)
      var misshapen = Self.jacobian(radius: [0.5])
      misshapen.data[0].signal.values = .float64(Tensor([2], [1, 2]))
      var repeated = Self.jacobian(radius: [0.5])
      repeated.data[0].signal.name = "iteration"
      var misnamed = Self.jacobian(radius: [0.5])
      misnamed.name = "a/b"
      var empty = Self.jacobian(radius: [0.5])
      empty.data = []
      for analysis in [misshapen, repeated, misnamed, empty] {
        #expect(traceError { try file.write(analysis) }?.kind == .misuse)
      }
      #expect(try Data(contentsOf: file.url) == before)
      #expect(try names(in: folder) == ["x.probe.h5"])
    }
  }

  @Test func foreignFilesAreNotTouched() throws {
    try withFolder { folder in
      let trace = folder.appendingPathComponent("x.h5")
      let file = CompanionFile(ofTrace: trace)
      try Data("mine".utf8).write(to: file.url)
      #expect(traceError { try file.write(Self.jacobian(radius: [1])) }?.kind == .foreign)
      try Fixture.write(trace)
      try FileManager.default.removeItem(at: file.url)
      try FileManager.default.copyItem(at: trace, to: file.url)
      #expect(traceError { try file.write(Self.jacobian(radius: [1])) }?.kind == .foreign)
      #expect(try names(in: folder) == ["x.h5", "x.probe.h5"])
    }
  }
}
