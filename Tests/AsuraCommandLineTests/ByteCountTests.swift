import AsuraCommandLine
import Testing

@Suite struct ByteCountTests {
  @Test(arguments: [
    ("0", 0), ("1000", 1000), ("2GB", 2_000_000_000), ("1.5 MB", 1_500_000), ("64kb", 64_000),
    ("512MiB", 536_870_912), ("1 tib", 1_099_511_627_776), ("1_000B", 1000), (" 3 kB ", 3000),
  ])
  func sizesAreRead(text: String, bytes: Int) throws {
    #expect(try ByteCount(parsing: text).bytes == bytes)
  }

  @Test(arguments: ["", "GB", "-1", "2 gigs", "1..2MB", "99999999999TB", "0x10", "2,5GB", "nan"])
  func othersAreErrors(text: String) {
    #expect {
      try ByteCount(parsing: text)
    } throws: {
      ($0 as? CommandError)?.status == .usage && "\($0)".contains("is no size")
    }
  }
}
