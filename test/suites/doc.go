// Package suites proves `python-wasm -m pytest`: in several runtimes, and with pytest's plugins. All is real, and comes from PyPI by hash.
package suites
