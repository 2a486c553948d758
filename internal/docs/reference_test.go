package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/record"
)

// fields are the JSON names of a type's fields and of all types below it.
func fields(of reflect.Type, seen map[reflect.Type]bool) (names []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of.PkgPath() != reflect.TypeFor[record.Build]().PkgPath() || seen[of] {
		return nil
	}
	seen[of] = true
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue // not in the document
		}
		names = append(append(names, name), fields(of.Field(i).Type, seen)...)
	}
	return names
}

func TestRecordReferenceNamesEveryField(t *testing.T) {
	mention(t, "docs/reference/record.md", fields(reflect.TypeFor[record.Build](), map[reflect.Type]bool{})...)
}

func TestRecordReferenceNamesEveryKindAndPhase(t *testing.T) {
	const source = "internal/record/record.go"
	mention(t, "docs/reference/record.md", all(t, source, `FailureKind = "([a-z-]+)"`)...)
	mention(t, "docs/reference/record.md", all(t, source, `Phase = "([a-z]+)"`)...)
}

// The page lets other programs compute keys: its example must have the key that this program gives it.
func TestRecordReferenceKnowsTheKey(t *testing.T) {
	const page = "docs/reference/record.md"
	var inputs plan.Inputs
	example := json.NewDecoder(strings.NewReader(all(t, page, "(?s)```json\n(.*?)```")[0]))
	example.DisallowUnknownFields()
	if err := example.Decode(&inputs); err != nil {
		t.Fatal(err)
	}
	mention(t, page, plan.Key(inputs))
}

func TestAPIReferenceNamesEveryRoute(t *testing.T) {
	text := read(t, "docs/reference/api.md")
	routes := all(t, "internal/api/handler.go", `"((?:GET|POST|PUT|DELETE) /api/v1/[^"]*)"`)
	routes = append(routes, "/simple/", "/simple/{project}/", "/files/{sha256}/{filename}", "/pyodide-lock.json")
	for _, route := range routes {
		// A query may follow.
		if !strings.Contains(text, "`"+route+"`") && !strings.Contains(text, "`"+route+"?") {
			t.Errorf("docs/reference/api.md does not mention %s", route)
		}
	}
}

func TestRecipeReferenceNamesEveryKey(t *testing.T) {
	mention(t, "docs/reference/recipe.md", all(t, "internal/recipe/schema.go", `(?m)^\t\t\{"([\w-]+)", `)...)
	mention(t, "docs/reference/recipe.md", all(t, "internal/recipe/testsection.go", `(?m)^\t\t"([\w-]+)": +func\(`)...)
}

func TestToolchainReferenceNamesEveryKey(t *testing.T) {
	mention(t, "docs/reference/toolchains.md", all(t, "internal/toolchain/spec.go", `yaml:"(\w+)"`)...)
}

func TestExitStatusReferenceNamesEveryKind(t *testing.T) {
	mention(t, "docs/reference/exit-status.md", all(t, "internal/fault/fault.go", `\{"([a-z-]+)", `)...)
}

// The page is what the rules say of themselves, behind a head that is written by hand.
func TestAuditReference(t *testing.T) {
	const head = "internal/docs/testdata/audit-head.md"
	page := bytes.NewBufferString(read(t, head))
	for _, r := range audit.Rules() {
		fmt.Fprintf(page, "| [`%s`](#%s) | %s | %s |\n", r.Name, r.Name, r.Severity, r.Doc)
	}
	for _, r := range audit.Rules() {
		fmt.Fprintf(page, "\n## %s\n\nSeverity %s. %s\n\n**What happens:** %s\n\n**What to do:** %s\n", r.Name, r.Severity, r.Doc, r.Why, r.Fix)
	}
	golden(t, "docs/reference/audit.md", page.String())
	for _, tag := range audit.Known() {
		abi, err := audit.FindABI(tag)
		if err != nil {
			t.Fatal(err)
		}
		mention(t, head, tag)
		release, ok := pyodide.For(tag)
		if row := "| " + release.String() + " |"; !ok || !strings.Contains(read(t, head), row) || !strings.Contains(read(t, head), "| "+abi.Python+" |") {
			t.Errorf("%s does not say that %s has Python %s and is compared with %s", head, tag, abi.Python, release)
		}
	}
}

// golden compares a generated page; -update writes it.
func golden(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, name)); diff != "" {
		t.Errorf("%s is out of date; `go test ./internal/docs -update` writes it (-want +have):\n%s", name, diff)
	}
}
