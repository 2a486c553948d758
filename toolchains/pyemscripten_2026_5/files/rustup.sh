#!/bin/sh
# Stands in for rustup. Recipes call it to get a toolchain and the target; both are part of this image and stay as they are,
# so that a build depends on nothing but its inputs. What it can't do it says, and ends with 1.
target=wasm32-unknown-emscripten

fixed() {
  echo "rustup: $1. The toolchain of this image is fixed: $(rustc --version), with the target $target." >&2
}

targets() {
  for name; do
    case $name in
      -*|add|stable|beta|nightly*|1.*) ;;
      "$target"|x86_64-unknown-linux-gnu) ;;
      *) fixed "there is no target $name"; exit 1 ;;
    esac
  done
}

while [ $# -gt 0 ]; do
  case $1 in
    -q|-v|--quiet|--verbose|+*) shift ;;
    *) break ;;
  esac
done
case $1 in
  --version|-V) echo "rustup 1.28.2 (Wasmill's stand-in)" ;;
  run)
    shift
    while [ "${1#-}" != "$1" ]; do shift; done
    shift
    exec "$@" ;;
  which) command -v "$2" ;;
  show) rustc --version ;;
  target)
    case $2 in
      list) printf '%s (installed)\n' "$target" x86_64-unknown-linux-gnu ;;
      add) shift; targets "$@"; fixed "nothing to add" ;;
      *) fixed "nothing is changed" ;;
    esac ;;
  toolchain|component)
    case $2 in
      list) rustc --version ;;
      *) fixed "nothing is installed or removed" ;;
    esac ;;
  default|install|update|override|set|self|init|uninstall) fixed "nothing is changed" ;;
  "") fixed "no command is given"; exit 1 ;;
  *) fixed "the stand-in does not know $1"; exit 1 ;;
esac
