#!/bin/sh
# python3.15-config of the target, for build systems that ask it for the name and headers of an extension module.
for arg; do
  case $arg in
    --prefix | --exec-prefix) echo /opt/wasmill/python ;;
    --includes | --cflags) echo -I/opt/wasmill/python/include/python3.15 ;;
    --libs | --ldflags | --abiflags) echo ;;
    --extension-suffix) echo .cpython-315-wasm32-emscripten.so ;;
    --configdir) echo /opt/wasmill/python/lib/python3.15/config-3.15-wasm32-emscripten ;;
    --embed) ;;
    *) echo "$0: no option $arg" >&2; exit 1 ;;
  esac
done
