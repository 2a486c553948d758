// An app: the interpreter with what is inside it. Without an entry it is Python's own command line, with one all arguments are the
// app's.
#include <Python.h>

#include "entry.h"
#include "files.h"

static int fail(PyStatus status) {
    if (PyStatus_IsExit(status)) return status.exitcode;
    Py_ExitStatusException(status);
}

int main(int argc, char **argv) {
    PyPreConfig before;
    PyConfig config;
    PyStatus status;
    app_open_files();
#ifdef APP_RUN
    PyPreConfig_InitIsolatedConfig(&before);
    PyConfig_InitIsolatedConfig(&config);
    before.utf8_mode = 1;
    status = Py_PreInitialize(&before);
#else
    PyPreConfig_InitPythonConfig(&before);
    PyConfig_InitPythonConfig(&config);
    before.utf8_mode = 1;
    status = Py_PreInitializeFromBytesArgs(&before, argc, argv);
#endif
    if (PyStatus_Exception(status)) return fail(status);
    // What is inside is found without asking the host, whatever PYTHONHOME says.
    status = PyConfig_SetBytesString(&config, &config.home, APP_ROOT);
#ifdef APP_RUN
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.APP_RUN, APP_WHAT);
#endif
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) return fail(status);
    return Py_RunMain();
}
