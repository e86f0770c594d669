import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// `basis.npz` was written by NumPy: Tests/Goldens/README.md.
@Suite struct NumpyArchiveTests {
  private let url = Golden.folder.appending(path: "basis.npz")

  @Test func readsWhatNumPyWrote() throws {
    let archive = try NumpyArchive(contentsOf: url)
    #expect(archive.names == ["columns", "double", "single", "whole"])
    #expect(try archive.tensor("double") == Tensor([2, 3], [0, 0.1, 0.2, 0.3, 0.4, 0.5]))
    #expect(try archive.tensor("single") == Tensor([4], [0, 0.25, 0.5, 0.75]))
  }

  @Test func refusesWhatItCannotRead() throws {
    let archive = try NumpyArchive(contentsOf: url)
    for (name, words) in [("columns", "column order"), ("whole", "type <i8"), ("none", "double")] {
      let error = try #require(throws: ProbeError.self) { try archive.tensor(name) }
      #expect(error.description.contains(words), "\(error)")
    }
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = try Data(contentsOf: url)
    // Wherever it is cut, it is an error and no crash.
    for length in stride(from: 0, to: whole.count, by: 37) {
      let cut = folder.appending(path: "cut.npz")
      try whole.prefix(length).write(to: cut)
      #expect(throws: ProbeError.self) { try NumpyArchive(contentsOf: cut) }
    }
    #expect(throws: ProbeError.self) {
      try NumpyArchive(contentsOf: folder.appending(path: "nothing.npz"))
    }
  }
}
