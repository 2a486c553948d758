// Command python-wasm is Python for WebAssembly as a command: what `python` does, in node, in Chromium or under WASI.
// `python-wasm --wasm-help` and docs/python-wasm.md are its manual. Its exit status is that of the Python program, and 2 or 3
// where none could be started (docs/reference/exit-status.md).
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/python"
)

func main() { os.Exit(python.Main(os.Args)) }
