#!/usr/bin/env bash
# Fuzzes every reader of files, each for SECONDS (20), from the seeds of tests/fuzz/seeds.py and what
# earlier runs found worth keeping (build/fuzz/corpus). An input that breaks something stays in
# build/fuzz/artifacts, and the exit status is 1.
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-20}
shift || true
case $seconds in
  '' | *[!0-9]*) echo "usage: tests/fuzz/run.sh [SECONDS [TARGET...]]" >&2; exit 2 ;;
esac
ops/setup.sh --fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
[ $# -gt 0 ] || set -- $(cd build/fuzz/bin && ls -- *_fuzz)
python3 tests/fuzz/seeds.py build/fuzz/seeds

fuzz() {  # TARGET
  local corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log
  mkdir -p "$corpus" build/fuzz/artifacts "build/fuzz/seeds/$1"
  if "build/fuzz/bin/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -seed=1 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/artifacts/$1-" \
    "$corpus" "build/fuzz/seeds/$1" >"$log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
  else
    tail -n 40 "$log" >&2
    echo "$1: FAILED; the input is build/fuzz/artifacts/$1-*" >&2
    return 1
  fi
}
export -f fuzz
export seconds
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'
