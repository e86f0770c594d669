import AsuraCommandLine
import Foundation
import Testing

@Suite struct OutputFileTests {
  @Test func appearsOnlyWhenCommitted() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "a.txt").path
    let file = try OutputFile(path, force: false)
    try Data("new".utf8).write(to: URL(filePath: file.temporaryPath))
    #expect(!FileManager.default.fileExists(atPath: path))
    try file.commit()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["a.txt"])
  }

  @Test func anAbandonedFileLeavesNothing() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    do {
      let file = try OutputFile(directory.appending(path: "a").path, force: false)
      try Data("half".utf8).write(to: URL(filePath: file.temporaryPath))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
  }

  @Test func anExistingFileNeedsForce() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "a").path
    try OutputFile(path, force: false).write("old")
    let error = #expect(throws: CommandError.self) { try OutputFile(path, force: false) }
    #expect(error?.message == "\(path) exists")
    #expect(error?.remedy?.contains("--force") == true)
    #expect(error?.status == .usage)
    try OutputFile(path, force: true).write("new")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
  }

  @Test func aFileThatAppearsMeanwhileIsKept() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "a").path
    let file = try OutputFile(path, force: false)
    try Data("theirs".utf8).write(to: URL(filePath: path))
    #expect(throws: CommandError.self) { try file.write("ours") }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "theirs")
  }

  @Test func aLinkIsFollowed() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let (target, link) = (directory.appending(path: "t"), directory.appending(path: "l"))
    try Data().write(to: target)
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
    try OutputFile(link.path, force: true).write("x")
    #expect(try String(contentsOf: target, encoding: .utf8) == "x")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
  }

  @Test func badPlacesAreRefusedBeforeTheWork() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appending(path: "file").path
    try Data().write(to: URL(filePath: file))
    let cases = [
      ("", "empty name"), (directory.path, "is a directory"), ("\(file)/x", "is a file"),
      (directory.appending(path: "no/x").path, "there is no directory"),
    ]
    for (path, message) in cases {
      let error = #expect(throws: CommandError.self) { try OutputFile(path, force: true) }
      #expect(error?.message.contains(message) == true, "\(path): \(error as Any)")
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
  func aReadOnlyDirectoryIsRefused() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    chmod(directory.path, 0o555)
    let error = #expect(throws: CommandError.self) {
      try OutputFile(directory.appending(path: "a").path, force: false)
    }
    #expect(error?.message.contains("permission denied") == true)
  }

  @Test func devicesAreWrittenNotReplaced() throws {
    try OutputFile("/dev/null", force: false).write("x")
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "only Linux has /dev/full"))
  func aFullDiskIsSaid() {
    let error = #expect(throws: CommandError.self) {
      try OutputFile("/dev/full", force: false).write("x")
    }
    #expect(error?.message == "cannot write /dev/full: no space left on device")
    #expect(error?.remedy?.contains("free some space") == true)
  }
}
