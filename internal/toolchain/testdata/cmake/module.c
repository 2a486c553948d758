#include <Python.h>
int part(int);
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "module"};
PyMODINIT_FUNC PyInit_module(void) { return part(1) ? PyModule_Create(&def) : NULL; }
