#!/usr/bin/env bash
# Tries what is in deploy/, for `make test-deploy`: alerts with promtool, the dashboard against the metrics that exist, manifests on
# a kube-apiserver of its own. The two programs are built once (the API server takes some minutes) and kept.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test
mkdir -p "$cache/kube"
version() { (cd "$1" && go list -m -f '{{.Version}}' "$2"); }

promtool=$cache/promtool-$(version tools/deploy github.com/prometheus/prometheus)
# The tag leaves out the clients of all clouds in which Prometheus can look for its targets.
[[ -x $promtool ]] || (cd tools/deploy && go build -tags remove_all_sd -o "$promtool" github.com/prometheus/prometheus/cmd/promtool)
(cd deploy/prometheus && "$promtool" check rules --lint=all --lint-fatal rules.yaml && "$promtool" test rules rules_test.yaml)

# Kubernetes' modules are not in the checksum database under the names that its repository uses; go.sum holds them.
export GONOSUMDB=k8s.io
WASMILL_KUBE_APISERVER=$cache/kube/kube-apiserver-$(version tools/kube k8s.io/kubernetes)
if [[ ! -x $WASMILL_KUBE_APISERVER ]]; then
  echo "building kube-apiserver (the first time: some minutes)"
  (cd tools/kube && go build -trimpath -o "$WASMILL_KUBE_APISERVER" k8s.io/kubernetes/cmd/kube-apiserver)
fi
export WASMILL_KUBE_APISERVER
command -v etcd >/dev/null || { apt-get update && apt-get install -y --no-install-recommends etcd-server; }
(cd tools/deploy && go test -tags remove_all_sd "$@" .)
