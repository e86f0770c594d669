// swift-tools-version: 6.1
import PackageDescription

// What `import Asura` brings. Those who import it depend on each part by name too, so that SwiftPM builds
// them anew when a part changes: it does not look through a re-export.
let library: [Target.Dependency] = [
  "Asura", "AsuraTensor", "AsuraConfiguration", "AsuraDiff", "AsuraModel", "AsuraTasks",
  "AsuraTrace", "AsuraTraining", "AsuraProbe", "AsuraReport",
]

let package = Package(
  name: "asura",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Asura", targets: ["Asura"]),
    .executable(name: "asura-train", targets: ["asura-train"]),
    .executable(name: "asura-trace", targets: ["asura-trace"]),
    .executable(name: "asura-probe", targets: ["asura-probe"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // MARK: - System libraries

    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5",
      providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
    .systemLibrary(
      name: "CArpack", pkgConfig: "arpack",
      providers: [.apt(["libarpack2-dev"]), .brew(["arpack"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),

    // MARK: - What configurations have in common: strict keys, errors that name the field

    .target(name: "AsuraConfiguration"),

    // MARK: - The model: Tensor ← Diff ← Model

    // C: vectorised elementwise kernels, chosen at run time for the CPU.
    .target(name: "AsuraKernels"),
    // Tensors, BLAS and LAPACK, random numbers, workers.
    .target(
      name: "AsuraTensor",
      dependencies: [
        "AsuraKernels", "COpenBLAS", .product(name: "Numerics", package: "swift-numerics"),
      ]),
    // Primitives with value, JVP and VJP; the tape that runs them both ways.
    .target(name: "AsuraDiff", dependencies: ["AsuraTensor", "AsuraKernels"]),
    // Configuration, blocks, the recurrence loop, sites, hooks, weights.
    .target(name: "AsuraModel", dependencies: ["AsuraTensor", "AsuraDiff", "AsuraConfiguration"]),

    // MARK: - Data in and out: Tensor ← Tasks, Tensor ← Trace

    .target(name: "AsuraTasks", dependencies: ["AsuraTensor", "AsuraConfiguration"]),
    .target(
      name: "AsuraTrace", dependencies: ["AsuraTensor", "AsuraKernels", "CHDF5", "CZlib"]),

    // MARK: - Training and analysis

    .target(
      name: "AsuraTraining",
      dependencies: [
        "AsuraKernels", "AsuraTensor", "AsuraConfiguration", "AsuraDiff", "AsuraModel",
        "AsuraTasks", "AsuraTrace", "Yams",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["TensorBoard/event.proto"]),
    .target(
      name: "AsuraProbe",
      dependencies: [
        "AsuraKernels", "AsuraTensor", "AsuraDiff", "AsuraModel", "AsuraTrace", "CArpack",
      ]),
    .target(name: "AsuraReport", dependencies: ["AsuraTensor", "AsuraProbe"]),
    .target(
      name: "Asura", dependencies: Array(library.dropFirst())),

    // MARK: - Commands

    // What the three commands share: progress, tables, ranges, exit codes, output files.
    .target(
      name: "AsuraCommandLine",
      dependencies: library + [.product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(name: "asura-train", dependencies: library + ["AsuraCommandLine"]),
    .executableTarget(name: "asura-trace", dependencies: library + ["AsuraCommandLine"]),
    .executableTarget(name: "asura-probe", dependencies: library + ["AsuraCommandLine"]),

    // Times this library against its peer: `make bench`.
    .executableTarget(
      name: "asura-bench", dependencies: library + ["AsuraCommandLine"],
      path: "Benchmarks/AsuraBench"),

    // MARK: - Examples

    .executableTarget(name: "first-run", dependencies: library, path: "Examples/first-run"),
    .executableTarget(name: "hooks", dependencies: library, path: "Examples/hooks"),
    .executableTarget(name: "own-site", dependencies: library, path: "Examples/own-site"),
    .executableTarget(name: "train-copy", dependencies: library, path: "Examples/train-copy"),
    .executableTarget(name: "spectrum", dependencies: library, path: "Examples/spectrum"),

    // MARK: - Tests

    .target(
      name: "AsuraTestSupport",
      dependencies: ["AsuraTensor", "AsuraDiff", "AsuraModel", "AsuraTrace"],
      path: "Tests/AsuraTestSupport"),
    .testTarget(name: "AsuraTensorTests", dependencies: ["AsuraTensor", "AsuraTestSupport"]),
    .testTarget(
      name: "AsuraDiffTests", dependencies: ["AsuraTensor", "AsuraDiff", "AsuraTestSupport"]),
    .testTarget(
      name: "AsuraModelTests", dependencies: library.dropFirst() + ["AsuraTestSupport"]),
    .testTarget(
      name: "AsuraTasksTests", dependencies: ["AsuraTensor", "AsuraTasks", "AsuraTestSupport"]),
    // What was done to a damaged file: for the fuzzer, and the tests that keep its findings.
    .target(name: "FileEdits", path: "Fuzz/FileEdits"),
    .testTarget(
      name: "AsuraTraceTests", dependencies: ["AsuraTrace", "AsuraTestSupport", "FileEdits"],
      exclude: ["readers", "findings"]),
    .testTarget(
      name: "AsuraTrainingTests", dependencies: library.dropFirst() + ["AsuraTestSupport"]),
    .testTarget(name: "AsuraProbeTests", dependencies: library.dropFirst() + ["AsuraTestSupport"]),
    .testTarget(
      name: "AsuraReportTests", dependencies: ["AsuraTensor", "AsuraReport", "AsuraTestSupport"]),
    .executableTarget(
      name: "command-line-fixture", dependencies: ["AsuraCommandLine"],
      path: "Tests/CommandLineFixture"),
    .testTarget(
      name: "AsuraCommandLineTests",
      dependencies: ["AsuraCommandLine", "AsuraConfiguration", "command-line-fixture"]),
    .testTarget(
      name: "ExampleTests",
      dependencies: library + [
        "AsuraTestSupport", "first-run", "hooks", "own-site", "train-copy", "spectrum",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: library + [
        "AsuraTestSupport", "FileEdits", "asura-train", "asura-trace", "asura-probe",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// MARK: - The fuzzer of the trace reader, which only scripts/fuzz-traces.sh builds: libFuzzer brings its main.

if Context.environment["ASURA_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz-traces", dependencies: ["AsuraTrace", "FileEdits"], path: "Fuzz/fuzz-traces",
      swiftSettings: [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}
