internal import CHDF5

/// The HDF5 library traces are read and written with.
public enum TraceLibrary {
  /// Its version, such as `1.10.8`.
  public static let version: String = {
    var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
    H5get_libversion(&major, &minor, &release)
    return "\(major).\(minor).\(release)"
  }()
}
