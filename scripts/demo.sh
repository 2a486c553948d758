#!/usr/bin/env bash
# The whole farm at work, for `make demo`: an engine, an orchestrator with a worker, the toolchain, the recipes, the
# index, and a client that installs from it. Exits 0 only if all of it went well. The farm is left running, so that
# the index can be used; `make stop` ends it.
set -euo pipefail
cd "$(dirname "$0")/.."
wasmill=bin/wasmill
start=$SECONDS
say() { printf '\n\033[1m== %s\033[0m (%d s)\n' "$*" $((SECONDS - start)); }

say "Container engine"
scripts/ensure-docker.sh

say "Toolchain"
$wasmill toolchain bake pyemscripten_2026_5

say "Farm"
scripts/farm.sh start
server=$(scripts/farm.sh address)
echo "the farm answers at $server"

say "Build and test the recipes of recipes/, but for those in Rust: its image takes minutes to make"
built=0
$wasmill submit --wait --server "$server" --recipes recipes '*' '!tag:rust' || built=$?

say "Install from the index with micropip, in node"
installed=0
$wasmill index check --server "$server" --recipes recipes '*' '!tag:rust' || installed=$?

say "Index"
echo "  simple index   $server/simple/"
echo "  Pyodide lock   $server/pyodide-lock.json"
echo "  stop the farm  make stop"
if ((built || installed)); then
  echo "demo: FAILED (build status $built, install status $installed)" >&2
  exit 1
fi
echo "demo: all passed in $((SECONDS - start)) s"
