#!/usr/bin/env bash
# farm.sh start|stop|address: the farm that `make demo` leaves running, found by its data folder.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${WASMILL_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/wasmill}
address() { bin/wasmill up --where --data "$data"; }
case ${1:-} in
start)
  address >/dev/null 2>&1 && exit 0
  mkdir -p "$data"
  setsid nohup bin/wasmill up --data "$data" >"$data/up.log" 2>&1 </dev/null &
  for _ in $(seq 300); do
    address >/dev/null 2>&1 && exit 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  echo "the farm did not start; its log ($data/up.log) ends:" >&2
  tail -n 20 "$data/up.log" >&2
  exit 3
  ;;
stop)
  pid=$(bin/wasmill up --where --json --data "$data" 2>/dev/null | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
  [[ -n $pid ]] || { echo "no farm is running"; exit 0; }
  kill "$pid"
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || { echo "stopped"; exit 0; }
    sleep 0.1
  done
  echo "process $pid does not stop" >&2
  exit 3
  ;;
address) address ;;
*) echo "usage: $0 start|stop|address" >&2; exit 2 ;;
esac
