#!/usr/bin/env bash
# Builds the fuzz targets with the stable toolchain and runs one for FUZZ_SECONDS (600): `run.sh`,
# `run.sh salesforce`, `square` or `vagaro`. What was learnt stays in target/fuzz/corpus; a finding is written to
# target/fuzz/findings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${FUZZ_SECONDS:-600}
host=$(rustc -vV | sed -n 's/^host: //p')
work=$root/target/fuzz
target=${1:-webhook}
case $target in
  webhook) corpus=$work/corpus seeds=$here/seeds dictionary=$here/hubspot_webhook.dict ;;
  salesforce)
    corpus=$work/corpus_salesforce seeds=$here/seeds_salesforce
    dictionary=$here/salesforce_webhook.dict
    ;;
  square)
    corpus=$work/corpus_square seeds=$here/seeds_square
    dictionary=$here/square_webhook.dict
    ;;
  vagaro)
    corpus=$work/corpus_vagaro seeds=$here/seeds_vagaro
    dictionary=$here/vagaro_webhook.dict
    ;;
  *)
    echo "no such target: $target" >&2
    exit 2
    ;;
esac
mkdir -p "$corpus" "$work/findings"

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
exec "$work/build/$host/release/$target" \
  -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
  -dict="$dictionary" -artifact_prefix="$work/findings/" -print_final_stats=1 \
  "$corpus" "$seeds"
