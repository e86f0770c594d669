import ArgumentParser

/// `-o FILE` and `--force`: where a result goes, and whether it may replace what is there.
public struct OutputOptions: ParsableArguments {
  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("The file to write.", valueName: "file"))
  public var output: String?

  @Flag(help: "Replace a file that exists.")
  public var force = false

  public init() {}

  /// The file to write, checked: `-o`, else `standard`, else nil.
  public func file(default standard: String? = nil) throws(CommandError) -> OutputFile? {
    guard let path = output ?? standard else { return nil }
    return try OutputFile(path, force: force)
  }
}
