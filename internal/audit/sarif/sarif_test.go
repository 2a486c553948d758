package sarif_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	standard "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/audit/sarif"
	"github.com/wasmill/wasmill/internal/record"
)

var update = flag.Bool("update", false, "rewrite testdata")

var reports = []audit.Report{
	audit.NewReport("dist/spam eggs-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "pyemscripten_2026_0_wasm32", "pyodide 314.0.7", []record.Finding{
		{Rule: "undefined-symbol", Severity: "error", File: "spam/_spam.so", Symbol: "fork", Reason: "nothing provides it"},
		{Rule: "debug-sections", Severity: "warning", File: "spam/_spam.so", Reason: "12 bytes for debuggers: .debug_info"},
	}),
	audit.NewReport("/home/me/ham-1.0-py3-none-any.whl", "", "", []record.Finding{
		{Rule: "binary-in-pure", Severity: "error", File: "ham.so", Reason: "the wheel is tagged for any platform"},
	}),
	audit.NewReport("fine-1.0-py3-none-any.whl", "", "", nil),
}

func write(t *testing.T, reports []audit.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := sarif.Write(&out, "1.2.3", reports); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// validate holds a text against the schema that the library carries. It reads the text into its own types first and, for
// what a text leaves out, writes empty values that the schema refuses: those few are set here.
func validate(t *testing.T, text []byte) error {
	t.Helper()
	read, err := standard.FromBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range read.Runs {
		r.Language, r.Tool.Driver.Language, r.NewlineSequences = "en-US", "en-US", []string{"\n"}
	}
	return read.Validate()
}

// The schema of the standard is in a library that we do not write with.
func TestItIsWhatTheStandardsSchemaWants(t *testing.T) {
	for _, reports := range [][]audit.Report{reports, nil} {
		text := write(t, reports)
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&standard.Report{}); err != nil {
			t.Errorf("a name that the standard does not know: %v", err)
		}
		if err := validate(t, text); err != nil {
			t.Error(err)
		}
	}
}

// A validator that takes anything proves nothing.
func TestTheSchemaIsAsked(t *testing.T) {
	for have, wrong := range map[string]string{`"level": "error"`: `"level": "fatal"`, `"text": `: `"txt": `} {
		if validate(t, bytes.ReplaceAll(write(t, reports), []byte(have), []byte(wrong))) == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}

func TestEachResultLeadsToItsRule(t *testing.T) {
	var got struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
			}
		}
	}
	if err := json.Unmarshal(write(t, reports), &got); err != nil {
		t.Fatal(err)
	}
	rules := got.Runs[0].Tool.Driver.Rules
	if len(rules) != len(audit.Rules()) || len(got.Runs[0].Results) != 3 {
		t.Fatalf("%d rules and %d results", len(rules), len(got.Runs[0].Results))
	}
	for _, r := range got.Runs[0].Results {
		if rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%s points to the rule %s", r.RuleID, rules[r.RuleIndex].ID)
		}
	}
}

func TestResults(t *testing.T) {
	var got struct{ Runs []struct{ Results any } }
	if err := json.Unmarshal(write(t, reports), &got); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(got.Runs[0].Results, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/results.json"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(text)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
