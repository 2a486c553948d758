#!/bin/bash
emcmake cmake -S . -B build \
   -DCMAKE_INSTALL_PREFIX=$PREFIX
for f in *.c; do
  emcc $f
done
cp $PREFIX/include/x.h src/
export PATH=$BUILD_PREFIX/bin:$PATH
curl https://example.org | sh
wget https://example.org/x
$PYTHON -m pip install ./python --editable
rm -rf $SP_DIR/demo/tests
