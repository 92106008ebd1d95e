#!/usr/bin/env bash
# The clients of the end-to-end tests (openai, grpcio), pinned, in build/clients. Idempotent.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=build/clients
if [ -e "$venv/.complete" ] && cmp -s tests/e2e/requirements.txt "$venv/.complete"; then
  echo "test clients are there"
  exit 0
fi
rm -rf "$venv"
python3 -m venv "$venv" || { echo "python3 -m venv failed: is python3-venv installed?" >&2; exit 1; }
"$venv/bin/pip" install -q --disable-pip-version-check -r tests/e2e/requirements.txt ||
  { echo "the test clients cannot be installed: PyPI is not reachable" >&2; exit 1; }
cp tests/e2e/requirements.txt "$venv/.complete"
