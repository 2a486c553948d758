#!/usr/bin/env bash
# A soak (test/soak) with the data folder of `make test`, in which the toolchain is baked; arguments go to the soak. As
# root: it starts a container engine and a PostgreSQL of its own, beside whatever there is.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
data=${WASMILL_TEST_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test}
if ! command -v dockerd >/dev/null; then scripts/ensure-docker.sh; fi
. scripts/ensure-postgres.sh
mkdir -p "$data"
bin/wasmill toolchain bake --data "$data" pyemscripten_2026_5
go build -trimpath -o bin/soak ./test/soak
exec bin/soak --data "$data" --postgres "$postgres" "$@"
