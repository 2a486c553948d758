/* In the place of the C library's, which WASI has only with WebAssembly's exceptions: setjmp is gone through once, and longjmp ends the
 * program with words instead of returning to it. */
#ifndef WASMILL_SETJMP_H
#define WASMILL_SETJMP_H

#include <stdio.h>
#include <stdlib.h>

typedef int jmp_buf[1];

#define setjmp(buf) ((void)(buf), 0)

static inline _Noreturn void longjmp(jmp_buf buf, int value) {
    (void)buf;
    fprintf(stderr, "glpk: error %d: under WASI it can't return to its caller\n", value);
    abort();
}

#endif
