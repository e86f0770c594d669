import Asura
import Foundation
import Testing

@Suite struct HelpTests {
  static let commands = [
    ("asura-train", ["run", "resume", "eval", "tasks", "export", "doctor"]),
    (
      "asura-trace",
      [
        "capture", "sites", "info", "verify", "recover", "diff", "export", "repack", "link",
      ]
    ),
    (
      "asura-probe",
      [
        "jacobian", "fixed-points", "flow", "linear", "lens", "attention", "geometry", "patch",
        "attribution", "paths", "circuit", "run",
      ]
    ),
  ]

  /// Every help says something, fits a terminal and lists what the overview promises.
  @Test(arguments: commands)
  func everyCommandExplainsItself(command: String, subcommands: [String]) throws {
    let folder = FileManager.default.temporaryDirectory
    let overview = try run(command, [], in: folder)
    #expect(overview.status == 0)
    for arguments in [[]] + subcommands.map({ [$0] }) {
      let help = try run(command, arguments + ["--help"], in: folder)
      #expect(help.status == 0 && help.error.isEmpty)
      #expect(help.output.hasPrefix("OVERVIEW: ") && help.output.contains("USAGE: \(command)"))
      if let name = arguments.first { #expect(overview.output.contains("  \(name) ")) }
      let usage = help.output.split(separator: "\n").filter { !$0.hasPrefix("USAGE: ") }
      #expect(
        usage.allSatisfy { $0.count <= 80 }, "\(arguments): \(usage.filter { $0.count > 80 })")
      // A line broken twice, by us and by the terminal, leaves a stump.
      let prose = help.output.components(separatedBy: "\nUSAGE:")[0].split(separator: "\n")
      for (line, next) in zip(prose, prose.dropFirst()) {
        let isStump = line.count < 40 && next.first?.isLowercase == true
        #expect(!isStump, "\(arguments): \(line)")
        // So does an indented one that is too long: what follows begins at the margin.
        let isBroken =
          line.hasPrefix("  ") && next.first?.isWhitespace == false
          && next.first?.isUppercase == false
        #expect(!isBroken, "\(arguments): \(line)")
      }
    }
  }

  @Test(arguments: [
    ("asura-train", ["evaluate"]), ("asura-train", ["run"]), ("asura-train", ["run", "a", "b"]),
    ("asura-train", ["run", "a", "--sed", "3"]), ("asura-trace", ["capture"]),
    ("asura-trace", ["capture", "--nothing"]), ("asura-train", ["tasks", "copy", "--count", "0"]),
    ("asura-train", ["tasks", "kopy"]), ("asura-train", ["tasks", "copy", "--kind", "x"]),
    ("asura-train", ["tasks", "copy", "--set", "alphabit=3"]),
    ("asura-train", ["tasks", "copy", "--set", "alphabet"]),
    ("asura-train", ["tasks", "copy", "--length", "-3"]),
    ("asura-train", ["run", "nowhere.yaml"]), ("asura-train", ["run", "."]),
  ])
  func wrongUsage(command: String, arguments: [String]) throws {
    try withFolder { folder in
      try expectFailure(command, arguments, in: folder, status: 2)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func tasksAreListedAndShown() throws {
    let folder = FileManager.default.temporaryDirectory
    let list = try run("asura-train", ["tasks"], in: folder)
    #expect(list.status == 0 && list.error.isEmpty)
    for name in TaskConfiguration.Name.allCases {
      #expect(list.output.contains("\n\(name.rawValue) "))
      if name == .file { continue }
      let arguments = ["tasks", name.rawValue, "--count", "2"]
      let sample = try run("asura-train", arguments, in: folder)
      #expect(sample.status == 0 && sample.output.contains("\n\n"), "\(sample)")
      let again = try run("asura-train", arguments, in: folder)
      #expect(again.output == sample.output)
    }
    // The sum that is shown is the sum.
    let sum = try run(
      "asura-train", ["tasks", "addition", "--length", "5", "--count", "1"], in: folder)
    func number(_ label: String) -> Int? {
      sum.output.split(separator: "\n").first { $0.contains(label) }
        .flatMap { Int($0.split(separator: " ").last ?? "") }
    }
    #expect(number(" a ") != nil && number("= sum") == number(" a ")! + number("+ b")!, "\(sum)")
  }

  @Test func theDoctorSaysWhatThisMachineIs() throws {
    let folder = FileManager.default.temporaryDirectory
    let text = try run("asura-train", ["doctor"], in: folder)
    #expect(text.status == 0 && text.error.isEmpty)
    for part in ["CPU", "vector instructions", "BLAS kernels", "HDF5", "GFLOP/s"] {
      #expect(text.output.contains(part), "\(text.output)")
    }
    let data = try run("asura-train", ["doctor", "--json"], in: folder)
    let fields = try #require(try json(data.output) as? [String: Any])
    #expect(fields["threads"] as? Int == Workers.availableProcessors)
    #expect((fields["gemmFloatGigaflops"] as? Double ?? 0) > 0.1)
  }
}
