# Emscripten's own platform module, with the farm's compiler wrapper in place of emcc.

# Known already: saves starts of emcc in each configure and each try_compile.
set(EMSCRIPTEN_VERSION 6.0.5)
set(CMAKE_C_COMPILER_VERSION 21.1.8)
set(CMAKE_CXX_COMPILER_VERSION 21.1.8)

set(CMAKE_CROSSCOMPILING_EMULATOR /opt/wasmill/bin/run CACHE FILEPATH "what runs the target's programs")

set(_pkg_config_libdir "$ENV{PKG_CONFIG_LIBDIR}")
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)
set(ENV{PKG_CONFIG_LIBDIR} "${_pkg_config_libdir}")

set(CMAKE_C_COMPILER /opt/wasmill/cross/cc)
set(CMAKE_CXX_COMPILER /opt/wasmill/cross/c++)
foreach(_tool AR RANLIB NM)
  string(TOLOWER ${_tool} _name)
  set(CMAKE_${_tool} /opt/wasmill/cross/${_name})
endforeach()
foreach(_lang C CXX)
  set(CMAKE_${_lang}_COMPILER_AR ${CMAKE_AR})
  set(CMAKE_${_lang}_COMPILER_RANLIB ${CMAKE_RANLIB})
endforeach()
set(CMAKE_SYSTEM_PROCESSOR wasm32)

# The search root is the sysroot; libraries that recipes bring and packages of the build environment lie outside it.
foreach(_what LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${_what} BOTH)
endforeach()

# What the build machine's own compiler uses is no library of the target. (Programs are looked for elsewhere.)
set(CMAKE_SYSTEM_IGNORE_PATH
  /usr/include /usr/include/x86_64-linux-gnu /usr/lib /usr/lib/x86_64-linux-gnu /lib /lib/x86_64-linux-gnu)

# FindPython is to take the headers from here, and the names of extension modules from the target's own python3.15-config:
# it asks no interpreter when cross-compiling, and looks for no such program where the headers are given.
foreach(_prefix Python Python3)
  set(${_prefix}_INCLUDE_DIR /opt/wasmill/python/include/python3.15)
  set(_${_prefix}_CONFIG /opt/wasmill/python/bin/python3.15-config CACHE INTERNAL "")
  set(_${_prefix}_CONFIG_LAUNCHER /opt/wasmill/python/bin/python3.15-config)
endforeach()
# The same for the older modules, of CMake and of pybind11.
set(PYTHON_INCLUDE_DIR /opt/wasmill/python/include/python3.15)
set(PYTHON_MODULE_EXTENSION .cpython-315-wasm32-emscripten.so)

# Extension modules are side modules, shared libraries in CMake's words. A static library may end in one, so all code is
# position independent.
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS TRUE)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
