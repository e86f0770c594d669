import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what this machine is, what the library uses of it and how fast that is.")

  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let cpu: String
    let vectorInstructions: String
    let threads: Int
    let blasKernels: String
    let blasKernelsReplaced: String?
    let blasLibrary: String
    let hdf5: String
    let gemmFloatGigaflops: Double
    let gemmDoubleGigaflops: Double
    let advice: [String]
  }

  func run() throws {
    let kernels = BLAS.kernels
    let report = Report(
      cpu: CPU.name, vectorInstructions: CPU.vectorLevel.rawValue,
      threads: Workers.availableProcessors, blasKernels: kernels.name,
      blasKernelsReplaced: kernels.replaced, blasLibrary: kernels.library,
      hdf5: TraceLibrary.version, gemmFloatGigaflops: gemmRate(Float.self),
      gemmDoubleGigaflops: gemmRate(Double.self), advice: kernels.advice.map { [$0] } ?? [])
    if reporting.json { return try JSONOutput.print(report) }
    let rows = [
      ("CPU", report.cpu), ("vector instructions", report.vectorInstructions),
      ("threads", "\(report.threads)"),
      (
        "BLAS kernels",
        kernels.name + (kernels.replaced.map { " (OpenBLAS had chosen \($0))" } ?? "")
      ), ("BLAS library", report.blasLibrary.trimmingCharacters(in: CharacterSet.whitespaces)),
      ("HDF5", report.hdf5),
      (
        "matrix products",
        String(
          format: "%.0f GFLOP/s a core in 32 bits, %.0f in 64 bits", report.gemmFloatGigaflops,
          report.gemmDoubleGigaflops)
      ),
    ]
    var table = TextTable([("this machine", .left), ("", .left)])
    for (name, value) in rows { table.append([name, value]) }
    print(table)
    for advice in report.advice { print("\nnote: \(advice)") }
  }

  /// The best of several products of 1024² matrices on one core.
  private func gemmRate<S: Scalar>(_: S.Type) -> Double {
    let size = 1024
    var random = Random(seed: 0, for: "doctor")
    let a = Tensor<S>.uniform([size, size], using: &random)
    var best = Double.infinity
    for _ in 0..<5 {
      let start = Date()
      let product = a.matmul(a)
      best = min(best, Date().timeIntervalSince(start))
      precondition(product.count > 0)
    }
    return 2 * Double(size * size * size) / best / 1e9
  }
}
