// Package probe measures what runtimes provide: it runs small modules and programs on a real runtime, and what becomes of
// each is an answer of a world.Runtime. Nothing is taken from a runtime's documentation or version. The command
// `wasmill runtime probe` uses it; what it found last is data of package world.
package probe
