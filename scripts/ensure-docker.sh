#!/usr/bin/env bash
# Makes sure that a Docker engine answers: nothing to do where one does; on Debian and Ubuntu, as root, installs and
# starts one; elsewhere says what to do and exits 3. It may be run as often as one likes. DOCKER_HOST is respected:
# an engine elsewhere is never replaced by one here.
set -euo pipefail

socket=/var/run/docker.sock
log=/var/log/dockerd.log
patience=60 # seconds

say() { echo "docker: $*"; }
give_up() {
  echo "docker: $*" >&2
  exit 3
}

# Asks the engine itself, since a socket file may outlive its engine. perl is part of every Debian.
answers() {
  if [ -n "${DOCKER_HOST:-}" ] && [ "$DOCKER_HOST" != "unix://$socket" ]; then
    timeout 10 docker version >/dev/null 2>&1
  elif command -v curl >/dev/null; then
    curl --silent --fail --max-time 10 --unix-socket "$socket" http://docker/_ping >/dev/null 2>&1
  else
    timeout 10 perl -MIO::Socket::UNIX -e '
      my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
      print $s "GET /_ping HTTP/1.0\r\n\r\n";
      exit !(<$s> =~ / 200 /);' "$socket" 2>/dev/null
  fi
}

wait_until_it_answers() { # while the process $1 lives, if one is given
  for ((i = 0; i < patience * 5; i++)); do
    if answers; then return 0; fi
    if [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; then return 1; fi
    sleep 0.2
  done
  return 1
}

install_engine() {
  say "installing docker.io (apt-get)"
  export DEBIAN_FRONTEND=noninteractive
  local packages=(docker.io iptables ca-certificates)
  apt-get update -qq
  # Without systemd somebody has to mount the control groups that limit containers.
  if [ ! -d /run/systemd/system ] && apt-cache show cgroupfs-mount >/dev/null 2>&1; then packages+=(cgroupfs-mount); fi
  # The recommended packages are for people who build images.
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Starts a dockerd that outlives this script and its terminal.
start_dockerd() {
  local pidfile=/var/run/wasmill-dockerd.pid
  rm -f "$pidfile"
  setsid --fork bash -c 'echo $$ >"$1"; shift; exec dockerd "$@"' - "$pidfile" "$@" </dev/null >>"$log" 2>&1
  until [ -s "$pidfile" ]; do sleep 0.1; done
  wait_until_it_answers "$(cat "$pidfile")" && return 0
  kill "$(cat "$pidfile")" 2>/dev/null || true
  return 1
}

start_engine() {
  if [ -d /run/systemd/system ]; then
    say "starting the service"
    systemctl start docker || true
    wait_until_it_answers && return 0
    give_up "the service does not answer; see: journalctl -u docker"
  fi
  if ! mountpoint -q /sys/fs/cgroup && command -v cgroupfs-mount >/dev/null; then cgroupfs-mount; fi
  say "starting dockerd (log: $log)"
  start_dockerd && return 0
  # Builds have no network. Where the kernel lets nobody filter packets, an engine without bridge does as well.
  say "that failed; starting it without a network bridge"
  start_dockerd --bridge=none --iptables=false --ip6tables=false && return 0
  tail -n 20 "$log" >&2
  give_up "dockerd does not answer; the end of $log is above"
}

if answers; then
  say "the engine answers"
  exit 0
fi
if [ -n "${DOCKER_HOST:-}" ]; then
  give_up "no engine answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST to use one on this machine"
fi
if [ -S "$socket" ] && [ ! -w "$socket" ]; then
  give_up "this user may not use $socket: add it to the group docker (usermod -aG docker $(id -un)) and log in again, or run as root"
fi
if [ "$(id -u)" != 0 ]; then
  give_up "no engine answers at $socket, and only root can start one: run this as root, or install Docker (https://docs.docker.com/engine/install/)"
fi
if ! command -v dockerd >/dev/null; then
  command -v apt-get >/dev/null || give_up "no engine is installed and this is neither Debian nor Ubuntu: see https://docs.docker.com/engine/install/"
  install_engine
fi
# Where the package starts it by itself, it needs a moment.
if [ -d /run/systemd/system ] || ! answers; then start_engine; fi
say "the engine answers"
