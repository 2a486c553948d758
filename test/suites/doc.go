// Package suites proves `python-wasm -m pytest`: in node, Chromium and under WASI, in several runtimes at once, with pytest's plugins, called by tox and nox.
// All is real, and comes from PyPI by hash.
package suites
