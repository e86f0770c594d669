#!/bin/sh
# All that `make test` checks: formatting, a build without warnings, every test.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)

sh scripts/deps.sh test

echo "Checking the format"
sources=""
for folder in Sources Tests Examples Benchmarks; do
  [ ! -d "$folder" ] || sources="$sources $folder"
done
# shellcheck disable=SC2086 # a list of words
swift format lint --strict --parallel --recursive $sources Package.swift || {
  echo "error: the format isn't the project's; make format sets it right" >&2
  exit 1
}

# The Python readers that our files are checked with.
unset ASURA_PYTHON
if [ ! -f Tests/requirements.txt ]; then
  echo "note: there is no Tests/requirements.txt: tests with Python readers are skipped" >&2
elif sh scripts/venv.sh .venv-test Tests/requirements.txt; then
  export ASURA_PYTHON="$root/.venv-test/bin/python"
else
  echo "note: tests that read our files with Python are skipped" >&2
fi

# Everything is built, the commands included, since tests run them.
mkdir -p .build
log=.build/test-build.log
rm -f .build/test-build.ok
{ swift build -c release --build-tests 2>&1 </dev/null && echo ok >.build/test-build.ok; } | tee "$log"
[ -f .build/test-build.ok ] || exit 1
rm .build/test-build.ok

# Warnings of our own code fail; those of dependencies and of pkg-config aren't ours.
name=$(basename "$root" | tr '[:upper:]' '[:lower:]')
warnings=$(grep -E "^($root/)?(Sources|Tests|Examples|Benchmarks|Package.swift)[^:]*:[0-9]+:[0-9]+: warning:|^warning: '$name': .*(unhandled|identified|exclude|invalid)" \
  "$log" | sort -u || true)
if [ -n "$warnings" ]; then
  # The next build would compile only what changed and say nothing of the rest: make it look again.
  printf '%s\n' "$warnings" | sed -n 's/^\([^:]*\):[0-9].*/\1/p' | sort -u | while read -r file; do
    touch "$file"
  done
  echo "error: the build has warnings:" >&2
  printf '%s\n' "$warnings" >&2
  exit 1
fi

# No test here is XCTest's; Swift Testing's own summary comes last.
exec swift test -c release --skip-build --disable-xctest </dev/null
