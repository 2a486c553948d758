// Package suites proves `python-wasm -m pytest`: in several runtimes, with pytest's plugins, called by tox and nox.
// All is real, and comes from PyPI by hash.
package suites
