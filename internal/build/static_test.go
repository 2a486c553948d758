package build

import (
	"strings"
	"testing"
)

func TestWhatACompilerSaysOfAPartThatTheTargetLacks(t *testing.T) {
	for line, want := range map[string]string{
		"src/a.cpp:7:3: error: cannot use 'throw' with exceptions disabled":                                                 "C++ exceptions: ",
		"src/a.cpp:9:3: error: cannot use 'try' with exceptions disabled":                                                   "C++ exceptions: ",
		"/opt/x/setjmp.h:13:2: error: Setjmp/longjmp support requires Exception handling support, which is [not yet stand…": "setjmp and longjmp need ",
		"src/a.c:1:10: fatal error: 'spawn.h' file not found":                                                               "",
	} {
		if got := absent(line); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s\nmeans %q, want %q", line, got, want)
		}
	}
}
