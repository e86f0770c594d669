extension OutputFile {
  /// Makes the file, with what `body` writes to its root: whole, or not at all.
  func make(_ body: (H5Group) throws -> Void) throws {
    if overwrites { discard() }
    try TraceError.locating(
      url, .inaccessible, advice: "Check the folder, its permissions and its free space"
    ) {
      let file = try H5File.create(partial)
      do {
        try body(file.root)
        try file.close()
      } catch {
        try? file.close()
        discard()
        throw error
      }
      try publish()
    }
  }
}
