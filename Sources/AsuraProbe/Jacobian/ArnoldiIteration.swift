internal import AsuraTensor

/// One run of ARPACK's iteration and the work arrays it goes through; use under `arpackLock`.
struct ArnoldiIteration<S: Scalar> {
  /// Whether every eigenvalue asked for met the tolerance.
  private(set) var finished = false
  /// Whether the operator took the start vector to zero, where ARPACK gives up.
  private(set) var annihilatedStart = false
  /// How many restarts there were.
  var restarts: Int { Int(parameters[2]) }

  private let routines = ArnoldiRoutines<S>.current
  private let size: Int
  private let count: Int
  private let basisSize: Int
  private let tolerance: S
  private var residual: [S]
  private var basis: [S]
  private var parameters: [Int32]
  private var pointers = [Int32](repeating: 0, count: 14)
  private var vectors: [S]
  private var work: [S]

  init(
    size: Int, count: Int, basisSize: Int, maximumRestarts: Int, tolerance: S, start: [S]
  ) {
    self.size = size
    self.count = count
    self.basisSize = basisSize
    self.tolerance = tolerance
    residual = start
    basis = [S](repeating: 0, count: size * basisSize)
    vectors = [S](repeating: 0, count: 3 * size)
    work = [S](repeating: 0, count: 3 * basisSize * basisSize + 6 * basisSize)
    // Exact shifts, one vector at a time, mode 1: the eigenvalues of the operator itself.
    parameters = [1, 0, Int32(maximumRestarts), 1, 0, 0, 1, 0, 0, 0, 0]
  }

  /// Iterates until ARPACK is satisfied or gives up, applying the operator when it asks.
  mutating func run(_ apply: (Tensor<S>) throws -> Tensor<S>) throws {
    _ = BLAS.kernels
    var request: Int32 = 0
    var info: Int32 = 1  // `residual` holds the start vector.
    while true {
      routines.naupd(
        &request, "I", Int32(size), "LM", Int32(count), tolerance, &residual, Int32(basisSize),
        &basis, Int32(size), &parameters, &pointers, &vectors, &work, Int32(work.count), &info)
      guard request == 1 || request == -1 else { break }
      let (input, output) = (Int(pointers[0]) - 1, Int(pointers[1]) - 1)
      let image = try apply(Tensor([1, size], vectors[input..<input + size]))
      vectors.replaceSubrange(output..<output + size, with: image.elements)
    }
    annihilatedStart = info == -9
    if annihilatedStart { return }
    // 1: out of restarts; 3: no shifts left to apply. What has converged by then is good.
    guard info == 0 || info == 1 || info == 3 else {
      throw ArnoldiError.arpack(routine: "naupd", code: Int(info))
    }
    finished = info == 0
  }

  /// The eigenvalues that converged, with their vectors.
  mutating func extract() throws(ArnoldiError) -> [RitzGroup<S>] {
    guard parameters[4] > 0 else { return [] }
    // ARPACK uses it as work space, though its interface says otherwise.
    let selected = UnsafeMutablePointer<Int32>.allocate(capacity: basisSize)
    selected.initialize(repeating: 1, count: basisSize)
    defer { selected.deallocate() }
    var real = [S](repeating: 0, count: count + 1)
    var imaginary = real
    var found = [S](repeating: 0, count: size * (count + 1))
    var extra = [S](repeating: 0, count: 3 * basisSize)
    var info: Int32 = 0
    routines.neupd(
      1, "A", UnsafePointer(selected), &real, &imaginary, &found, Int32(size), 0, 0, &extra, "I",
      Int32(size),
      "LM", Int32(count), tolerance, &residual, Int32(basisSize), &basis, Int32(size),
      &parameters, &pointers, &vectors, &work, Int32(work.count), &info)
    guard info == 0 else { throw .arpack(routine: "neupd", code: Int(info)) }

    func vector(_ index: Int) -> Tensor<S> {
      Tensor([size], found[index * size..<(index + 1) * size])
    }
    var groups: [RitzGroup<S>] = []
    let available = min(Int(parameters[4]), count + 1)
    var index = 0
    while index < available {
      let value = Complex(real[index], imaginary[index])
      if value.imaginary == 0 {
        groups.append(RitzGroup(value: value, real: vector(index)))
        index += 1
      } else if index + 1 < available, real[index + 1] == value.real,
        imaginary[index + 1] == -value.imaginary
      {
        groups.append(RitzGroup(value: value, real: vector(index), imaginary: vector(index + 1)))
        index += 2
      } else {
        index += 1  // Half a pair, whose vector is incomplete.
      }
    }
    return groups
  }
}
