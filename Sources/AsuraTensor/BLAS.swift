internal import COpenBLAS
import Foundation

/// The linear algebra library, set up once before its first use.
public enum BLAS {
  /// Which kernels OpenBLAS runs on, and whether we had to choose them for it.
  public struct Kernels: Sendable {
    /// OpenBLAS's name for its kernels, such as `SkylakeX`.
    public let name: String
    /// The name it had chosen by itself, when that was slower than this CPU allows.
    public let replaced: String?
    /// OpenBLAS's own version and build options.
    public let library: String
    /// What would make products faster, when something stands in the way.
    public let advice: String?
  }

  /// The kernels in use. Reading this, or any product or factorisation, sets the library up:
  /// Debian's OpenBLAS does not know newer CPUs and falls back to kernels up to five times slower,
  /// so we pick the family by the instructions the CPU has. A user's own `OPENBLAS_CORETYPE` wins.
  public static let kernels: Kernels = {
    let found = coreName()
    var replaced: String?
    var advice: String?
    if let asked = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] {
      advice = betterKernels(than: found).map {
        "OPENBLAS_CORETYPE=\(asked) is set in the environment; this CPU can run the faster \($0) "
          + "kernels: unset it"
      }
    } else if asura_openblas_can_reselect() != 0, let better = betterKernels(than: found) {
      setenv("OPENBLAS_CORETYPE", better, 1)
      asura_openblas_reselect()
      unsetenv("OPENBLAS_CORETYPE")
      if coreName() != found { replaced = found }
    }
    // Work is spread over cores above BLAS (`Workers`).
    openblas_set_num_threads(1)
    return Kernels(
      name: coreName(), replaced: replaced, library: String(cString: openblas_get_config()),
      advice: advice)
  }()

  private static func coreName() -> String { String(cString: openblas_get_corename()) }

  private static func betterKernels(than name: String) -> String? {
    let wide = ["SkylakeX", "Cooperlake", "SapphireRapids", "Zen4", "Zen5"]
    let middling = wide + ["Haswell", "Zen", "Excavator"]
    switch CPU.vectorLevel {
    case .avx512: return wide.contains { $0.lowercased() == name.lowercased() } ? nil : "SkylakeX"
    case .avx2: return middling.contains { $0.lowercased() == name.lowercased() } ? nil : "Haswell"
    case .baseline: return nil
    }
  }
}
