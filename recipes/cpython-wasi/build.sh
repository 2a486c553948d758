# Builds CPython for WASI as its own Tools/wasm/wasi.py does, with the machine's Python of the same version in the place of one
# that is compiled first. What it installs:
#   include/python3.13            headers
#   lib/libpython3.13.a           the interpreter with all its built-in modules, and the libraries that these bring along
#   lib/python313.zip             the standard library, with byte code
#   lib/sysconfigdata             what build backends ask
#   bin/python.wasm               the interpreter itself
set -euo pipefail
cross=/opt/wasmill/cross
out=$WASM_LIBRARY_DIR
version=$PYMAJOR.$PYMINOR
export CC=$cross/cc CXX=$cross/c++ AR=$cross/ar RANLIB=$cross/ranlib PKG_CONFIG=/bin/false
mkdir cross-build
cd cross-build

# Without test modules, which nobody imports; without pip, which has nobody to start. memfd_create is declared beside what
# wasi-libc emulates of mmap, and nowhere defined. Python has stubs of threads, and configure must find no others.
CFLAGS=-U_WASI_EMULATED_PTHREAD CONFIG_SITE=../Tools/wasm/config.site-wasm32-wasi ZLIB_CFLAGS="-I$out/include" ZLIB_LIBS="-L$out/lib -lz" \
  ../configure --host=wasm32-wasip1 --build=x86_64-pc-linux-gnu --with-build-python="/usr/bin/python$version" --prefix=/usr/local \
  --disable-test-modules --without-ensurepip OPT=-DNDEBUG ac_cv_func_memfd_create=no
make -j"$PYODIDE_JOBS" all

mkdir -p "$out/include/python$version" "$out/lib/sysconfigdata" "$out/bin" "$out/lib/pkgconfig"
cp -R ../Include/. "$out/include/python$version"
cp pyconfig.h "$out/include/python$version"
# What is compiled for this Python may well mention threads.
sed 's/-U_WASI_EMULATED_PTHREAD *//g' build/lib.wasi-wasm32-"$version"/_sysconfigdata__wasi_wasm32-wasi.py >"$out/lib/sysconfigdata/_sysconfigdata__wasi_wasm32-wasi.py"
cp python.wasm "$out/bin"

# One archive: who links it wants all of it, and the names of the parts are nobody else's business.
{
  echo "CREATE $out/lib/libpython$version.a"
  for library in "libpython$version.a" Modules/_decimal/libmpdec/libmpdec.a Modules/_hacl/libHacl_Hash_SHA2.a Modules/expat/libexpat.a "$out/lib/libz.a"; do
    echo "ADDLIB $library"
  done
  echo SAVE
  echo END
} | "$AR" -M

cat >"$out/lib/pkgconfig/python-$version.pc" <<END
prefix=$out
includedir=\${prefix}/include

Name: Python
Description: headers of Python $version for WASI
Version: $version
Cflags: -I\${includedir}/python$version
Libs:
END
cp "$out/lib/pkgconfig/python-$version.pc" "$out/lib/pkgconfig/python3.pc"
"/usr/bin/python$version" -I "$PKGDIR/stdlib.py" ../Lib "$out/lib/sysconfigdata" "$out/lib/python${version/./}.zip"
