import Foundation

/// A damaged file, told as a sound one and what was done to it: what the fuzzer plays with, and what
/// its findings are kept as.
///
/// In bytes: the number of the sound file, a byte; then edits. An edit is a byte `n`, a place in 4
/// little-endian bytes, and what is written there. Up to 127, `n + 1` bytes follow. 128 cuts the file
/// off at the place; 129 copies 64 bytes from a second place, 130 a whole kilobyte. An edit that is
/// cut short is none. Places count round and round the file.
///
/// Checksums of HDF5's metadata are made right again afterwards: a reader that only ever saw wrong
/// ones would be tried no further than there.
public struct FileEdits: Sendable {
  public let seed: Int
  private let edits: ArraySlice<UInt8>

  /// - Parameter seeds: how many sound files there are.
  public init(_ bytes: some Collection<UInt8>, seeds: Int) {
    seed = seeds > 0 ? Int(bytes.first ?? 0) % seeds : 0
    edits = Array(bytes.dropFirst())[...]
  }

  /// The damaged file.
  public func applied(to file: SeedFile) -> [UInt8] {
    var bytes = file.bytes
    var rest = edits
    func number() -> Int? {
      guard rest.count >= 4, !bytes.isEmpty else { return nil }
      let value = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(4)
      return value % bytes.count
    }
    while let kind = rest.popFirst(), let place = number() {
      switch kind {
      case 0..<128:
        guard rest.count > Int(kind) else { break }
        for (index, byte) in rest.prefix(Int(kind) + 1).enumerated()
        where place + index < bytes.count {
          bytes[place + index] = byte
        }
        rest = rest.dropFirst(Int(kind) + 1)
      case 128:
        bytes.removeLast(bytes.count - place)
      case 129, 130:
        guard let source = number() else { break }
        let count = min(kind == 129 ? 64 : 1024, bytes.count - max(place, source))
        bytes.replaceSubrange(place..<place + count, with: bytes[source..<source + count])
      default: break
      }
    }
    file.repairChecksums(in: &bytes)
    return bytes
  }
}

/// A sound HDF5 file, with the places of its metadata's checksums.
public struct SeedFile: Sendable {
  public let bytes: [UInt8]
  /// The ranges that end in a checksum of what is before it.
  private let blocks: [Range<Int>]

  public init(contentsOf url: URL) throws {
    bytes = [UInt8](try Data(contentsOf: url))
    blocks = Self.blocks(of: bytes)
  }

  /// The signatures of the structures that carry checksums.
  private static let signatures = [
    "\u{89}HDF", "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "FSHD", "FSSE", "BTHD", "BTIN", "BTLF",
    "FAHD", "FADB", "EAHD", "EAIB", "EASB", "EADB", "SMTB", "SMLI",
  ].map { $0.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

  /// Finds each structure's length by trying which one makes its checksum right.
  private static func blocks(of bytes: [UInt8]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = 0
    while start + 12 <= bytes.count {
      if signatures.contains(where: { bytes[start..<start + 4].elementsEqual($0) }) {
        let longest = min(2_048, bytes.count - start)
        let length = (8..<max(9, longest - 3)).first { length in
          checksum(bytes[start..<start + length])
            == bytes[start + length..<start + length + 4].reversed().reduce(UInt32(0)) {
              $0 << 8 | UInt32($1)
            }
        }
        if let length { found.append(start..<start + length + 4) }
      }
      start += 1
    }
    return found
  }

  fileprivate func repairChecksums(in bytes: inout [UInt8]) {
    for block in blocks where block.upperBound <= bytes.count {
      var sum = Self.checksum(bytes[block.dropLast(4)])
      for place in block.suffix(4) {
        bytes[place] = UInt8(truncatingIfNeeded: sum)
        sum >>= 8
      }
    }
  }

  /// Bob Jenkins's lookup3, as HDF5 uses it. https://burtleburtle.net/bob/c/lookup3.c
  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBufferPointer { bytes in
      var a = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: bytes.count)
      var (b, c) = (a, a)
      func rotated(_ x: UInt32, _ k: UInt32) -> UInt32 { x << k | x >> (32 - k) }
      func word(_ place: Int) -> UInt32 {
        if place + 4 <= bytes.count {
          return UInt32(
            littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(
              fromByteOffset: place, as: UInt32.self))
        }
        return (place..<max(place, bytes.count)).reversed().reduce(UInt32(0)) {
          $0 << 8 | UInt32(bytes[$1])
        }
      }
      var place = 0
      while bytes.count - place > 12 {
        a &+= word(place)
        b &+= word(place + 4)
        c &+= word(place + 8)
        a = (a &- c) ^ rotated(c, 4)
        c &+= b
        b = (b &- a) ^ rotated(a, 6)
        a &+= c
        c = (c &- b) ^ rotated(b, 8)
        b &+= a
        a = (a &- c) ^ rotated(c, 16)
        c &+= b
        b = (b &- a) ^ rotated(a, 19)
        a &+= c
        c = (c &- b) ^ rotated(b, 4)
        b &+= a
        place += 12
      }
      guard place < bytes.count else { return c }
      a &+= word(place)
      b &+= word(place + 4)
      c &+= word(place + 8)
      c = (c ^ b) &- rotated(b, 14)
      a = (a ^ c) &- rotated(c, 11)
      b = (b ^ a) &- rotated(a, 25)
      c = (c ^ b) &- rotated(b, 16)
      a = (a ^ c) &- rotated(c, 4)
      b = (b ^ a) &- rotated(a, 14)
      c = (c ^ b) &- rotated(b, 24)
      return c
    }
  }
}
