// Package wasmill carries the toolchains' folders, and the recipes of their interpreters, in the programs, so that an installed one needs no
// checkout.
package wasmill

import "embed"

// Toolchains is the folder toolchains/.
//
//go:embed toolchains
var Toolchains embed.FS

// Recipes is the folder recipes/, with what toolchains themselves need: their interpreter, and what it needs.
//
//go:embed recipes/cpython-wasi recipes/libzlib
var Recipes embed.FS
