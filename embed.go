// Package wasmill carries the toolchains' folders in the programs, so that an installed one needs no checkout.
package wasmill

import "embed"

// Toolchains is the folder toolchains/.
//
//go:embed toolchains
var Toolchains embed.FS
