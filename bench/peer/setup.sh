#!/bin/bash
# Makes what pyodide-build needs to build with the toolchain image it runs in: its own environment, and a cross-build
# environment, which it would otherwise download together with a compiler of its own. Runs once, in a container without
# network, and reads what the versions are from the environment: PYTHON ("3.15"), PYODIDE, EMSCRIPTEN, ABI ("2026_5").
#
#   setup.sh WHEELS PEER      WHEELS holds the wheels of pyodide-build, PEER is the folder to fill
set -eu
wheels=$1 peer=$2
toolchain=/opt/wasmill/python

"python$PYTHON" -m venv --without-pip "$peer/venv"
# To byte code at once, so that the measured runs start as they would after any first one.
/opt/wasmill/bin/uv pip install --quiet --offline --no-index --no-deps --no-cache --compile-bytecode \
  --python "$peer/venv/bin/python" "$wheels"/*.whl

# The layout is that of pyodide-build's downloads (pyodide_build/xbuildenv.py).
root=$peer/xbuildenv/$PYODIDE/xbuildenv
install=$root/pyodide-root/cpython/installs/python-$PYTHON
mkdir -p "$install/lib" "$root/site-packages-extras" "$root/pyodide-root/dist" "$root/pyodide-root/tools"
ln -s $toolchain/include $toolchain/sysconfigdata "$install/"
ln -s $toolchain/lib/pkgconfig "$install/lib/"
: > "$root/requirements.txt"
: > "$root/pyodide-root/tools/constraints.txt"
echo "{\"info\": {\"version\": \"$PYODIDE\"}, \"packages\": {}}" > "$root/pyodide-root/dist/pyodide-lock.json"
touch "$peer/xbuildenv/$PYODIDE/.installed"
printf %s "$PYTHON" > "$peer/xbuildenv/$PYODIDE/.build-python-version"
ln -s "$PYODIDE" "$peer/xbuildenv/xbuildenv"

# It runs `make .output_vars` and reads the variables.
cat > "$root/pyodide-root/Makefile.envs" <<MAKEFILE
export PYVERSION = $PYTHON
export PYMAJOR = ${PYTHON%%.*}
export PYMINOR = ${PYTHON#*.}
export PYMICRO = 0
export PYODIDE_VERSION = $PYODIDE
export PYODIDE_ABI_VERSION = $ABI
export PYODIDE_EMSCRIPTEN_VERSION = $EMSCRIPTEN
export PLATFORM_TRIPLET = wasm32-emscripten
export SYSCONFIG_NAME = _sysconfigdata__emscripten_wasm32-emscripten
export CPYTHONROOT = \$(PYODIDE_ROOT)/cpython
export CPYTHONINSTALL = \$(CPYTHONROOT)/installs/python-\$(PYVERSION)
export TARGETINSTALLDIR = \$(CPYTHONINSTALL)
export SYSCONFIGDATA_DIR = \$(CPYTHONINSTALL)/sysconfigdata
export PYTHONINCLUDE = \$(CPYTHONINSTALL)/include/python\$(PYVERSION)
export CFLAGS_BASE =
export CXXFLAGS_BASE =
export LDFLAGS_BASE =
export PYODIDE_ZIP_COMPRESSION_LEVEL = 6
export PIP_CONSTRAINT = \$(PYODIDE_ROOT)/tools/constraints.txt

.output_vars:
	set
MAKEFILE
