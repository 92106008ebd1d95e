#!/bin/sh
# Fetches, assembles and checks the default models; see `ops/models.sh --help`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v python3 >/dev/null 2>&1; then
  echo "models: python3 is missing; run ops/setup.sh, or: apt-get install python3 python3-pip" >&2
  exit 1
fi
exec python3 -B "$here/models/main.py" "$@"
