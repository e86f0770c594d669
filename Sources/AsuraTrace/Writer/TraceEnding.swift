import Foundation

/// How a trace ended: what is written into it last.
struct TraceEnding {
  var status: String
  var reason: String?
  /// How many iterations are whole, and the last of them.
  var count: Int
  var last: Int?

  func write(to root: H5Group) throws {
    let run = try root.group("run")
    try run.setAttribute("committed_iterations", .integer(Int64(count)))
    try run.setAttribute("last_iteration", .integer(Int64(last ?? -1)))
    try run.setAttribute("status", .text(status))
    if let reason { try run.setAttribute("reason", .text(reason)) }
    try run.setAttribute("end_time", .text(Date().ISO8601Format()))
    let hooks = try run.group("provenance").group("hooks")
    let fired = try hooks.dataset("site").texts().map { site in
      try Int64(Self.rows(of: site, in: run))
    }
    let dataset = try hooks.dataset("fired")
    try fired.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try dataset.write(base, as: .int64, start: [0], count: [fired.count])
    }
  }

  /// How many iterations of a site there are.
  private static func rows(of site: String, in run: H5Group) throws -> Int {
    let group =
      switch site {
      case "latent": try run.group("latent")
      case "logits": try run.group("readout")
      default:
        try TraceSite.patternBlock(of: site) != nil
          ? run.group("attention") : run.group("sites").group(site)
      }
    return try group.dataset("iteration").shape().first ?? 0
  }
}
