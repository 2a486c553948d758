# The CMake toolchain file: the platform module beside it, found before any other of that name.
if(NOT "/opt/wasmill/etc/cmake" IN_LIST CMAKE_MODULE_PATH)
  list(PREPEND CMAKE_MODULE_PATH /opt/wasmill/etc/cmake)
endif()
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_CROSSCOMPILING_EMULATOR /opt/wasmill/bin/run CACHE FILEPATH "what runs the target's programs")

set(CMAKE_C_COMPILER /opt/wasmill/cross/cc)
set(CMAKE_CXX_COMPILER /opt/wasmill/cross/c++)
foreach(_tool AR RANLIB NM)
  string(TOLOWER ${_tool} _name)
  set(CMAKE_${_tool} /opt/wasmill/cross/${_name} CACHE FILEPATH "")
endforeach()
foreach(_lang C CXX)
  set(CMAKE_${_lang}_COMPILER_AR ${CMAKE_AR} CACHE FILEPATH "")
  set(CMAKE_${_lang}_COMPILER_RANLIB ${CMAKE_RANLIB} CACHE FILEPATH "")
endforeach()

# Libraries that recipes bring lie in $WASM_LIBRARY_DIR; what the build machine's own compiler uses is no library of the target.
list(APPEND CMAKE_PREFIX_PATH "$ENV{WASM_LIBRARY_DIR}")
set(CMAKE_SYSTEM_IGNORE_PATH
  /usr/include /usr/include/x86_64-linux-gnu /usr/lib /usr/lib/x86_64-linux-gnu /lib /lib/x86_64-linux-gnu)

# FindPython asks no interpreter when cross-compiling.
foreach(_prefix Python Python3)
  set(${_prefix}_INCLUDE_DIR $ENV{PYTHONINCLUDE})
  set(${_prefix}_SOABI cpython-313-wasm32-wasi)
endforeach()
# The same for the older modules, of CMake and of pybind11.
set(PYTHON_INCLUDE_DIR $ENV{PYTHONINCLUDE})
set(PYTHON_MODULE_EXTENSION .cpython-313-wasm32-wasi.so)
