#!/usr/bin/env bash
# All tests, for `make test`: an engine, a registry with the baked toolchain, then every test of the project. What was
# baked and downloaded is kept in $WASMILL_TEST_DATA, so that a second run is quicker; a test that can't run because
# something is missing says so, and the ones that need an engine must not be missing it here.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${WASMILL_TEST_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test}
toolchain=pyemscripten_2026_5
registry=127.0.0.1:7481
scripts/ensure-docker.sh
mkdir -p "$data"

# What packages for WASI are compiled against is a build of its own: the data folder keeps it under its key.
bin/wasmill toolchain bake --data "$data" wasip1_cp313 | tee "$data/baked-wasi.txt"
rm -rf "$data/wasi"
bin/wasmill build --data "$data" --toolchain wasip1_cp313 --reproduce off --out "$data/wasi" cpython-wasi
WASMILL_WASI_PYTHON=$(echo "$data"/wasi/cpython-wasi-*.tar.gz)
export WASMILL_WASI_PYTHON

bin/orchestrator --data "$data" --listen 127.0.0.1:7480 --registry-listen $registry --temporal-listen 127.0.0.1:0 >"$data/test.log" 2>&1 &
orchestrator=$!
trap 'kill $orchestrator 2>/dev/null; wait $orchestrator 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  bin/wasmill up --where --data "$data" >/dev/null 2>&1 && break
  kill -0 $orchestrator 2>/dev/null || { cat "$data/test.log" >&2; exit 3; }
  sleep 0.2
done
bin/wasmill toolchain bake --data "$data" $toolchain | tee "$data/baked.txt"
bin/wasmill toolchain bake --data "$data" --extension chromium $toolchain | tee -a "$data/baked.txt"
image() { echo "$registry/$(awk -v of="$1" '$1 == of { print $2 }' "$data/baked.txt")"; }
WASMILL_BUILD_IMAGE=$(image build) WASMILL_RUNTIME_IMAGE=$(image runtime) WASMILL_BROWSER_IMAGE=$(image chromium)
export WASMILL_BUILD_IMAGE WASMILL_RUNTIME_IMAGE WASMILL_BROWSER_IMAGE WASMILL_TEST_REGISTRY=$registry
WASMILL_WASI_IMAGE=$registry/$(awk '$1 == "build" { print $2 }' "$data/baked-wasi.txt")
WASMILL_WASI_RUNTIME_IMAGE=$registry/$(awk '$1 == "runtime" { print $2 }' "$data/baked-wasi.txt")
export WASMILL_WASI_IMAGE WASMILL_WASI_RUNTIME_IMAGE WASMILL_BIN=$PWD/bin WASMILL_TEST_FARM=http://127.0.0.1:7480
tags='engine integration' timeout=30m
if [[ ${WASMILL_TEST_NIGHTLY:-} ]]; then
  # What takes long: Rust's image is minutes in the making, numpy too.
  tags+=' nightly' timeout=2h
  bin/wasmill toolchain bake --data "$data" --extension rust $toolchain | tee -a "$data/baked.txt"
  WASMILL_RUST_IMAGE=$(image rust)
  export WASMILL_RUST_IMAGE
fi

# Packages one after the other: each may load the machine with containers.
go test -p 1 -timeout $timeout -tags "$tags" "$@" ./...
