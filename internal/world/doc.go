// Package world says what artifacts require of the runtimes that they run on, and what runtimes provide. Both are lists
// of the same words, so that one can be held against the other: what is missing has a name, and somebody who needs it.
//
// What an artifact requires is read from its bytes. What a runtime provides was measured: probes are small modules and
// programs that either run on it or don't (internal/runtimes), and their results are data in this package.
package world
