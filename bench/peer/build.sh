#!/bin/bash
# Builds one source with pyodide-build and writes the seconds that `pyodide build` took. Runs in a container without
# network, which holds the wheels of the locked build requirements: no pip and no uv has to resolve or download.
#
#   build.sh PEER WHEELS WORK     WORK holds src/, patches/ and, where the recipe has one, script; it gets dist/ and
#                                 microseconds
#
# FARM_CFLAGS and FARM_LDFLAGS are what the farm compiles and links with: both sides use the same.
set -eu
peer=$1 wheels=$2 work=$3

export PATH=$peer/venv/bin:$PATH:/usr/lib/llvm-21/bin HOME=$work/home
export PYODIDE_XBUILDENV_PATH=$peer/xbuildenv PYODIDE_SKIP_EMSCRIPTEN_INSTALL=1
export SIDE_MODULE_CFLAGS="$FARM_CFLAGS -I/opt/wasmill/python/include/python$PYTHON" SIDE_MODULE_CXXFLAGS="$FARM_CFLAGS"
export SIDE_MODULE_LDFLAGS="$FARM_LDFLAGS -sSIDE_MODULE=1"
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$wheels PIP_DISABLE_PIP_VERSION_CHECK=1
export UV_NO_INDEX=1 UV_FIND_LINKS=$wheels UV_OFFLINE=1 UV_CACHE_DIR=$peer/uv-cache
if [ "${WITH_UV:-}" ]; then export PATH=$PATH:/opt/wasmill/bin; fi
mkdir -p "$HOME"
cd "$work/src"
for p in "$work"/patches/*; do
  if [ -e "$p" ]; then patch -p1 --quiet -i "$p"; fi
done
# What recipes export in their script, they export to the peer too.
if [ -e "$work/script" ]; then . "$work/script"; fi

begin=$(date +%s%N)
pyodide build . -o "$work/dist"
end=$(date +%s%N)
echo $(((end - begin) / 1000)) > "$work/microseconds"
