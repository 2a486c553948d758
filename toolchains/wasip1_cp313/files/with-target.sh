#!/bin/sh
# emconfigure, emcmake and emmake as recipes of libraries call them: they start a command in the environment in which configure,
# cmake and make find this target's compiler. Where a configure script is started, it is told that it compiles for another machine.
cross=/opt/wasmill/cross
export CC=$cross/cc CXX=$cross/c++ AR=$cross/ar RANLIB=$cross/ranlib NM=$cross/nm STRIP=$cross/strip LD=$cross/ld
export PKG_CONFIG_PATH= PATH="$cross:$PATH"
program=$1
shift
case "$(basename "$0") $program" in
  emconfigure*configure) exec "$program" --host=wasm32-wasi "$@" ;;
  *) exec "$program" "$@" ;;
esac
