package pip

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestCommandLines(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    string
		environ []string
		check   func(*request) any
		want    any
	}{
		{"names and options in any order", "install -U pytest --pre attrs", nil, func(r *request) any { return r.words }, []string{"pytest", "attrs"}},
		{"short options with their value", "install -rone.txt -r two.txt", nil, func(r *request) any { return r.files }, []string{"one.txt", "two.txt"}},
		{"short options together", "install -qq -Ur x.txt", nil, func(r *request) any { return []any{r.quiet, r.upgrade, r.files} }, []any{2, true, []string{"x.txt"}}},
		{"long options with =", "install --index-url=http://a/simple x", nil, func(r *request) any { return r.indexURL }, "http://a/simple"},
		{"options before the command", "--no-color --retries 3 install x", nil, func(r *request) any { return []any{r.verb, r.noColor, r.env} }, []any{"install", true, []string{"UV_HTTP_RETRIES=3"}}},
		{"an option means what the command says", "list -e", nil, func(r *request) any { return r.pass }, []string{"--editable"}},
		{"the same for another command", "install -e .", nil, func(r *request) any { return r.editables }, []string{"."}},
		{"-- ends the options", "install -- -x", nil, func(r *request) any { return r.words }, []string{"-x"}},
		{"pip's variables", "install x", []string{"PIP_INDEX_URL=http://a/simple", "PIP_CONSTRAINT=c.txt d.txt", "PIP_PRE=1", "PIP_NO_DEPS=false"},
			func(r *request) any { return []any{r.indexURL, r.constraints, r.pre, r.noDeps} }, []any{"http://a/simple", []string{"c.txt", "d.txt"}, true, false}},
		{"the command line comes after them", "install -i http://b/simple x", []string{"PIP_INDEX_URL=http://a/simple"}, func(r *request) any { return r.indexURL }, "http://b/simple"},
		{"not with --isolated", "install --isolated x", []string{"PIP_INDEX_URL=http://a/simple"}, func(r *request) any { return r.indexURL }, ""},
		{"a farm's index is asked first, then the command line's, then the variable's", "install --extra-index-url http://b x",
			[]string{"PIP_EXTRA_INDEX_URL=http://c http://d", "WASMILL_INDEX_URL=http://farm1, http://farm2"},
			func(r *request) any { return r.bases() }, []string{"http://farm1", "http://farm2", "http://b", "http://c", "http://d", "https://pypi.org/simple/"}},
		{"no index, no indexes", "install --no-index -f wheels x", nil, func(r *request) any { return []any{r.bases(), r.indexes()} },
			[]any{[]string(nil), []string{"--no-index", "--find-links", "wheels"}}},
		{"only what is kept", "install x", []string{"PIP_OFFLINE=1"}, func(r *request) any { return []any{r.offline, r.indexes()} }, []any{true, []string{"--offline"}}},
		{"lists with commas", "install --allow-older a,b --allow-older c x", nil, func(r *request) any { return r.older }, []string{"a", "b", "c"}},
		{"what has no effect is taken", "install --break-system-packages --root-user-action ignore --prefer-binary --disable-pip-version-check x", nil,
			func(r *request) any { return []any{r.words, len(r.pass)} }, []any{[]string{"x"}, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parse(strings.Fields(c.args), c.environ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, c.check(r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommandLinesThatCantBeMeant(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		words  string
	}{
		"instal x":                           {1, "unknown command"},
		"config list":                        {1, "there are no configuration files"},
		"install":                            {1, "at least one requirement"},
		"install --user -t a x":              {2, "Can not combine"},
		"install --platform linux x":         {2, "--toolchain"},
		"install --no-such x":                {2, "no such option: --no-such"},
		"install -r":                         {2, "-r option requires 1 argument"},
		"install --pre=yes x":                {2, "does not take a value"},
		"install --no-binary :all: x":        {2, "name the projects"},
		"install -t a --prefix b x":          {2, "Can not combine"},
		"install --upgrade-strategy x y":     {2, "choose from"},
		"install --offline --build x":        {2, "a build fetches sources"},
		"install --offline --no-cache-dir x": {2, "nothing else to take from"},
		"list x":                             {2, "takes no names"},
		"show":                               {1, "package name"},
		"uninstall -y":                       {1, "to uninstall"},
	} {
		_, err := parse(strings.Fields(args), nil)
		f := (*failure)(nil)
		if !errors.As(err, &f) || f.status != want.status || !strings.Contains(f.words, want.words) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// Two options of one name would make it a matter of order which one is meant.
func TestFailuresOfNetworks(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: "https://index/", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing went wrong":         {nil, false},
		"a connection is refused":    {fault.Errorf(fault.Unavailable, "asking the index: %w", refused), true},
		"a proxy is not there":       {&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, true},
		"a name can't be looked up":  {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "index"}}, true},
		"an answer is cut off":       {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"the index has its troubles": {fault.Errorf(fault.Unavailable, "https://index/: 503"), false},
	} {
		if got := unreachable(c.err); got != c.want {
			t.Errorf("%s: unreachable is %t", name, got)
		}
	}
}

func TestTheProxyOfTheCommandLine(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "through for ", r.URL) }))
	defer proxy.Close()
	resp, err := (&http.Client{Transport: (&Python{proxy: proxy.URL}).transport()}).Get("http://index.example/simple/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "through for http://index.example/simple/" {
		t.Errorf("%s", body)
	}
	if _, err := (&http.Client{Transport: (&Python{proxy: proxy.URL, offline: true}).transport()}).Get("http://index.example/"); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("somebody was asked: %v", err)
	}
}

func TestOptionsAreUnambiguous(t *testing.T) {
	for i, a := range options {
		for _, b := range options[i+1:] {
			for name := range strings.FieldsSeq(a.names) {
				if !slices.Contains(strings.Fields(b.names), name) {
					continue
				}
				shared := a.verbs == "" || b.verbs == ""
				for verb := range strings.FieldsSeq(a.verbs) {
					shared = shared || slices.Contains(strings.Fields(b.verbs), verb)
				}
				if shared {
					t.Errorf("%s means two things", name)
				}
			}
		}
	}
}

func TestHelpNamesWhatThereIs(t *testing.T) {
	for verb, want := range map[string]string{"": "uninstall", "install": "--require-hashes", "download": "--dest DIR", "list": "--format", "help": "Commands"} {
		if text := help(&request{verb: verb}); !strings.Contains(text, want) || !strings.Contains(text, "--index-url") && verb == "install" {
			t.Errorf("%q: %s", verb, text)
		}
	}
	if text := help(&request{verb: "install"}); strings.Contains(text, "--platform") {
		t.Error("an option that is refused is offered")
	}
}

func TestNetrc(t *testing.T) {
	got := parseNetrc("machine a.example login me password secret\nmachine b.example\n  login you\n  password other\ndefault login any password thing\n")
	want := map[string]login{"a.example": {"me", "secret"}, "b.example": {"you", "other"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(login{})); diff != "" {
		t.Error(diff)
	}
}

// Dependency groups are their requirements, with those of the groups that they include.
func TestDependencyGroups(t *testing.T) {
	dir := t.TempDir()
	text := "[dependency-groups]\nTest_all = ['pytest>=8', {include-group = 'cover'}]\ncover = ['coverage; python_version > \"3\"']\nround = [{include-group = 'round'}]\nodd = [{include = 'cover'}]\n"
	if err := os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, args := range []string{"install x --group test-all", "download x --group " + dir + "/pyproject.toml:test.all"} {
		r, err := parse(strings.Fields(args), nil)
		if want := []string{"x", "pytest>=8", `coverage; python_version > "3"`}; err != nil || !slices.Equal(r.words, want) {
			t.Errorf("%s: %q, %v", args, r.words, err)
		}
	}
	for group, want := range map[string]string{
		"none": "has no dependency group none", "round": "the dependency group round includes itself", "odd": "neither a requirement nor",
		"sub/pyproject.toml:a": "there is no sub/pyproject.toml", "tox.ini:a": "of the name pyproject.toml",
	} {
		if _, err := parse([]string{"install", "--group", group}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", group, err)
		}
	}
}
