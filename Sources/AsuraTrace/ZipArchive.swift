internal import CZlib

/// Writes a zip archive of uncompressed files, with 64-bit sizes, as `numpy.load` reads them.
/// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
struct ZipArchive {
  private struct Entry {
    let name: String
    let start: Int
    var size = 0
    var checksum: UInt32 = 0
  }

  private let file: ByteFile
  private var entries: [Entry] = []

  init(_ file: ByteFile) { self.file = file }

  /// Begins a file; what is written next is in it.
  mutating func begin(_ name: String) throws {
    try end()
    let entry = Entry(name: name, start: file.position)
    entries.append(entry)
    try file.write(Self.local(entry))
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard !entries.isEmpty, let base = bytes.baseAddress else { return }
    let last = entries.count - 1
    let sum = crc32_z(
      uLong(entries[last].checksum), base.assumingMemoryBound(to: Bytef.self), bytes.count)
    entries[last].checksum = UInt32(truncatingIfNeeded: sum)
    entries[last].size += bytes.count
    try file.write(bytes)
  }

  /// Ends the file under way: its size and checksum are known only now.
  private func end() throws {
    if let entry = entries.last { try file.patch(Self.local(entry), at: entry.start) }
  }

  /// Writes the directory.
  func finish() throws {
    try end()
    let start = file.position
    for entry in entries { try file.write(Self.directory(entry)) }
    let size = file.position - start
    // The directory's end in its 64-bit form, where that is, and the short form that refers to it.
    let long =
      littleEndian(UInt32(0x0606_4B50)) + littleEndian(UInt64(44)) + littleEndian(UInt16(45))
      + littleEndian(UInt16(45)) + littleEndian(UInt64(0)) + littleEndian(UInt64(entries.count))
      + littleEndian(UInt64(entries.count)) + littleEndian(UInt64(size))
      + littleEndian(UInt64(start))
    let locator =
      littleEndian(UInt32(0x0706_4B50)) + littleEndian(UInt32(0))
      + littleEndian(UInt64(start + size)) + littleEndian(UInt32(1))
    let short =
      littleEndian(UInt32(0x0605_4B50)) + littleEndian(UInt32(0))
      + littleEndian(UInt16(clamping: entries.count))
      + littleEndian(UInt16(clamping: entries.count)) + littleEndian(UInt32(clamping: size))
      + littleEndian(UInt32(clamping: start)) + littleEndian(UInt16(0))
    try file.write(long + locator + short)
  }

  /// Version needed, flags (names in UTF-8), no compression, the earliest date there is, checksum,
  /// sizes deferred to the 64-bit field, and the lengths of name and extra field.
  private static func common(_ entry: Entry, extra: Int) -> [UInt8] {
    littleEndian(UInt16(45)) + littleEndian(UInt16(0x800)) + littleEndian(UInt16(0))
      + littleEndian(UInt16(0)) + littleEndian(UInt16(0x21)) + littleEndian(entry.checksum)
      + littleEndian(UInt32.max) + littleEndian(UInt32.max)
      + littleEndian(UInt16(entry.name.utf8.count)) + littleEndian(UInt16(extra))
  }

  private static func local(_ entry: Entry) -> [UInt8] {
    let sizes = littleEndian(UInt64(entry.size)) + littleEndian(UInt64(entry.size))
    return littleEndian(UInt32(0x0403_4B50)) + common(entry, extra: 20) + Array(entry.name.utf8)
      + littleEndian(UInt16(1)) + littleEndian(UInt16(16)) + sizes
  }

  private static func directory(_ entry: Entry) -> [UInt8] {
    let places =
      littleEndian(UInt64(entry.size)) + littleEndian(UInt64(entry.size))
      + littleEndian(UInt64(entry.start))
    // Comment, disk, attributes: none; the place is in the 64-bit field.
    let rest = [UInt8](repeating: 0, count: 10) + littleEndian(UInt32.max)
    return littleEndian(UInt32(0x0201_4B50)) + littleEndian(UInt16(45))
      + common(entry, extra: 28) + rest + Array(entry.name.utf8) + littleEndian(UInt16(1))
      + littleEndian(UInt16(24)) + places
  }
}
