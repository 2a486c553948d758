# The CMake toolchain file: the platform module beside it, found before any other of that name. CMake reads the module
# again for each language, and it sets normal variables, so nothing that is set only here would stay.
if(NOT "/opt/wasmill/etc/cmake" IN_LIST CMAKE_MODULE_PATH)
  list(PREPEND CMAKE_MODULE_PATH /opt/wasmill/etc/cmake)
endif()
include(/opt/wasmill/etc/cmake/Platform/Emscripten.cmake)
