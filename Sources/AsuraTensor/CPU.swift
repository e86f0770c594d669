import AsuraKernels
import Foundation

/// What the processor is and which vector instructions the kernels use on it.
public enum CPU {
  /// The widest instructions the kernels were compiled for that this CPU has.
  public enum VectorLevel: String, Sendable, CaseIterable {
    case baseline, avx2, avx512
  }

  /// The instructions the kernels use on this CPU.
  public static let vectorLevel: VectorLevel =
    switch asura_vector_level() {
    case 2: .avx512
    case 1: .avx2
    default: .baseline
    }

  /// The processor's name as the system gives it.
  public static let name: String = {
    #if os(Linux)
      if let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) {
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
          if let colon = line.firstIndex(of: ":") {
            return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
          }
        }
      }
    #endif
    return "unknown"
  }()
}
