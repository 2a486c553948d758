package driver

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc"
)

// compilers adds up what the wrapper noted. Package code can write to the file too, and would only spoil its own
// statistics: a line that makes no sense is passed over.
func compilers(file string) record.Compilers {
	data, _ := os.ReadFile(file)
	var times []wasmcc.Time
	for line := range strings.Lines(string(data)) {
		var t wasmcc.Time
		if json.Unmarshal([]byte(line), &t) == nil && t.End >= t.Start {
			times = append(times, t)
		}
	}
	return record.Compilers{Commands: len(times), Seconds: together(times).Seconds()}
}

// together is for how long at least one of them ran.
func together(times []wasmcc.Time) time.Duration {
	slices.SortFunc(times, func(a, b wasmcc.Time) int { return cmp.Compare(a.Start, b.Start) })
	var sum, until int64
	for _, t := range times {
		if t.End > until {
			sum += t.End - max(t.Start, until)
			until = t.End
		}
	}
	return time.Duration(sum)
}
