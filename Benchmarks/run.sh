#!/bin/sh
# Measures speed against PyTorch in one table; `make bench` sets up and calls this.
#   PYTHON=…/python sh Benchmarks/run.sh [options of asura-bench, such as --quick or --json FILE]
set -eu
cd "$(dirname "$0")/.."
: "${PYTHON:?set it to a Python with scripts/bench-requirements.txt, or run: make bench}"

# Both steer OpenBLAS alone, which is ours: PyTorch's products run on MKL. Without them each side chooses its
# kernels by itself, as on a user's machine.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

weights=$(mktemp -d)
trap 'rm -rf "$weights"' EXIT
trap 'exit 130' INT TERM
swift build -c release --product asura-bench
"$PYTHON" Benchmarks/peer.py make-weights "$weights"
.build/release/asura-bench --python "$PYTHON" --weights "$weights" "$@"
