internal import AsuraTensor
internal import CArpack
internal import Synchronization

/// ARPACK's two routines for general real matrices, for one element type.
///
/// `naupd` runs the implicitly restarted Arnoldi iteration by reverse communication: it returns
/// each time it wants the operator applied to a vector. `neupd` then extracts the eigenvalues and
/// vectors.
struct ArnoldiRoutines<S: Scalar> {
  typealias Values = UnsafeMutablePointer<S>?
  typealias Integers = UnsafeMutablePointer<Int32>?
  typealias Flag = UnsafePointer<CChar>?

  let naupd:
    (
      Integers, Flag, Int32, Flag, Int32, S, Values, Int32, Values, Int32, Integers, Integers,
      Values, Values, Int32, Integers
    ) -> Void
  let neupd:
    (
      Int32, Flag, UnsafePointer<Int32>?, Values, Values, Values, Int32, S, S, Values, Flag, Int32,
      Flag, Int32, S, Values, Int32, Values, Int32, Integers, Integers, Values, Values, Int32,
      Integers
    ) -> Void

  /// The routines of `S`, which is `Float` or `Double`.
  static var current: Self {
    if let routines = ArnoldiRoutines<Double>(naupd: dnaupd_c, neupd: dneupd_c) as? Self {
      return routines
    }
    if let routines = ArnoldiRoutines<Float>(naupd: snaupd_c, neupd: sneupd_c) as? Self {
      return routines
    }
    preconditionFailure("ARPACK has no routines for \(S.self)")
  }
}

/// Held for the whole of a solve: between calls ARPACK keeps its state in variables of the process.
let arpackLock = Mutex(())
