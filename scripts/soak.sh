#!/usr/bin/env bash
# A soak (test/soak) with the data folder of `make test`, in which the toolchain is baked; arguments go to the soak. As
# root: it starts a container engine of its own, beside whatever engine there is.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${WASMILL_TEST_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test}
if ! command -v dockerd >/dev/null; then scripts/ensure-docker.sh; fi
mkdir -p "$data"
bin/wasmill toolchain bake --data "$data" pyemscripten_2026_5
go run ./test/soak --data "$data" "$@"
