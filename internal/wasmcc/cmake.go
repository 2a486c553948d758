package wasmcc

import (
	"slices"
	"strings"
)

// planCMake adds the toolchain file where cmake configures. In its other modes cmake refuses -D.
func planCMake(args []string) []string {
	if len(args) > 0 && args[0] == "--build" {
		return boundJobs(args)
	}
	other := []string{"--build", "--install", "--open", "-P", "-E", "--workflow", "--version", "-version", "--help", "-N", "--find-package"}
	given := func(option string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, option) })
	}
	if len(args) == 0 || given("--help") || slices.ContainsFunc(args, func(a string) bool { return slices.Contains(other, a) }) {
		return args
	}
	var ours []string
	if !given("-DCMAKE_TOOLCHAIN_FILE") {
		ours = append(ours, "-DCMAKE_TOOLCHAIN_FILE="+CMakeFile)
	}
	// CMake looks for C++20 modules in whatever is C++20, with a program that the toolchain does not have.
	if !given("-DCMAKE_CXX_SCAN_FOR_MODULES") {
		ours = append(ours, "-DCMAKE_CXX_SCAN_FOR_MODULES=OFF")
	}
	return slices.Concat(ours, args)
}

// boundJobs drops a --parallel without a number. It lets make start all compilers at once, which takes more memory than a
// container has; without it CMAKE_BUILD_PARALLEL_LEVEL holds.
func boundJobs(args []string) []string {
	var kept []string
	for i, a := range args {
		if a == "--" {
			return append(kept, args[i:]...)
		}
		if number := i+1 < len(args) && isNumber(args[i+1]); (a == "--parallel" || a == "-j") && !number {
			continue
		}
		kept = append(kept, a)
	}
	return kept
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
