// Package clients proves with real clients that what the farm serves can be installed: micropip and loadPackage in
// Pyodide under node, pip. It holds tests only.
package clients
