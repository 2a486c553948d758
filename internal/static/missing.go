package static

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reasons tell why nothing on the target defines a symbol, in the order in which they are tried.
var reasons = []struct {
	names *regexp.Regexp
	why   string
}{
	{regexp.MustCompile(`^(_Unwind_\w+|__cxa_(throw|rethrow|allocate_exception|free_exception|begin_catch|end_catch|get_exception_ptr|current_\w*exception\w*|\w*exception_refcount|uncaught_exceptions?)|__gxx_\w+|__wasm_lpad_context|__cpp_exception)$`),
		"C++ exceptions: the target's C++ library is built without them"},
	{regexp.MustCompile(`^(__wasm_(setjmp|longjmp)\w*|_?(sig)?(setjmp|longjmp)|saveSetjmp|testSetjmp|__c_longjmp)$`), "setjmp and longjmp: they need WebAssembly's exceptions, which engines for preview 1 lack"},
	{regexp.MustCompile(`^(v?fork|exec[lv]p?e?|execvpe|wait(pid|3|4)?|kill|killpg|popen|pclose|system|posix_spawn\w*|daemon|[gs]et(p?pgid|sid|pgrp)|setsid|ptrace|prctl)$`), "processes: WASI has none"},
	{regexp.MustCompile(`^(pthread_\w+|sem_\w+|thrd_\w+|mtx_\w+|cnd_\w+|_ZNSt3__2(6thread|5mutex|18condition_variable|15recursive_mutex|11timed_mutex)\w*)$`), "threads: WASI preview 1 has none"},
	{regexp.MustCompile(`^(dl(open|sym|close|error|addr|iterate_phdr))$`), "loading of libraries: on this target everything is linked before it runs"},
	{regexp.MustCompile(`^(socket(pair)?|connect|bind|listen|accept4?|getaddrinfo|freeaddrinfo|gai_strerror|getnameinfo|gethostby\w+|gethostname|getservby\w+|getsockname|getpeername|setsockopt|sendto|recvfrom|sendmsg|recvmsg|if_\w+|getifaddrs|freeifaddrs)$`),
		"sockets: WASI preview 1 opens none"},
	{regexp.MustCompile(`^(sig\w+|raise|alarm|setitimer|getitimer|timer_\w+|pause)$`), "signals: WASI has none"},
	{regexp.MustCompile(`^(get(e?[ug]id|groups|pwnam\w*|pwuid\w*|grnam\w*|grgid\w*|login\w*)|set(e?[ug]id|groups)|f?chown|lchown|f?chmod|umask|initgroups)$`), "users and permissions: WASI has none"},
	{regexp.MustCompile(`^(mremap|mlock\w*|munlock\w*|madvise|mincore|shm\w+|memfd_create|shm_open)$`), "mapped memory: WASI has none, and wasi-libc emulates the plain mmap only"},
	{regexp.MustCompile(`^(get|set)r(limit|usage)|getpriority|setpriority|sched_\w+|getloadavg|sysinfo|uname$`), "the machine and its limits: WASI tells nothing of them"},
	{regexp.MustCompile(`^(open(p)?ty|forkpty|grantpt|unlockpt|ptsname\w*|posix_openpt|tc[gs]et\w+|tcflush|tcdrain|cf[gs]et\w+|ttyname\w*|ctermid)$`), "terminals: WASI has none"},
	{regexp.MustCompile(`^(dup[23]?|pipe2?|mkfifo(at)?|mknod(at)?|f?lockf?|mk[ods]*temps?|tmpfile|tmpnam|chroot|sync|f?statvfs)$`), "parts of POSIX about files that WASI has not: a second descriptor of one file, pipes, locks, temporary files"},
	{regexp.MustCompile(`^_?Py`), "the target's Python does not define it: it is built without this part, or is of another version"},
	{regexp.MustCompile(`^(_Z|__cxa)`), "the target's C++ library does not define it"},
}

const otherwise = "neither the target's system libraries nor Python nor the libraries that the recipe names define it"

// Missing are the symbols of one module that nothing defines.
type Missing struct {
	Module  string
	Symbols []string
}

// Explain says for people what can't work, by reason: each with the symbols that say so, and the modules that want them.
func Explain(all []Missing) []string {
	type group struct{ symbols, modules []string }
	groups := map[string]*group{}
	var order []string
	for _, m := range all {
		for _, s := range m.Symbols {
			why := because(s)
			g := groups[why]
			if g == nil {
				g = &group{}
				groups[why] = g
				order = append(order, why)
			}
			if !slices.Contains(g.symbols, s) {
				g.symbols = append(g.symbols, s)
			}
			if !slices.Contains(g.modules, m.Module) {
				g.modules = append(g.modules, m.Module)
			}
		}
	}
	var lines []string
	for _, why := range order {
		g := groups[why]
		slices.Sort(g.symbols)
		lines = append(lines, fmt.Sprintf("%s want %s (%s)", strings.Join(g.modules, ", "), few(g.symbols), why))
	}
	return lines
}

// Lacking says why the target's C library can't have a symbol; empty for all others.
func Lacking(symbol string) string {
	if why := because(symbol); why != otherwise && !strings.HasPrefix(symbol, "_") && !strings.HasPrefix(symbol, "Py") {
		return why
	}
	return ""
}

func because(symbol string) string {
	for _, r := range reasons {
		if r.names.MatchString(symbol) {
			return r.why
		}
	}
	return otherwise
}

// few are at most eight names.
func few(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
