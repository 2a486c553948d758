#!/bin/bash
set -eux

# The build takes the system's copy otherwise.
rm -rf vendored && mkdir -p ${SRC_DIR}/generated
sed -i 's/lib64/lib/' setup.cfg   # in place
cp $RECIPE_DIR/config.h ${SRC_DIR}/generated/config.h
echo "version = 1" > src/version.py
export DEMO_JOBS=$CPU_COUNT DEMO_HOME="$PWD/x"
CFLAGS="$CFLAGS $EM_FORGE_SIDE_MODULE_CFLAGS -DNDEBUG"
export LDFLAGS="-s SIDE_MODULE=1 -sWASM_BIGINT -lm"
ARCHFLAGS="" $PYTHON -m pip install . \
    --no-deps -vv
