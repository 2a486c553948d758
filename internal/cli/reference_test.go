package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/cli/orchestratord"
	"github.com/wasmill/wasmill/internal/cli/workerd"
)

var update = flag.Bool("update", false, "rewrite docs/reference/cli.md")

// The reference of the commands is what they say of themselves.
func TestReferenceIsUpToDate(t *testing.T) {
	for _, name := range []string{"WASMILL_DATA", "WASMILL_SERVER", "WASMILL_TOOLCHAINS", "WASMILL_INDEX", "WASMILL_CRATES", "WASMILL_MIRRORS", "WASMILL_CA", "XDG_DATA_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", "/home/you")

	var page bytes.Buffer
	root := (&app{}).root()
	fmt.Fprintf(&page, "# Commands\n\n`go test ./internal/cli -update` writes this page from what the programs say of themselves.\n\n")
	fmt.Fprintf(&page, "%s\n\nFlags of every command of `wasmill`:\n\n```\n%s```\n", root.Long, root.PersistentFlags().FlagUsages())
	describe(&page, root.Commands())
	describe(&page, []*cobra.Command{orchestratord.Command(), workerd.Command()})

	slots := regexp.MustCompile(`(large ones beside them) \(default \d+\)`)
	text := slots.ReplaceAllString(page.String(), "$1 (default: the number of processors)")
	text = strings.ReplaceAll(text, "/home/you", "~")
	const file = "../../docs/reference/cli.md"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(have)); diff != "" {
		t.Errorf("docs/reference/cli.md is out of date; `go test ./internal/cli -update` writes it (-want +have):\n%s", diff)
	}
}

// describe writes a section for each command, and for those below it.
func describe(w io.Writer, commands []*cobra.Command) {
	for _, cmd := range commands {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		about := cmd.Long
		if about == "" {
			about = cmd.Short + "."
		}
		fmt.Fprintf(w, "\n## %s\n\n%s\n", cmd.CommandPath(), about)
		if cmd.Runnable() {
			fmt.Fprintf(w, "\n```\n%s\n", cmd.UseLine())
			if flags := cmd.NonInheritedFlags().FlagUsages(); flags != "" {
				fmt.Fprintf(w, "\n%s", flags)
			}
			fmt.Fprintf(w, "```\n\n```\n%s\n```\n", cmd.Example)
		}
		describe(w, cmd.Commands())
	}
}
