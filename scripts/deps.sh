#!/bin/sh
# Makes sure that what ASURA builds on is there, and installs what is missing, with apt or Homebrew.
#   scripts/deps.sh         for the build
#   scripts/deps.sh test    for the tests too (their Python readers)
#   scripts/deps.sh bench   for the benchmarks too
set -eu
purpose=${1:-build}

fail() {
  echo "error: $1" >&2
  echo "  $2" >&2
  exit 1
}

# --- Swift

command -v swift >/dev/null || fail "Swift isn't installed (or not on PATH)" \
  "install Swift 6.1 or later: https://www.swift.org/install"
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
major=${version%%.*}
minor=${version#*.}
if [ "${major:-0}" -lt 6 ] || { [ "$major" -eq 6 ] && [ "${minor:-0}" -lt 1 ]; }; then
  fail "Swift ${version:-of an unknown version} is too old: 6.1 or later is needed" \
    "install a newer one: https://www.swift.org/install"
fi

# --- Libraries: what builds need and, apart, what only makes tests more thorough

if [ "$(uname)" = Darwin ]; then
  command -v brew >/dev/null || fail "Homebrew isn't installed" "install it: https://brew.sh"
  has() { brew list --versions "$1" >/dev/null; }
  required="" wanted=""
  for formula in pkgconf hdf5 openblas arpack zlib; do has "$formula" || required="$required $formula"; done
  [ "$purpose" = build ] || command -v python3 >/dev/null || wanted="python"
  install() { brew install "$@" </dev/null; }
else
  has() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
  required="" wanted=""
  command -v pkg-config >/dev/null || required="$required pkg-config"
  has hdf5 || required="$required libhdf5-dev"
  has openblas || required="$required libopenblas-dev"
  has arpack || required="$required libarpack2-dev"
  has zlib || required="$required zlib1g-dev"
  if [ "$purpose" != build ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || wanted="$wanted python3-venv"
    command -v h5dump >/dev/null || wanted="$wanted hdf5-tools"
  fi
  install() {
    command -v apt-get >/dev/null || fail "not installed:$(printf ' %s' "$@")" \
      "apt-get isn't here to install them: find the like of these Debian packages for your system"
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null || fail "not installed:$(printf ' %s' "$@")" \
        "as root: apt-get install$(printf ' %s' "$@")"
      # Without a terminal nobody can type a password: better to fail than to wait.
      if [ -t 0 ]; then sudo="sudo"; else sudo="sudo -n"; fi
    fi
    $sudo apt-get update -qq </dev/null || true
    $sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends "$@" </dev/null
  }
fi

if [ -n "$required" ]; then
  echo "Installing$required"
  # shellcheck disable=SC2086 # a list of words
  install $required || fail "could not install$required" \
    "see the messages above, or install them yourself and try again"
fi
if [ -n "$wanted" ]; then
  echo "Installing $wanted"
  # shellcheck disable=SC2086
  (install $wanted) || echo "note: without $wanted some tests are skipped" >&2
fi
