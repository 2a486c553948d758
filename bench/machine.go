package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine says what was measured on, without names that identify it.
type machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor"`
	Memory    int64  `json:"memory_bytes"`
	System    string `json:"system"`
	// Load is the load average over a minute when the benchmark began: on a busy machine the figures mean little.
	Load float64 `json:"load"`
}

func describeMachine() machine {
	m := machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	m.Processor = field("/proc/cpuinfo", "model name")
	m.Memory = kilobytes(field("/proc/meminfo", "MemTotal"))
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		// Without a figure the load stays 0.
		m.Load, _ = strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	}
	return m
}

// memory is the resident memory of a process in bytes; peakMemory, the most that it has ever had.
func memory(pid int) (int64, error)     { return status(pid, "VmRSS") }
func peakMemory(pid int) (int64, error) { return status(pid, "VmHWM") }

func status(pid int, name string) (int64, error) {
	n := kilobytes(field(fmt.Sprintf("/proc/%d/status", pid), name))
	if n == 0 {
		return 0, fmt.Errorf("reading the memory of process %d: it is gone", pid)
	}
	return n, nil
}

// field is the value of the first line "name: value" of a file of the kernel's, empty where there is none.
func field(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// kilobytes reads "123 kB".
func kilobytes(value string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	return n << 10
}
