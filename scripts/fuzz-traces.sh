#!/bin/sh
# Tries the trace reader on damaged files for some time, with libFuzzer, which comes with Swift:
#   scripts/fuzz-traces.sh SECONDS [FOLDER]
# Inputs are edits to the files in Traces/golden (see Fuzz/FileEdits). What crashes, hangs or takes too much memory is
# left in FOLDER (fuzz-findings), and the inputs that reached new code in FOLDER/corpus.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz-traces.sh SECONDS [FOLDER]}
findings=${2:-fuzz-findings}
mkdir -p "$findings/corpus"

ASURA_FUZZ=1 swift build -c release --scratch-path .build/fuzz --product fuzz-traces -Xswiftc -sanitize=fuzzer

# The order is that of the findings kept in the tests.
export ASURA_FUZZ_SEEDS=Traces/golden/schema-1.h5:Traces/golden/schema-1-paged.h5
export OPENBLAS_NUM_THREADS=1 SWIFT_BACKTRACE=enable=no MALLOC_PERTURB_=165
nice -n 19 .build/fuzz/release/fuzz-traces "$findings/corpus" Tests/AsuraTraceTests/findings \
  -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -timeout=20 -rss_limit_mb=2048 -max_len=400 \
  -artifact_prefix="$findings/" -max_total_time="$seconds" -print_final_stats=1
echo "Findings: $(find "$findings" -maxdepth 1 -type f | wc -l), in $findings"
