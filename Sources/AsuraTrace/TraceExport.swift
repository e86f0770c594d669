import AsuraTensor
import Foundation

/// Writes what a trace recorded in a format of other programs: everything, or some sites,
/// iterations and examples. Memory is that of one iteration of one site.
public struct TraceExport: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    /// A NumPy archive: an array `SITE` for each site, `[iteration, …]`, and for each of its axes
    /// `SITE/AXIS`, the coordinates.
    case npz
    /// One row a value: site, iteration, the coordinate on each axis, value.
    case csv
    /// A tensor for each site, `[iteration, …]`, and one for each of its axes, `SITE/AXIS`; the
    /// metadata `SITE` lists the axes.
    case safetensors
  }

  public var trace: TraceReader
  /// The sites and series of the readout to write; all when nil.
  public var sites: [String]?
  /// The iterations to write, of those each site has; all when nil.
  public var iterations: Set<Int>?
  /// The examples to write, counted from 0 in what was recorded; all when nil.
  public var batch: Range<Int>?

  public init(
    _ trace: TraceReader, sites: [String]? = nil, iterations: Set<Int>? = nil,
    batch: Range<Int>? = nil
  ) {
    self.trace = trace
    self.sites = sites
    self.iterations = iterations
    self.batch = batch
  }

  /// Writes the file: beside its name first, so that it appears whole or not at all.
  /// - Parameter progress: called with the iterations written and how many there are; may throw to
  ///   stop.
  /// - Throws: `TraceError`: `notFound` if a site is unknown or nothing is left to write; `exists`,
  ///   `inaccessible`.
  public func write(
    _ format: Format, to url: URL, overwriting: Bool = false,
    progress: @escaping (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws {
    let parts = try parts()
    let file = try ByteFile(url, overwriting: overwriting)
    let total = parts.reduce(0) { $0 + $1.iterations.count }
    var done = 0
    let step = {
      done += 1
      try progress(done, total)
    }
    do {
      switch format {
      case .npz: try writeArchive(parts, to: file, step)
      case .csv: try writeTable(parts, to: file, step)
      case .safetensors: try writeSafetensors(parts, to: file, step)
      }
      try file.finish()
    } catch {
      file.discard()
      throw error
    }
  }
}

extension TraceExport {
  /// What is written of a site.
  struct Part {
    let site: RecordedSite
    let iterations: [Int]
    let entries: [String: Range<Int>]
    /// The axes that are left.
    let axes: [TraceAxis]

    var shape: [Int] { [iterations.count] + axes.map(\.count) }
    var count: Int { shape.reduce(1, *) }
    var bytes: Int { count * site.elements.size }
    /// The arrays of coordinates that go with it.
    var coordinates: [(name: String, values: [Int])] {
      ([("iteration", iterations)] + axes.map { ($0.name, $0.values) }).map {
        ("\(site.name)/\($0.0)", $0.1)
      }
    }
  }

  private func parts() throws -> [Part] {
    let chosen = try sites.map { try $0.map { try trace.site($0) } } ?? trace.sites + trace.readouts
    let parts = try chosen.map { site in
      var entries: [String: Range<Int>] = [:]
      if let batch, let axis = site.axes.first(where: { $0.name == "batch" }) {
        guard batch.lowerBound >= 0, batch.upperBound <= axis.count, !batch.isEmpty else {
          throw TraceError(
            .notFound, "'\(site.name)' has no examples \(batch)",
            advice: "It has \(axis.count), counted from 0", file: trace.url)
        }
        entries["batch"] = batch
      }
      return Part(
        site: site,
        iterations: site.iterations.filter { iterations?.contains($0) ?? true }, entries: entries,
        axes: site.axes.map { axis in
          entries[axis.name].map { TraceAxis(axis.name, Array(axis.values[$0])) } ?? axis
        })
    }.filter { !$0.iterations.isEmpty }
    guard !parts.isEmpty else {
      throw TraceError(
        .notFound, "nothing is left to export",
        advice: "No chosen site was recorded at a chosen iteration", file: trace.url)
    }
    return parts
  }

  /// Calls `body` with the stored bytes of one iteration after the other.
  func eachIteration(
    of part: Part, _ body: (_ iteration: Int, _ bytes: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let array = try trace.array(part.site.name)
    let number = part.site.elements.number
    var buffer = [UInt8](repeating: 0, count: part.bytes / max(1, part.iterations.count))
    for iteration in part.iterations {
      try buffer.withUnsafeMutableBytes { buffer in
        try trace.locating {
          let row = try array.row(of: iteration)
          let place = try array.place(rows: row..<row + 1, part.entries)
          try array.dataset.checkStored(bytes: buffer.count)
          guard let base = buffer.baseAddress else { return }
          try array.dataset.read(into: base, as: number, start: place.start, count: place.count)
        }
        try body(iteration, UnsafeRawBufferPointer(buffer))
      }
    }
  }

  // MARK: - NumPy

  private func writeArchive(_ parts: [Part], to file: ByteFile, _ step: () throws -> Void) throws {
    var archive = ZipArchive(file)
    for part in parts {
      try archive.begin("\(part.site.name).npy")
      let header = Self.header(part.site.elements, part.shape)
      try header.withUnsafeBytes { try archive.write($0) }
      try eachIteration(of: part) { _, bytes in
        try archive.write(bytes)
        try step()
      }
      for (name, values) in part.coordinates {
        try archive.begin("\(name).npy")
        let header = Self.header(.int64, [values.count])
        try header.withUnsafeBytes { try archive.write($0) }
        try values.map { Int64($0).littleEndian }.withUnsafeBytes { try archive.write($0) }
      }
    }
    try archive.finish()
  }

  /// The head of a `.npy` file.
  private static func header(_ elements: RecordedElements, _ shape: [Int]) -> [UInt8] {
    let type =
      switch elements {
      case .float32: "<f4"
      case .float64: "<f8"
      case .int32: "<i4"
      case .int64: "<i8"
      case .uint64: "<u8"
      case .uint8: "|u1"
      }
    return NumpyArchiveWriter.header(type, shape)
  }

  // MARK: - Safetensors

  private func writeSafetensors(
    _ parts: [Part], to file: ByteFile, _ step: () throws -> Void
  ) throws {
    var header: [String: Any] = [:]
    var metadata: [String: String] = [:]
    var offset = 0
    func declare(_ name: String, _ type: String, _ shape: [Int], _ bytes: Int) {
      header[name] = [
        "dtype": type, "shape": shape, "data_offsets": [offset, offset + bytes],
      ]
      offset += bytes
    }
    // The widest first, so that every tensor begins at a multiple of its elements' size.
    for part in parts {
      for (name, values) in part.coordinates {
        declare(name, "I64", [values.count], 8 * values.count)
      }
    }
    let ordered = parts.enumerated().sorted {
      ($1.element.site.elements.size, $0.offset) < ($0.element.site.elements.size, $1.offset)
    }.map(\.element)
    for part in ordered {
      let type =
        switch part.site.elements {
        case .float32: "F32"
        case .float64: "F64"
        case .int32: "I32"
        case .int64: "I64"
        case .uint64: "U64"
        case .uint8: "U8"
        }
      declare(part.site.name, type, part.shape, part.bytes)
      metadata[part.site.name] = (["iteration"] + part.axes.map(\.name)).joined(separator: ",")
    }
    header["__metadata__"] = metadata
    var json = try JSONSerialization.data(
      withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    try file.write(littleEndian(UInt64(json.count)))
    try json.withUnsafeBytes { try file.write($0) }
    for part in parts {
      for (_, values) in part.coordinates {
        try values.map { Int64($0).littleEndian }.withUnsafeBytes { try file.write($0) }
      }
    }
    for part in ordered {
      try eachIteration(of: part) { _, bytes in
        try file.write(bytes)
        try step()
      }
    }
  }

  // MARK: - CSV

  private func writeTable(_ parts: [Part], to file: ByteFile, _ step: () throws -> Void) throws {
    var axes: [String] = []
    for axis in parts.flatMap(\.axes) where !axes.contains(axis.name) { axes.append(axis.name) }
    try file.write((["site", "iteration"] + axes + ["value"]).joined(separator: ",") + "\n")
    for part in parts {
      // The place of each of the site's axes among the columns.
      let columns = part.axes.map { axis in axes.firstIndex(of: axis.name) ?? 0 }
      try eachIteration(of: part) { iteration, bytes in
        var text = ""
        var cells = [String](repeating: "", count: axes.count)
        var place = part.axes.map { _ in 0 }
        for (axis, column) in columns.enumerated() {
          cells[column] = part.axes[axis].values.first.map { "\($0)" } ?? ""
        }
        for index in 0..<part.count / max(1, part.iterations.count) {
          text += "\(part.site.name),\(iteration),"
          for cell in cells { text += "\(cell)," }
          text += Self.cell(bytes, index, part.site.elements) + "\n"
          for axis in place.indices.reversed() {
            place[axis] = (place[axis] + 1) % part.axes[axis].count
            cells[columns[axis]] = "\(part.axes[axis].values[place[axis]])"
            if place[axis] != 0 { break }
          }
          if text.utf8.count > 1 << 20 {
            try file.write(text)
            text = ""
          }
        }
        try file.write(text)
        try step()
      }
    }
  }

  /// One value, with the digits it takes to read the same number back.
  private static func cell(
    _ bytes: UnsafeRawBufferPointer, _ index: Int, _ elements: RecordedElements
  ) -> String {
    switch elements {
    case .float32: "\(bytes.load(fromByteOffset: 4 * index, as: Float.self))"
    case .float64: "\(bytes.load(fromByteOffset: 8 * index, as: Double.self))"
    case .int32: "\(bytes.load(fromByteOffset: 4 * index, as: Int32.self))"
    case .int64: "\(bytes.load(fromByteOffset: 8 * index, as: Int64.self))"
    case .uint64: "\(bytes.load(fromByteOffset: 8 * index, as: UInt64.self))"
    case .uint8: "\(bytes[index])"
    }
  }
}
