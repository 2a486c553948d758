package driver

import (
	"os"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// measure reads what the kernel has counted for the container, under version 2 or version 1 of cgroups. A counter that
// is not there stays 0.
func measure(r *job.Result) {
	r.PeakMemory = max(number("/sys/fs/cgroup/memory.peak"), number("/sys/fs/cgroup/memory/memory.max_usage_in_bytes"))
	r.OOMKills = max(counter("/sys/fs/cgroup/memory.events", "oom_kill"), counter("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"))
	r.RefusedPids = max(counter("/sys/fs/cgroup/pids.events", "max"), counter("/sys/fs/cgroup/pids/pids.events", "max"))
}

func number(file string) int64 {
	data, _ := os.ReadFile(file)
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// counter reads one line of the form "name value".
func counter(file, name string) int64 {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}
