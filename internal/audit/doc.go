// Package audit holds wheels against the ABI that they are tagged for, from their bytes alone: what their modules import
// against what the runtime's main module, its JavaScript and the libraries in the wheel provide, the instructions
// against what the ABI's engines know, and the wheel's own papers against its files. What is wrong is a finding of a named
// rule; nothing is run, fetched or written. The farm audits what it builds, the command `wasmill audit` anybody's wheel.
//
// Findings are forecasts of what the loader of Emscripten (loadWebAssemblyModule in libdylink.js) and Pyodide will do;
// docs/reference/audit.md says for each rule what happens to a wheel that breaks it.
package audit
