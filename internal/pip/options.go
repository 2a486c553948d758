package pip

import (
	"os"
	"slices"
	"strings"
)

// request is a command line of pip, understood.
type request struct {
	verb    string
	help    bool
	version bool
	words   []string // requirements or names

	files, constraints, editables []string
	groups                        []string
	indexURL                      string // empty: PyPI
	extra                         []string
	findLinks                     []string
	noIndex                       bool
	offline                       bool     // only what is kept from before
	sources                       []string // projects that may be built from source archives whatever these look like
	older                         []string // projects of which an older version may be taken; ":all:"
	build                         bool     // build what is missing with wasmill
	upgrade, eager, reinstall     bool
	pre, noDeps, dryRun           bool
	target, prefix, report, dest  string
	needVenv, user                bool
	quiet, verbose                int

	pass []string // options for uv as they are
	env  []string // what uv takes from the environment

	noCache, noColor, noProgress bool
	cacheDir                     string
	proxy                        string
}

// option is one of pip's.
type option struct {
	names string // "-r --requirement"
	verbs string // that have it; empty: all
	value string // what it takes, for the help; empty: nothing
	help  string // empty: taken and without effect here, as pip's own warnings and caches are
	take  func(r *request, value string) error
}

const (
	installing = "install download"
	indexing   = "install download list"
)

func set(field func(*request) *bool) func(*request, string) error {
	return func(r *request, _ string) error { *field(r) = true; return nil }
}

func text(field func(*request) *string) func(*request, string) error {
	return func(r *request, v string) error { *field(r) = v; return nil }
}

func list(field func(*request) *[]string) func(*request, string) error {
	return func(r *request, v string) error {
		*field(r) = append(*field(r), v)
		return nil
	}
}

// names are lists with commas.
func names(field func(*request) *[]string) func(*request, string) error {
	return func(r *request, v string) error {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				*field(r) = append(*field(r), name)
			}
		}
		return nil
	}
}

// to passes an option on, under uv's name for it.
func to(name string) func(*request, string) error {
	return func(r *request, v string) error {
		r.pass = append(r.pass, name)
		if v != "" {
			r.pass = append(r.pass, v)
		}
		return nil
	}
}

func env(names ...string) func(*request, string) error {
	return func(r *request, v string) error {
		for _, name := range names {
			r.env = append(r.env, name+"="+v)
		}
		return nil
	}
}

func without(*request, string) error { return nil }

// refuse says why an option can't be meant, and what can.
func refuse(words string) func(*request, string) error {
	return func(*request, string) error { return unusable("%s", words) }
}

// options are pip's, in the order of its help. What is not here does not exist.
var options = []option{
	{"-r --requirement", "install download uninstall", "FILE", "take requirements from this file; a pylock.toml is installed as it is", list(func(r *request) *[]string { return &r.files })},
	{"--group", installing, "[FILE:]GROUP", "take a dependency group of this pyproject.toml, or of that in the current folder", list(func(r *request) *[]string { return &r.groups })},
	{"-c --constraint", installing, "FILE", "constrain versions by this file", list(func(r *request) *[]string { return &r.constraints })},
	{"-e --editable", "install", "DIR", "install a project so that its sources stay where they are", list(func(r *request) *[]string { return &r.editables })},
	{"--no-deps", installing, "", "install no dependencies", set(func(r *request) *bool { return &r.noDeps })},
	{"--pre", installing, "", "take pre-releases, too", set(func(r *request) *bool { return &r.pre })},
	{"--dry-run", "install", "", "only say what would be done", set(func(r *request) *bool { return &r.dryRun })},
	{"-t --target", "install", "DIR", "install into this folder", text(func(r *request) *string { return &r.target })},
	{"--prefix", "install", "DIR", "install into lib, bin and so on below this folder", text(func(r *request) *string { return &r.prefix })},
	{"-U --upgrade", "install", "", "take the newest versions of what is named", set(func(r *request) *bool { return &r.upgrade })},
	{"--upgrade-strategy", "install", "HOW", "what else -U upgrades: only-if-needed (nothing) or eager (all dependencies)", func(r *request, v string) error {
		if v != "eager" && v != "only-if-needed" {
			return unusable("argument --upgrade-strategy: invalid choice: %q (choose from 'only-if-needed', 'eager')", v)
		}
		r.eager = v == "eager"
		return nil
	}},
	{"--force-reinstall -I --ignore-installed", "install", "", "install again what is there", set(func(r *request) *bool { return &r.reinstall })},
	{"--no-build-isolation", "install", "", "build with what is installed", to("--no-build-isolation")},
	{"-C --config-settings --config-setting", "install", "KEY=VALUE", "setting for build backends", to("--config-setting")},
	{"--no-binary", installing, "NAMES", "build these from their source archives, in the runtime", func(r *request, v string) error {
		if v == ":all:" {
			return unusable("--no-binary :all: can't be met: build backends have compiled parts themselves; name the projects")
		}
		return names(func(r *request) *[]string { return &r.sources })(r, v)
	}},
	{"--only-binary", installing, "NAMES", "", without}, // nothing else happens unless a source archive holds nothing to compile
	{"--require-hashes", installing, "", "every requirement must have a hash", to("--require-hashes")},
	{"--report", "install", "FILE", "write what is installed as JSON; - is standard output", text(func(r *request) *string { return &r.report })},
	{"--allow-older", installing, "NAMES", "take an older version where the newest has no wheel for this ABI; :all: for all (python-wasm's own)", names(func(r *request) *[]string { return &r.older })},
	{"--build", installing, "", "build with wasmill what has no wheel for this ABI: here, or by the farm that WASMILL_SERVER names (python-wasm's own)", set(func(r *request) *bool { return &r.build })},
	{"-d --dest", "download", "DIR", "folder for the files (default: here)", text(func(r *request) *string { return &r.dest })},
	{"-y --yes", "uninstall", "", "", without}, // nothing is asked
	{"-f --files", "show", "", "list the files, too", to("--files")},
	{"-o --outdated", "list", "", "list what there is a newer version of", to("--outdated")},
	{"-e --editable", "list", "", "list editable projects only", to("--editable")},
	{"--exclude-editable", "list freeze", "", "leave out editable projects", to("--exclude-editable")},
	{"--exclude", "list freeze", "NAME", "leave out this project", to("--exclude")},
	{"--format", "list", "FORMAT", "columns, freeze or json", to("--format")},
	{"--path", "freeze", "DIR", "look into this folder instead", to("--path")},
	{"-i --index-url --pypi-url", indexing, "URL", "the index, instead of PyPI", text(func(r *request) *string { return &r.indexURL })},
	{"--extra-index-url", indexing, "URL", "an index that is asked first; what it has is taken from it alone", list(func(r *request) *[]string { return &r.extra })},
	{"--no-index", indexing, "", "ask no index", set(func(r *request) *bool { return &r.noIndex })},
	{"-f --find-links", indexing, "DIR|URL", "look for files here, too", list(func(r *request) *[]string { return &r.findLinks })},
	{"--offline", indexing, "", "take what the cache keeps from before, and ask nobody (python-wasm's own)", set(func(r *request) *bool { return &r.offline })},
	{"--index-strategy", indexing, "HOW", "which index's files count: first-index, unsafe-first-match, unsafe-best-match (uv's own)", to("--index-strategy")},

	{"-h --help", "", "", "this text", set(func(r *request) *bool { return &r.help })},
	{"-V --version", "", "", "say which pip this is", set(func(r *request) *bool { return &r.version })},
	{"-v --verbose --debug", "", "", "say more", func(r *request, _ string) error { r.verbose++; return nil }},
	{"-q --quiet", "", "", "say less", func(r *request, _ string) error { r.quiet++; return nil }},
	{"--require-virtualenv", "", "", "work in virtual environments only", set(func(r *request) *bool { return &r.needVenv })},
	{"--keyring-provider", indexing, "HOW", "where passwords come from: disabled or subprocess", to("--keyring-provider")},
	{"--proxy", "", "URL", "way to the network", func(r *request, v string) error {
		r.proxy = v
		return env("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")(r, v)
	}},
	{"--retries", "", "N", "how often a connection is tried again", env(envRetries)},
	{"--timeout --default-timeout", "", "SECONDS", "how long an answer is waited for", env("UV_HTTP_TIMEOUT")},
	{"--trusted-host", "", "HOST", "believe this host without a valid certificate", to("--allow-insecure-host")},
	{"--cert", "", "FILE", "certificates to believe", env("SSL_CERT_FILE")},
	{"--client-cert", "", "FILE", "certificate to show", env("SSL_CLIENT_CERT")},
	{"--cache-dir", "", "DIR", "folder of the cache", text(func(r *request) *string { return &r.cacheDir })},
	{"--no-cache-dir", "", "", "use no cache", set(func(r *request) *bool { return &r.noCache })},
	{"--no-color", "", "", "no colours", set(func(r *request) *bool { return &r.noColor })},
	{"--progress-bar", installing, "HOW", "off: none", func(r *request, v string) error { r.noProgress = v == "off"; return nil }},
	{"--isolated", "", "", "pass over the PIP_… variables", without}, // parse looks for it before all else

	{"--user", "install list freeze", "", "outside virtual environments, where all that is installed is yours anyway", set(func(r *request) *bool { return &r.user })},

	// Without effect: there is nothing here that they could change.
	{"--prefer-binary", installing, "", "", without},
	{"--use-pep517", installing, "", "", without},
	{"--check-build-dependencies", installing, "", "", without},
	{"--break-system-packages", "install uninstall", "", "", without},
	{"--compile", "install", "", "", without},
	{"--no-compile", "install", "", "", without},
	{"--no-warn-script-location", "install", "", "", without},
	{"--no-warn-conflicts", "install", "", "", without},
	{"--no-clean", installing, "", "", without},
	{"--root-user-action", "install uninstall", "ACTION", "", without},
	{"-l --local", "list freeze", "", "", without},
	{"--include-editable", "list", "", "", without},
	{"--all", "freeze", "", "", without},
	{"--no-input", "", "", "", without},
	{"--disable-pip-version-check", "", "", "", without},
	{"--no-python-version-warning", "", "", "", without},
	{"--use-feature", "", "FEATURE", "", without},
	{"--use-deprecated", "", "FEATURE", "", without},

	// Refused, with what to do instead.
	{"--root", "install", "DIR", "", refuse("--root is not known here: --prefix DIR or --target DIR put packages elsewhere")},
	{"--src", installing, "DIR", "", refuse("--src is not known here: clone the project yourself, and install it with -e DIR")},
	{"--platform", installing, "TAG", "", refuse("--platform is not known here: wheels are taken for this Python; another ABI is chosen with python-wasm --toolchain ABI -m pip")},
	{"--python-version", installing, "VERSION", "", refuse("--python-version is not known here: wheels are taken for this Python; another one is chosen with python-wasm --toolchain ABI -m pip")},
	{"--implementation", installing, "NAME", "", refuse("--implementation is not known here: wheels are taken for this Python")},
	{"--abi", installing, "TAG", "", refuse("--abi is not known here: wheels are taken for this Python; another ABI is chosen with python-wasm --toolchain ABI -m pip")},
	{"--ignore-requires-python", installing, "", "", refuse("--ignore-requires-python is not known here: uv keeps to what packages say of Python; an older version may say less (NAME<VERSION)")},
	{"--global-option", installing, "OPTION", "", refuse("--global-option is not known here: build backends take settings with -C KEY=VALUE")},
	{"-u --uptodate", "list", "", "", refuse("--uptodate is not known here: list --outdated shows the others")},
	{"--not-required", "list", "", "", refuse("--not-required is not known here: show NAME says what requires a package")},
	{"--python", "", "PYTHON", "", refuse("--python is not known here: start that Python itself with -m pip")},
	{"--log", "", "FILE", "", refuse("--log is not known here: -v tells more on standard error")},
	{"--exists-action", "", "ACTION", "", refuse("--exists-action is not known here: nothing is asked")},
}

// verbs are pip's commands: those that work, and why the others don't.
var verbs = map[string]string{
	"install": "", "uninstall": "", "list": "", "freeze": "", "show": "", "check": "", "download": "", "help": "",
	"config":     "there are no configuration files here: the variables PIP_… and WASMILL_INDEX_URL say what holds always",
	"wheel":      "build wheels with wasmill: wasmill build NAME==VERSION, or wasmill build DIR",
	"lock":       "uv pip compile --python python-wasm --format pylock.toml does it",
	"inspect":    "list --format json and show tell what is installed",
	"index":      "list --outdated tells of newer versions",
	"search":     "PyPI has no such service any more",
	"cache":      "python-wasm's cache may be deleted as a whole (WASMILL_PYTHON_CACHE names it)",
	"hash":       "sha256sum FILE does it",
	"debug":      "python-wasm -m sysconfig tells about this Python",
	"completion": "there is none",
}

// find finds an option by its name for a command; none has both a name and a command in common with another.
func find(name, verb string) *option {
	for i, o := range options {
		if slices.Contains(strings.Fields(o.names), name) && (o.verbs == "" || slices.Contains(strings.Fields(o.verbs), verb)) {
			return &options[i]
		}
	}
	return nil
}

// variable are the names by which the environment knows an option.
func (o *option) variable() []string {
	var out []string
	for name := range strings.FieldsSeq(o.names) {
		if long, ok := strings.CutPrefix(name, "--"); ok {
			out = append(out, "PIP_"+strings.ToUpper(strings.ReplaceAll(long, "-", "_")))
		}
	}
	return out
}

// envIndex are indexes that are always asked first: a farm's.
const envIndex = "WASMILL_INDEX_URL"

func parse(args, environ []string) (*request, error) {
	r := &request{}
	// Options may stand before the command: which one it is decides what they mean.
	verb, rest, err := findVerb(args)
	if err != nil {
		return nil, err
	}
	if r.verb = verb; verb != "" {
		if words, known := verbs[verb]; !known {
			return nil, failed("unknown command %q (python-wasm -m pip --help lists those there are)", verb)
		} else if words != "" {
			return nil, failed("`pip %s` is not known here: %s", verb, words)
		}
	}
	if !slices.Contains(args, "--isolated") {
		if err := r.environment(environ); err != nil {
			return nil, err
		}
	}
	fromEnvironment := len(r.extra)
	if err := r.arguments(rest); err != nil {
		return nil, err
	}
	// A farm's index comes before those of the command line, which come before PIP_EXTRA_INDEX_URL's; uv asks the last named last.
	r.extra = slices.Concat(splitList(variable(environ, envIndex)), r.extra[fromEnvironment:], r.extra[:fromEnvironment])
	if err := r.takeGroups(); err != nil {
		return r, err
	}
	return r, r.complete()
}

func (r *request) complete() error {
	switch {
	case r.help || r.version:
		return nil
	case (r.verb == "install" || r.verb == "download") && len(r.words)+len(r.files)+len(r.editables) == 0:
		return failed("You must give at least one requirement to %s (see \"pip help %s\")", r.verb, r.verb)
	case r.verb == "uninstall" && len(r.words)+len(r.files) == 0:
		return failed("You must give at least one requirement to uninstall (see \"pip help uninstall\")")
	case r.verb == "show" && len(r.words) == 0:
		return failed("Please provide a package name or names.")
	case slices.Contains([]string{"list", "freeze", "check"}, r.verb) && len(r.words) > 0:
		return unusable("%s takes no names, and got %q", r.verb, r.words[0])
	case r.noIndex && r.build:
		return unusable("--build and --no-index exclude each other: what is built is looked up in the index")
	case r.offline && r.build:
		return unusable("--build and --offline exclude each other: a build fetches sources")
	case r.offline && r.noCache:
		return unusable("--offline and --no-cache-dir exclude each other: there is nothing else to take from")
	case r.user && (r.target != "" || r.prefix != ""):
		return unusable("Can not combine '--user' with '--target' or '--prefix'")
	case r.target != "" && r.prefix != "":
		return unusable("Can not combine '--target' and '--prefix'")
	}
	return nil
}

func variable(environ []string, name string) string {
	value := ""
	for _, e := range environ {
		if k, v, _ := strings.Cut(e, "="); k == name {
			value = v
		}
	}
	return value
}

// splitList takes a list with spaces or commas apart.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' })
}

func findVerb(args []string) (verb string, rest []string, err error) {
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "-") {
			return args[i], slices.Concat(args[:i], args[i+1:]), nil
		}
		if o := find(name, ""); o != nil && o.value != "" && !joined {
			i++
		}
	}
	return "", args, nil
}

// environment takes the options that are variables: PIP_INDEX_URL for --index-url. Lists are separated by spaces.
func (r *request) environment(environ []string) error {
	for i := range options {
		o := &options[i]
		if first := strings.Fields(o.names)[0]; find(first, r.verb) != o || first == "-h" || first == "-V" {
			continue
		}
		for _, name := range o.variable() {
			value := variable(environ, name)
			if value == "" || o.value == "" && slices.Contains([]string{"0", "false", "no", "off", "n", "f"}, strings.ToLower(value)) {
				continue
			}
			values := []string{value}
			switch name {
			case "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_TRUSTED_HOST":
				values = strings.Fields(value)
			}
			for _, v := range values {
				if o.value == "" {
					v = ""
				}
				if err := o.take(r, v); err != nil {
					return unusable("%s: %v", name, err)
				}
			}
		}
	}
	return nil
}

func (r *request) arguments(args []string) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			r.words = append(r.words, args...)
			return nil
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			r.words = append(r.words, arg)
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		if !strings.HasPrefix(arg, "--") {
			name, value, joined = arg[:2], arg[2:], len(arg) > 2
		}
		o := find(name, r.verb)
		if o == nil {
			return unusable("no such option: %s (python-wasm -m pip %s --help lists those there are)", name, r.verb)
		}
		switch {
		case o.value == "" && joined && !strings.HasPrefix(arg, "--"):
			args = append([]string{"-" + value}, args...) // -qq, -Uq
			value = ""
		case o.value == "" && joined:
			return unusable("%s option does not take a value", name)
		case o.value != "" && !joined:
			if len(args) == 0 {
				return unusable("%s option requires 1 argument", name)
			}
			value, args = args[0], args[1:]
		}
		if err := o.take(r, value); err != nil {
			return err
		}
	}
	return nil
}

// indexes are the options that name where packages come from.
func (r *request) indexes() []string {
	if r.verb != "install" && r.verb != "download" && r.verb != "list" {
		return nil
	}
	var args []string
	if r.offline {
		args = append(args, "--offline")
	}
	for _, url := range r.extra {
		args = append(args, "--index", url)
	}
	if r.indexURL != "" {
		args = append(args, "--default-index", r.indexURL)
	}
	if r.noIndex {
		args = append(args, "--no-index")
	}
	for _, place := range r.findLinks {
		args = append(args, "--find-links", place)
	}
	return args
}

// bases are the indexes' addresses in the order in which they are asked.
func (r *request) bases() []string {
	if r.noIndex {
		return nil
	}
	last := r.indexURL
	if last == "" {
		last = "https://pypi.org/simple/"
	}
	return append(slices.Clone(r.extra), last)
}

// isPath says whether a requirement is a file or a folder, as pip decides it.
func isPath(word string) bool {
	path, _, _ := strings.Cut(word, "[")
	if strings.HasPrefix(path, ".") || strings.Contains(path, "/") && !strings.Contains(path, "@") && !strings.Contains(path, "://") {
		return true
	}
	_, err := os.Stat(path)
	return err == nil && (strings.HasSuffix(path, ".whl") || strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".zip"))
}
