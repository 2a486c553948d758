// Package wasi runs programs for WASI preview 1 in this process, with wazero: what they may see is their arguments,
// their environment, three streams and the folders that are opened for them, and what they may use is bounded. How a
// program ends is a Result, whatever it does; an error means that it was never run, or that somebody stopped it.
//
// wazero bounds a module's memory and time. What it leaves open is closed here, each with a test that runs a hostile
// module:
//
//   - wazero.DirFS joins paths as text, so that a symbolic link leads out of a folder. Here each folder is an os.Root.
//   - A table may grow to 2^32 entries of 8 bytes, whatever the memory's limit is: modules get maxima for their tables.
//   - fd_renumber to a large number grows the table of open files to it: large numbers are refused.
//   - A sleep in poll_oneoff and a read of standard input don't hear of the context: those here do.
//
// This is one wall. wazero compiles to machine code, and a fault in a compiler is a way out; compiling also can't be
// stopped. So a farm runs foreign modules inside a container as well (docs/decisions/0032-wasi-sandbox.md).
package wasi
