#!/usr/bin/env bash
# Installs what the build and the services need: Debian 12 packages, nothing else. Idempotent: what is
# there is not asked for again, and a machine that has everything needs neither root nor a network.
#   ops/setup.sh [--runtime | --fuzz]
#     --runtime: without compiler, headers and test tools; --fuzz: with clang, for tests/fuzz/run.sh
set -euo pipefail

runtime=(
  ca-certificates libgrpc++1.51 libprotobuf32 libabsl20220623 libssl3 libgcrypt20 libp11-kit0 librocksdb7.8
  libspdlog1.10 libfmt9 libicu72 libopencc1.1 libroaring0 libarchive13 libpugixml1v5 libgumbo1
  libcmark-gfm0.29.0.gfm.6 libcmark-gfm-extensions0.29.0.gfm.6 libseccomp2 libgomp1 libopenblas0-pthread
  poppler-utils poppler-data liblept5 tesseract-ocr tesseract-ocr-chi-sim tesseract-ocr-chi-tra
  tesseract-ocr-eng python3 python3-pip unzip libopenmpi3 openmpi-bin
)
build=(
  g++ cmake ninja-build ccache pkg-config
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  libfaiss-dev libopenblas-dev librocksdb-dev libssl-dev libgcrypt20-dev libp11-kit-dev libboost-dev
  libspdlog-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libicu-dev
  libopencc-dev libre2-dev libroaring-dev libarchive-dev libpugixml-dev libcmark-gfm-dev
  libcmark-gfm-extensions-dev libgumbo-dev libleptonica-dev libseccomp-dev libgtest-dev libgmock-dev
  libbenchmark-dev python3-venv iproute2 strace libopenmpi-dev softhsm2
)
fuzz=(clang libclang-rt-14-dev)

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
fail() { printf '[setup] ERROR: %s\n' "$*" >&2; exit 1; }

wanted=("${runtime[@]}")
[ "${1:-}" = "--runtime" ] || wanted+=("${build[@]}")
[ "${1:-}" != "--fuzz" ] || wanted+=("${fuzz[@]}")

command -v dpkg-query >/dev/null || fail "this is no Debian system: Debian 12 (bookworm) is expected"
. /etc/os-release
[ "${VERSION_CODENAME:-}" = bookworm ] ||
  say "warning: made and tested on Debian 12 (bookworm), this is ${PRETTY_NAME:-unknown}"

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  say "all ${#wanted[@]} packages are installed"
  exit 0
fi

say "${#missing[@]} packages to install: ${missing[*]}"
[ "$(id -u)" -eq 0 ] || fail "root is needed to install them: run 'sudo ops/setup.sh' once"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/tmp/hadal-apt.log 2>&1 ||
  fail "the package lists cannot be fetched (see /tmp/hadal-apt.log). Offline? Mount a Debian 12 mirror or install media and name it in /etc/apt/sources.list"
apt-get install -y -q --no-install-recommends "${missing[@]}" >>/tmp/hadal-apt.log 2>&1 ||
  { tail -n 5 /tmp/hadal-apt.log >&2; fail "apt-get could not install them (see /tmp/hadal-apt.log)"; }
say "installed"
