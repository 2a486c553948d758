package build

import (
	"strings"
	"testing"
)

func TestWhatACompilerSaysOfAPartThatTheTargetLacks(t *testing.T) {
	for line, want := range map[string]string{
		"src/a.cpp:7:3: error: cannot use 'throw' with exceptions disabled":                                                      "C++ exceptions: ",
		"src/a.cpp:9:3: error: cannot use 'try' with exceptions disabled":                                                        "C++ exceptions: ",
		"/opt/x/setjmp.h:13:2: error: Setjmp/longjmp support requires Exception handling support, which is [not yet stand…":      "setjmp and longjmp need ",
		"src/a.c:1:10: fatal error: 'spawn.h' file not found":                                                                    "WASI has nothing of what this header",
		"src/a.c:1:10: fatal error: 'linux/ethtool.h' file not found":                                                            "WASI has nothing of what this header",
		"src/a.c:1:10: fatal error: 'sys/wait.h' file not found":                                                                 "WASI has nothing of what this header",
		"src/a.c:1:10: fatal error: 'yaml.h' file not found":                                                                     "",
		"src/a.c:1:10: fatal error: 'spawning.h' file not found":                                                                 "",
		"src/a.c:4:3: error: call to undeclared function 'fork'; ISO C99 and later do not support implicit…":                     "processes: ",
		"src/a.c:4:3: error: call to undeclared function 'dup'; ISO C99 and later do not support implicit…":                      "parts of POSIX about files",
		"src/a.cpp:4:3: error: use of undeclared identifier 'getuid'":                                                            "users and permissions: ",
		"src/a.c:4:3: error: call to undeclared function 'PyUnicode_READY'; ISO C99 and later do not support…":                   "",
		"src/a.c:4:3: error: call to undeclared function 'my_own'; ISO C99 and later do not support…":                            "",
		"src/a.cpp:4:8: error: no type named 'mutex' in namespace 'std'":                                                         "threads in C++: ",
		"c++/v1/thread:96:4: error: \"<thread> is not supported since libc++ has been configured without support for threads.\"": "threads in C++: ",
	} {
		if got := absent(line); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s\nmeans %q, want %q", line, got, want)
		}
	}
}
