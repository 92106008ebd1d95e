#!/usr/bin/env bash
# Sets up, builds and runs the tests.
#   tests/run.sh [--slow] [--only REGEX]
# --slow adds the crash loops, soaks and big corpora; --only runs the tests whose name matches.
set -euo pipefail
cd "$(dirname "$0")/.."

slow=0
only=.
while [ $# -gt 0 ]; do
  case "$1" in
    --slow) slow=1 ;;
    --only) only=${2:?"--only needs a regular expression"}; shift ;;
    *) echo "usage: tests/run.sh [--slow] [--only REGEX]" >&2; exit 2 ;;
  esac
  shift
done

step() { printf '\n\033[1m== %s\033[0m (%s s)\n' "$*" "$SECONDS"; }

step "packages"
ops/setup.sh
step "models"
ops/models.sh fetch
step "test clients"
tests/e2e/clients.sh
step "build"
cmake --preset release -DHADAL_TESTS=ON -DHADAL_BENCH=ON >build-release.log 2>&1 || { cat build-release.log >&2; exit 1; }
rm -f build-release.log
cmake --build --preset release
step "tests"
exclude=(-LE slow)
if [ "$slow" = 1 ]; then
  exclude=()
  export HADAL_CRASH_KILLS=200
fi
ctest --test-dir build/release --output-on-failure --timeout 3600 -R "$only" "${exclude[@]}"
step "done"
