#!/usr/bin/env bash
# Tries what is in deploy/, for `make test-deploy`: alerts with promtool, and they and the dashboard against the metrics that exist.
# promtool is built once and kept.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test
mkdir -p "$cache"
version() { (cd "$1" && go list -m -f '{{.Version}}' "$2"); }

promtool=$cache/promtool-$(version tools/deploy github.com/prometheus/prometheus)
# The tag leaves out the clients of all clouds in which Prometheus can look for its targets.
[[ -x $promtool ]] || (cd tools/deploy && go build -tags remove_all_sd -o "$promtool" github.com/prometheus/prometheus/cmd/promtool)
(cd deploy/prometheus && "$promtool" check rules --lint=all --lint-fatal rules.yaml && "$promtool" test rules rules_test.yaml)

(cd tools/deploy && go test -tags remove_all_sd "$@" .)
