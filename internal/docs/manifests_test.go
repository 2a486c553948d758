package docs_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/cli/orchestratord"
	"github.com/wasmill/wasmill/internal/cli/workerd"
)

// Every args: list of the manifests is one that the daemons take.
func TestManifestsHaveFlagsThatExist(t *testing.T) {
	daemons := map[string]func() *cobra.Command{"orchestrator": orchestratord.Command, "worker": workerd.Command}
	seen := map[string]int{}
	for _, name := range files(t, ".yaml", "deploy/k8s") {
		documents := yaml.NewDecoder(bytes.NewBufferString(read(t, name)))
		for {
			var document any
			err := documents.Decode(&document)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			walk(document, func(container map[string]any) {
				command, _ := container["command"].([]any)
				if len(command) != 1 || daemons[text(command[0])] == nil {
					return
				}
				daemon := text(command[0])
				seen[daemon]++
				var args []string
				list, _ := container["args"].([]any)
				for _, a := range list {
					args = append(args, text(a))
				}
				if err := daemons[daemon]().ParseFlags(args); err != nil {
					t.Errorf("%s: %s %s: %v", name, daemon, strings.Join(args, " "), err)
				}
			})
		}
	}
	if seen["orchestrator"] != 1 || seen["worker"] != 3 {
		t.Errorf("the manifests start %v", seen)
	}
}

func text(v any) string { s, _ := v.(string); return s }

// walk visits all maps below a value.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, below := range v {
			walk(below, visit)
		}
	case []any:
		for _, below := range v {
			walk(below, visit)
		}
	}
}
