internal import AsuraKernels
internal import CHDF5
import Foundation

/// An open HDF5 file.
package struct H5File: Sendable {
  private let handle: H5Handle
  /// The group everything else is in.
  package let root: H5Group

  private init(handle: H5Handle) throws {
    self.handle = handle
    Self.keepFromChildren(handle)
    let root = try H5Handle("open the root group") {
      H5Gopen2(handle.id, "/", asura_h5p_default())
    }
    self.root = H5Group(handle: root)
  }

  /// Creates a file that must not exist yet. With `reusesSpace` it keeps account of the room that
  /// removed members leave, for those that come later.
  ///
  /// With `growsInPlace` the file is one that can be followed and outlives a kill: bookkeeping carries
  /// checksums, and what fits a page of memory never lies across two, so that the system writes it
  /// whole or not at all.
  package static func create(
    _ url: URL, reusesSpace: Bool = false, growsInPlace: Bool = false
  ) throws -> H5File {
    let doing = "create the file"
    let properties = try H5Handle(doing) { H5Pcreate(asura_h5p_file_create()) }
    try HDF5.call(doing) {
      H5Pset_link_creation_order(
        properties.id, UInt32(H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED))
    }
    if reusesSpace {
      try HDF5.call(doing) {
        H5Pset_file_space_strategy(properties.id, H5F_FSPACE_STRATEGY_FSM_AGGR, true, 1)
      }
    }
    let access = try accessProperties(writable: true)
    if growsInPlace {
      try HDF5.call(doing) {
        H5Pset_libver_bounds(access.id, H5F_LIBVER_V110, H5F_LIBVER_V110)
      }
      try HDF5.call(doing) {
        H5Pset_file_space_strategy(properties.id, H5F_FSPACE_STRATEGY_PAGE, false, 1)
      }
      try HDF5.call(doing) { H5Pset_file_space_page_size(properties.id, 4096) }
    }
    return try H5File(
      handle: H5Handle(doing) {
        H5Fcreate(url.path, asura_h5f_exclusive(), properties.id, access.id)
      })
  }

  /// Opens an existing file. One that is being written, or was when its program died, is read as far as
  /// it goes, if its program let it be followed.
  /// - Throws: `TraceError` of kind `missing`, `foreign` (no HDF5 file), or `library`.
  package static func open(_ url: URL, writable: Bool = false) throws -> H5File {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      throw TraceError(.missing, "there is no such file", file: url)
    }
    guard !isFolder.boolValue else { throw TraceError(.foreign, "this is a folder", file: url) }
    guard FileManager.default.isReadableFile(atPath: url.path) else {
      throw TraceError(.inaccessible, "the file may not be read", file: url)
    }
    guard HDF5.locked({ H5Fis_hdf5(url.path) }) > 0 else {
      throw TraceError(.foreign, "this is not an HDF5 file", file: url)
    }
    let access = try accessProperties(writable: writable)
    var flags = HDF5.locked { writable ? asura_h5f_read_write() : asura_h5f_read_only() }
    var attempts = 0
    while true {
      do {
        return try H5File(
          handle: H5Handle("open the file") { H5Fopen(url.path, flags, access.id) })
      } catch let error as TraceError
        where !writable && flags & HDF5.locked(asura_h5f_follow) == 0
        && error.library.contains(where: { $0.contains("already open for write") })
      {
        flags |= HDF5.locked(asura_h5f_follow)
      } catch let error as TraceError
        where error.library.contains(where: { $0.contains("not already open for SWMR writing") })
      {
        throw TraceError(
          .damaged, "the program that wrote this file did not close it",
          advice: "asura-trace recover makes a readable file of it", file: url,
          library: error.library)
      } catch let error as TraceError
        where error.library.contains(where: { $0.contains("unable to lock file") })
      {
        // A child process being started may hold the lock for a moment (see keepFromChildren).
        attempts += 1
        if attempts < 6 {
          usleep(20_000)
          continue
        }
        throw TraceError(
          .inaccessible, "another program has the file open",
          advice: "Wait for it to end", file: url, library: error.library)
      }
    }
  }

  /// Opens a file whose program died for writing: forgets that it was open, and takes its length from the
  /// file system, so that nothing which lies beyond what its program noted last is overwritten.
  package static func openAbandoned(_ url: URL) throws -> H5File {
    let doing = "open the file"
    let access = try accessProperties(writable: true)
    // What h5clear does; both properties exist in every file access list, though no header names them.
    for property in ["clear_status_flags", "skip_eof_check"] {
      var isOn = true
      try HDF5.call(doing) { H5Pset(access.id, property, &isOn) }
    }
    let flags = HDF5.locked { asura_h5f_read_write() }
    let file = try H5File(handle: H5Handle(doing) { H5Fopen(url.path, flags, access.id) })
    try HDF5.call(doing) { H5Fincrement_filesize(file.handle.id, 0) }
    return file
  }

  /// Lets readers follow the file from now on; nothing new can be made in it until it is closed.
  package func beFollowed() throws {
    try HDF5.call("let readers follow the file") { H5Fstart_swmr_write(handle.id) }
  }

  /// Lets no child process inherit the file: it would keep the file's lock for as long as it lives. HDF5 opens files
  /// without the flag that says so.
  private static func keepFromChildren(_ handle: H5Handle) {
    HDF5.locked {
      guard let descriptor = descriptor(handle) else { return }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  /// Has the system begin to bring what was handed to it to the disk, without waiting for it: whoever waits in the end
  /// waits for little then.
  package func beginWriteback() {
    HDF5.locked {
      if let descriptor = Self.descriptor(handle) { asura_begin_writeback(descriptor) }
    }
  }

  /// The system's number of an open file; call it under HDF5's lock.
  private static func descriptor(_ handle: H5Handle) -> Int32? {
    var place: UnsafeMutableRawPointer?
    guard H5Fget_vfd_handle(handle.id, asura_h5p_default(), &place) >= 0 else { return nil }
    return place?.load(as: Int32.self)
  }

  /// Closing a written file closes what is open in it, so that it is whole on disk when `close`
  /// returns. A file being read stays open while anything read from it is in use.
  private static func accessProperties(writable: Bool) throws -> H5Handle {
    let access = try H5Handle("set up file access") { H5Pcreate(asura_h5p_file_access()) }
    let degree = writable ? H5F_CLOSE_STRONG : H5F_CLOSE_WEAK
    try HDF5.call("set up file access") { H5Pset_fclose_degree(access.id, degree) }
    return access
  }

  /// Hands everything written so far to the operating system.
  package func flush() throws {
    try HDF5.call("write to the file") { H5Fflush(handle.id, H5F_SCOPE_GLOBAL) }
  }

  /// Closes the file. Nothing read from it may be used afterwards.
  package func close() throws {
    try HDF5.call("finish writing the file") {
      let code = H5Fclose(handle.id)
      if code < 0 { HDF5.hasFailedClose = true }
      return code
    }
  }
}
