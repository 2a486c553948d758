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

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
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
	routes := all(t, "internal/api/handler.go", `"((?:GET|POST|PUT) /api/v1/[^"]*)"`)
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
}

func TestToolchainReferenceNamesEveryKey(t *testing.T) {
	mention(t, "docs/reference/toolchains.md", all(t, "internal/toolchain/spec.go", `yaml:"(\w+)"`)...)
}

func TestExitStatusReferenceNamesEveryKind(t *testing.T) {
	mention(t, "docs/reference/exit-status.md", all(t, "internal/fault/fault.go", `\{"([a-z-]+)", `)...)
}

func TestAuditReference(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(auditHead)
	for _, r := range wheel.Rules() {
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", r.Name, r.Severity, r.Doc)
	}
	golden(t, "docs/reference/audit.md", page.String())
}

const auditHead = `# The rules of the audit

Every wheel is audited after it is packed, from its bytes alone: nothing in it is run. What it imports is held against what
the runtime's main module, its JavaScript, and the libraries that the wheel brings provide. A finding names the file in the
wheel, the symbol where there is one, and the reason. An error fails the build with the kind ` + "`audit-failed`" + `; a warning is
kept in the [record](record.md).

A silent fallback, a wheel without the extension modules that were announced, is found before the audit and is a kind of
failure of its own.

| rule | severity | |
|---|---|---|
`

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
