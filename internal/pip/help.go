package pip

import (
	"fmt"
	"slices"
	"strings"
)

var summaries = []struct{ verb, line string }{
	{"install", "Install packages."},
	{"download", "Download wheels, with what they need, into a folder."},
	{"uninstall", "Uninstall packages."},
	{"list", "List what is installed."},
	{"freeze", "List what is installed as requirements."},
	{"show", "Tell about installed packages."},
	{"check", "Say whether what is installed fits together."},
	{"help", "Show help for a command."},
}

var usages = map[string]string{
	"install": `  python-wasm -m pip install [OPTIONS] REQUIREMENT… | -r FILE | -e DIR | WHEEL | DIR

  python-wasm -m pip install 'pytest>=9' attrs
  python-wasm -m pip install -r requirements.txt -c constraints.txt
  python-wasm -m pip install --extra-index-url http://farm:7470/simple/ numpy
  python-wasm -m pip install --build pydantic-core
  python-wasm -m pip install --offline pytest
  python-wasm -m pip install -e .
`,
	"download": `  python-wasm -m pip download [OPTIONS] REQUIREMENT… | -r FILE

  python-wasm -m pip download -d wheels pytest
`,
	"uninstall": "  python-wasm -m pip uninstall [OPTIONS] NAME… | -r FILE\n",
	"list":      "  python-wasm -m pip list [OPTIONS]\n\n  python-wasm -m pip list --format json\n",
	"freeze":    "  python-wasm -m pip freeze [OPTIONS] > requirements.txt\n",
	"show":      "  python-wasm -m pip show [OPTIONS] NAME…\n",
	"check":     "  python-wasm -m pip check\n",
}

func help(r *request) string {
	var out strings.Builder
	verb := r.verb
	if verb == "help" {
		verb = ""
		if len(r.words) > 0 {
			verb = r.words[0]
		}
	}
	if usages[verb] == "" {
		out.WriteString("Usage:\n  python-wasm -m pip COMMAND [OPTIONS]\n\nCommands:\n")
		for _, s := range summaries {
			fmt.Fprintf(&out, "  %-12s%s\n", s.verb, s.line)
		}
	} else {
		fmt.Fprintf(&out, "Usage:\n%s\nOptions:\n", usages[verb])
		write(&out, func(o option) bool { return slices.Contains(strings.Fields(o.verbs), verb) })
	}
	out.WriteString("\nGeneral options:\n")
	write(&out, func(o option) bool { return o.verbs == "" })
	out.WriteString("\nEach --option is also a variable PIP_OPTION. " + envIndex + " names indexes, a farm's, that are asked before all others.\n")
	return out.String()
}

func write(out *strings.Builder, which func(option) bool) {
	for _, o := range options {
		if o.help == "" || !which(o) {
			continue
		}
		head := strings.Join(strings.Fields(o.names), ", ")
		if o.value != "" {
			head += " " + o.value
		}
		fmt.Fprintf(out, "  %-34s  %s\n", head, o.help)
	}
}
