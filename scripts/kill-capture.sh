#!/bin/sh
# Kills captures at random moments and checks that no committed iteration is lost, that the recovered file is valid,
# and that resuming gives what an uninterrupted capture does.
#   scripts/kill-capture.sh [N]     (200 kills unless N says otherwise)
set -eu
cd "$(dirname "$0")/.."
swift build -c release --build-tests
ASURA_KILLS=${1:-200} swift test -c release --skip-build --disable-xctest \
  --filter 'KillTests/noCommittedIterationIsLost'
