# Emscripten's own toolchain file, with the farm's compiler wrapper in place of emcc.

# Known already: saves two starts of emcc in each configure and each try_compile.
set(EMSCRIPTEN_VERSION 6.0.5)
set(CMAKE_C_COMPILER_VERSION 21.1.8)
set(CMAKE_CXX_COMPILER_VERSION 21.1.8)

set(_pkg_config_libdir "$ENV{PKG_CONFIG_LIBDIR}")
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)
set(ENV{PKG_CONFIG_LIBDIR} "${_pkg_config_libdir}")

# After the include, which sets these as normal variables.
set(CMAKE_C_COMPILER /opt/wasmill/cross/cc)
set(CMAKE_CXX_COMPILER /opt/wasmill/cross/c++)
set(CMAKE_AR /opt/wasmill/cross/ar)
set(CMAKE_RANLIB /opt/wasmill/cross/ranlib)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

# The search root is the sysroot; libraries that recipes bring and packages of the build environment lie outside it.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
set(CMAKE_LIBRARY_ARCHITECTURE "")

set(_python /opt/wasmill/python/include/python3.15)
foreach(_prefix Python Python3)
  set(${_prefix}_INCLUDE_DIR ${_python})
  set(${_prefix}_INCLUDE_DIRS ${_python})
  set(${_prefix}_SOABI cpython-315-wasm32-emscripten)
endforeach()
set(PYTHON_INCLUDE_DIR ${_python})
set(PYTHON_INCLUDE_DIRS ${_python})
set(PYTHON_MODULE_EXTENSION .cpython-315-wasm32-emscripten.so)

# Extension modules are side modules: shared libraries in CMake's words.
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS TRUE)
