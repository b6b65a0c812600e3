#!/usr/bin/env bash
# Builds the fuzz target with the stable toolchain and runs it for FUZZ_SECONDS (600).
# What was learnt stays in target/fuzz/corpus; a finding is written to target/fuzz/findings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${FUZZ_SECONDS:-600}
host=$(rustc -vV | sed -n 's/^host: //p')
work=$root/target/fuzz
mkdir -p "$work/corpus" "$work/findings"

# LLVM's coverage pass, which the stable compiler takes as well: counters per edge, and the values
# that are compared. The flags reach only what is built for the target, so build scripts, which link
# without libFuzzer, are left alone.
flags="-Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
done
cd "$here"
RUSTFLAGS="$flags --cfg fuzzing" CARGO_TARGET_DIR="$work/build" \
  cargo build --release --target "$host"
exec "$work/build/$host/release/webhook" \
  -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
  -dict="$here/hubspot_webhook.dict" -artifact_prefix="$work/findings/" -print_final_stats=1 \
  "$work/corpus" "$here/seeds"
