/* What ffi.h asks of a target, for libffi as Emscripten's wasm32 has it: structures, variadic calls and 64-bit parameters
 * work (FFI_WASM32_EMSCRIPTEN), closures do, Go's and the raw interface do not. Names and numbers are libffi's own
 * (src/wasm/ffitarget.h there): they are the ABI of the functions in the runtime's main module. */
#ifndef LIBFFI_TARGET_H
#define LIBFFI_TARGET_H

#ifndef LIBFFI_H
#error "include ffi.h, which includes this file"
#endif

typedef unsigned long ffi_arg;
typedef signed long ffi_sarg;

typedef enum ffi_abi {
  FFI_FIRST_ABI = 0,
  FFI_WASM32,
  FFI_WASM32_EMSCRIPTEN,
  FFI_LAST_ABI,
  FFI_DEFAULT_ABI = FFI_WASM32_EMSCRIPTEN
} ffi_abi;

#define FFI_CLOSURES 1
#define FFI_GO_CLOSURES 0
#define FFI_TRAMPOLINE_SIZE 4
#define FFI_NATIVE_RAW_API 0
#define FFI_TARGET_SPECIFIC_VARIADIC 1
#define FFI_EXTRA_CIF_FIELDS unsigned int nfixedargs

#endif
