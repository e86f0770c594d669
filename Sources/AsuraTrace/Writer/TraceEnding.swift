import Foundation

/// How a trace ended: what is written into it last.
struct TraceEnding {
  var status: String
  var reason: String?
  /// How many iterations are whole, and the last of them.
  var count: Int
  var last: Int?
  /// How often each edit fired, if that is known.
  var edits: [Int] = []

  func write(to root: H5Group) throws {
    let run = try root.group("run")
    try run.setAttribute("committed_iterations", .integer(Int64(count)))
    try run.setAttribute("last_iteration", .integer(Int64(last ?? -1)))
    try run.setAttribute("status", .text(status))
    if let reason { try run.setAttribute("reason", .text(reason)) }
    try run.setAttribute("end_time", .text(Date().ISO8601Format()))
    let provenance = try run.group("provenance")
    let hooks = try provenance.group("hooks")
    try Self.write(
      hooks.dataset("site").texts().map { try Self.rows(of: $0, in: run) },
      to: hooks.dataset("fired"))
    if !edits.isEmpty { try Self.write(edits, to: provenance.group("edits").dataset("fired")) }
  }

  private static func write(_ fired: [Int], to dataset: H5Dataset) throws {
    try fired.map { Int64($0) }.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try dataset.write(base, as: .int64, start: [0], count: [fired.count])
    }
  }

  /// How many iterations of a site there are.
  private static func rows(of site: String, in run: H5Group) throws -> Int {
    let group: H5Group
    if site == "latent" {
      group = try run.group("latent")
    } else if try run.contains("sites"), try run.group("sites").contains(site) {
      group = try run.group("sites").group(site)
    } else {
      group = try run.group(TraceSite.patternBlock(of: site) != nil ? "attention" : "readout")
    }
    return try group.dataset("iteration").shape().first ?? 0
  }
}
