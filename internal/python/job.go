package python

import (
	"encoding/base64"
	"strings"
)

// job is what host.mjs is told, as one line of JSON. What need not be UTF-8 is in base64.
type job struct {
	Runtime string `json:"runtime"`        // folder
	Code    string `json:"code,omitempty"` // folder of what the library's modules compile to

	// The interpreter begins with these, or with a snapshot that was made with them.
	StartArguments   []string          `json:"startArguments"`
	StartEnvironment map[string]string `json:"startEnvironment"`
	Snapshot         string            `json:"snapshot,omitempty"`
	SnapshotSize     int64             `json:"snapshotSize,omitempty"`
	MakeSnapshot     string            `json:"makeSnapshot,omitempty"` // write one to this file, and run nothing

	Executable string   `json:"executable"`
	Real       string   `json:"real"` // with all links resolved
	Prefix     string   `json:"prefix"`
	InVenv     bool     `json:"inVenv"` // it is the Python of the virtual environment around it
	Cwd        string   `json:"cwd"`
	PID        int      `json:"pid"`
	PPID       int      `json:"ppid"`
	Argv       []string `json:"argv"`
	Env        string   `json:"env"` // NAME=VALUE\0…
	folders
}

func encode(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = base64.StdEncoding.EncodeToString([]byte(w))
	}
	return out
}

func encodeBlock(entries []string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(entries, "\x00")))
}
