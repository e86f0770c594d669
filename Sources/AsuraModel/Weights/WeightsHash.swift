extension RecurrentTransformer {
  /// `sha256:` and the digest of the weights in safetensors format, the same that `sha256sum` prints for the
  /// file that `save(to:)` writes.
  public func weightsHash() throws -> String {
    var hash = SHA256()
    hash.update(try safetensors())
    return "sha256:" + hash.finalized().map { String(format: "%02x", $0) }.joined()
  }
}
