import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Where a tensor's elements lie.
private func address<S: Scalar>(_ x: Tensor<S>) -> UnsafePointer<S> { x.read { $0 } }

@Suite struct TensorTests {
  private let x = Tensor<Double>([3, 2], [1, 2, 3, 4, 5, 6])

  @Test func copiesShareUntilChanged() {
    var copy = x
    #expect(address(copy) == address(x))
    copy.update { $0[0] = 9 }
    #expect(address(copy) != address(x))
    #expect(x.elements == [1, 2, 3, 4, 5, 6])
    #expect(copy.elements == [9, 2, 3, 4, 5, 6])
    let place = address(copy)
    copy.update { $0[1] = 8 }
    #expect(address(copy) == place)
  }

  @Test func slicesShareAndSurvive() {
    var parent: Tensor<Double>? = Tensor([3, 2], x.elements)
    let slice = parent!.slice(1..<3)
    #expect(address(slice) == address(parent!) + 2)
    #expect(slice.shape == [2, 2])
    parent!.update { $0[2] = 99 }
    #expect(slice.elements == [3, 4, 5, 6])
    parent = nil
    for _ in 0..<20 { _ = Tensor<Double>([3, 2], repeating: .nan) }
    #expect(slice.elements == [3, 4, 5, 6])
  }

  @Test func changingASliceLeavesItsParent() {
    var slice = x[1]
    #expect(slice.shape == [2])
    slice.update { $0[0] = 0 }
    #expect(slice.elements == [0, 4])
    #expect(x.elements == [1, 2, 3, 4, 5, 6])
  }

  @Test func changingASliceWhoseParentIsGone() {
    var slice = Tensor<Double>([3, 2], [1, 2, 3, 4, 5, 6]).slice(1..<2)
    slice.update { $0[1] = 7 }
    #expect(slice.elements == [3, 7])
  }

  @Test func emptySlices() {
    #expect(x.slice(3..<3).shape == [0, 2])
    #expect(x.slice(3..<3).elements == [])
    #expect(Tensor<Double>.zeros([0, 4]).slice(0..<0).shape == [0, 4])
    #expect(Tensor<Double>.zeros([2, 0])[1].shape == [0])
  }

  @Test func reshape() {
    let flat = x.reshaped([6])
    #expect(flat.elements == x.elements && address(flat) == address(x))
    #expect(x.reshaped([1, 2, 3, 1])[[0, 1, 0, 0]] == 4)
    #expect(Tensor<Double>([1], [5]).reshaped([]).scalar == 5)
  }

  @Test func concatenating() {
    let y = Tensor.concatenating([x.slice(2..<3), .zeros([0, 2]), x])
    #expect(y == Tensor([4, 2], [5, 6, 1, 2, 3, 4, 5, 6]))
    #expect(address(Tensor.concatenating([x])) == address(x))
  }

  @Test func shapesAndRows() {
    #expect((x.rank, x.count, x.rowCount, x.rowLength) == (2, 6, 3, 2))
    let scalar = Tensor<Float>([], repeating: 2)
    #expect((scalar.rank, scalar.count, scalar.rowCount, scalar.rowLength) == (0, 1, 1, 1))
    #expect(Tensor<Float>.zeros([3, 0]).isEmpty)
    #expect(Tensor<Double>.identity(2).elements == [1, 0, 0, 1])
    #expect(x[[2, 1]] == 6)
  }

  @Test func equality() {
    let nan = Tensor<Double>([1], [.nan])
    #expect(nan != nan && nan.isIdentical(to: nan))
    let (plus, minus) = (Tensor<Double>([1], [0]), Tensor<Double>([1], [-0.0]))
    #expect(plus == minus && !plus.isIdentical(to: minus))
    #expect(Tensor<Double>.zeros([2, 3]) != .zeros([3, 2]))
    #expect(Tensor<Double>([1], repeating: -0.0).elements[0].sign == .minus)
  }

  @Test func arithmetic() {
    withEvery("count", in: [0, 1, 15, 16, 17, 100, 5000]) { count in
      let (a, b): (Tensor<Double>, Tensor<Double>) = (normal([count]), normal([count], seed: 2))
      let pairs = Array(zip(a.elements, b.elements))
      #expect((a + b).elements == pairs.map { $0 + $1 })
      #expect((a - b).elements == pairs.map { $0 - $1 })
      #expect(a.scaled(by: 3).elements == a.elements.map { 3 * $0 })
      let scale = max(1, Double(count))
      #expect(abs(a.sum - a.elements.reduce(0, +)) < 1e-14 * scale, "\(currentCase)")
      #expect(abs(a.dot(b) - pairs.reduce(0) { $0 + $1.0 * $1.1 }) < 1e-14 * scale)
      let squares = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      #expect(abs(a.squaredDistance(to: b) - squares) < 1e-14 * scale)
      #expect(abs(a.norm * a.norm - a.dot(a)) < 1e-13 * scale)
    }
    var doubled = x
    doubled.add(doubled, times: 2)
    #expect(doubled.elements == x.elements.map { 3 * $0 })
  }

  @Test func longSumsInFloatAreKeptInDouble() {
    let x = Tensor<Float>([10_000_000], repeating: 0.1)
    // Added up in Float alone it would be 9% off.
    #expect(abs(x.sum / (10_000_000 * Double(Float(0.1))) - 1) < 1e-5)
  }

  @Test func finiteness() {
    #expect(x.isFinite && Tensor<Double>.zeros([0]).isFinite)
    for bad in [Double.nan, .infinity, -.infinity] {
      for place in [0, 16, 36] {
        var y = Tensor<Double>([37], repeating: 1)
        y.update { $0[place] = bad }
        #expect(!y.isFinite)
      }
    }
    #expect(
      Tensor<Float>([2], [Float.greatestFiniteMagnitude, -Float.leastNonzeroMagnitude]).isFinite)
  }

  @Test func conversion() {
    let narrow: Tensor<Float> = Tensor<Double>([2], [0.1, 1e300]).converted()
    #expect(narrow.elements == [0.1, .infinity])
    #expect(address(x.converted(to: Double.self)) == address(x))
  }

  @Test func aThrowingInitializerFreesItsMemory() {
    struct Stop: Error {}
    #expect(throws: Stop.self) { try Tensor<Double>([5]) { _ in throw Stop() } }
  }
}

@Suite struct BufferPoolTests {
  @Test func sizeClassesHoldTheirRequests() {
    var (previous, previousBytes) = (-1, 0)
    for bytes in Array(0...70_000) + (17..<40).flatMap({ [1 << $0 - 1, 1 << $0, 1 << $0 + 1] }) {
      let size = BufferPool.sizeClass(bytes)
      #expect(size.bytes >= bytes && size.bytes % 64 == 0 && size.index < 256)
      // At most an eighth wasted, apart from rounding to 64.
      #expect(Double(size.bytes) <= Double(bytes) * 1.125 + 64)
      // One size a class, in order.
      #expect(size.index >= previous && (size.index > previous) == (size.bytes > previousBytes))
      (previous, previousBytes) = (size.index, size.bytes)
    }
  }

  @Test func tensorsAreAligned() {
    for count in [1, 7, 100, 3000] {
      #expect(Int(bitPattern: address(Tensor<Float>.zeros([count]))) % 64 == 0)
    }
  }
}
