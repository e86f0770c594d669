import AsuraConfiguration

/// The part of all examples that training never sees, for tests where examples are so few that fresh ones would often
/// have been trained on.
///
/// Which part an example belongs to depends on its input alone, whatever the seed, and on no other example.
enum ExamplePart: Equatable {
  case training, validation, test

  /// The part an input belongs to: that share of all inputs for validation, and that for the test.
  init(of input: some Sequence<UInt8>, validation: Double = 0, test: Double) {
    // FNV-1a, which changes little in its upper bits with the last bytes, then the finaliser of MurmurHash3.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in input { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for factor: UInt64 in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
      hash = (hash ^ hash >> 33) &* factor
    }
    let place = Double((hash ^ hash >> 33) >> 11) * 0x1p-53
    self = place < test ? .test : place < test + validation ? .validation : .training
  }
}
