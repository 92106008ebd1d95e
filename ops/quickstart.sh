#!/usr/bin/env bash
# From a fresh Debian 12 machine to a cited answer: packages, build, models, appliance up, the sample
# documents in, four questions asked, the audit log verified. Everything is fetched before the first
# service starts; the services need no network. Idempotent: a second run takes seconds.
#   ops/quickstart.sh [--data DIR] [--keep-running]
set -euo pipefail
cd "$(dirname "$0")/.."

data=$PWD/hadal-data
keep=0
while [ $# -gt 0 ]; do
  case "$1" in
    --data) data=${2:?"--data needs a folder"}; shift ;;
    --keep-running) keep=1 ;;
    -h|--help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "usage: ops/quickstart.sh [--data DIR] [--keep-running]" >&2; exit 2 ;;
  esac
  shift
done
data=$(realpath -m "$data")
bin=$PWD/build/release/bin

step() { printf '\n\033[1m== %s\033[0m (%s s)\n' "$*" "$SECONDS"; }
hadal() { "$bin/hadal" "$@" --data "$data"; }

step "1/6 packages"
ops/setup.sh
step "2/6 build (the first time takes a while)"
cmake --preset release -DHADAL_TESTS=OFF -DHADAL_BENCH=OFF >/dev/null
cmake --build --preset release
step "3/6 models"
ops/models.sh fetch
step "4/6 appliance"
hadal down >/dev/null
hadal up --detach
[ "$keep" = 1 ] || trap 'hadal down' EXIT

step "5/6 sample documents"
kb=samples
hadal kb ls -o json | grep -q "\"id\":\"$kb\"" || hadal kb create "$kb" --description "Sample documents of four domains"
hadal kb add "$kb" --manifest deploy/samples/manifest.jsonl
python3 ops/eval/make_users.py --hadal "$bin/hadal" --data "$data" deploy/samples/users.jsonl

step "6/6 four questions"
python3 ops/eval/ask_samples.py --hadal "$bin/hadal" --data "$data" --kb "$kb" --quickstart

step "audit log"
hadal audit verify
cat <<TXT

Where to go next
  $bin/hadal status --data $data
  $bin/hadal ask "…" --kb $kb --data $data
  README.md (a first session), docs/operate/ (keys, users, backup), https endpoint: hadal status
TXT
if [ "$keep" = 1 ]; then echo "The appliance keeps running; stop it with: $bin/hadal down --data $data"; fi
