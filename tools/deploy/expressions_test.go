package deploy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// expression is one that an alert or a panel evaluates.
type expression struct{ where, text string }

func rules(t *testing.T) (found []expression) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "deploy/prometheus/rules.yaml")), &file, yaml.DisallowUnknownFields); err != nil && !strings.Contains(err.Error(), "unknown field") {
		t.Fatal(err)
	}
	tried := read(t, "deploy/prometheus/rules_test.yaml")
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", r.Alert)
			}
			if !strings.Contains(tried, `{alertname="`+r.Alert+`",alertstate="firing"}`) && !strings.Contains(tried, "alertname: "+r.Alert+"\n") {
				t.Errorf("no story has %s firing", r.Alert)
			}
			if !strings.Contains(tried, "alertname: "+r.Alert+", exp_alerts: []") {
				t.Errorf("no story has %s silent", r.Alert)
			}
			found = append(found, expression{r.Alert, r.Expr})
		}
	}
	return found
}

type panel struct {
	Title, Type, Description string
	Datasource               struct{ UID string }
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		Expr, LegendFormat, RefID string
		Datasource                struct{ UID string }
	}
}

type dashboard struct {
	UID, Title    string
	Editable      bool
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct {
			Name, Type, Query2 string
			Definition         string
		}
	}
}

func board(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/wasmill.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The variables of Grafana, as a parser can read them.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$job", "x", "$instance", "x")

func TestExpressionsReadMetricsThatExist(t *testing.T) {
	all := rules(t)
	for _, p := range board(t).Panels {
		for _, target := range p.Targets {
			all = append(all, expression{"panel " + p.Title, variables.Replace(target.Expr)})
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d expressions", len(all))
	}
	for _, e := range all {
		if complaint := check(metrics(t), e.text); complaint != "" {
			t.Errorf("%s: %s", e.where, complaint)
		}
	}
}

// check says what is wrong with an expression.
func check(have map[string]metric, text string) (complaint string) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err.Error()
	}
	labels := map[string]bool{} // of all metrics in the expression
	parser.Inspect(parsed, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		m, ok := have[v.Name]
		if !ok {
			complaint = "there is no metric " + v.Name
			return nil
		}
		for l := range m.labels {
			labels[l] = true
		}
		for _, matcher := range v.LabelMatchers {
			if !m.labels[matcher.Name] {
				complaint = v.Name + " has no label " + matcher.Name
			}
		}
		rated := false
		for _, above := range path {
			if c, ok := above.(*parser.Call); ok && (c.Func.Name == "rate" || c.Func.Name == "increase") {
				rated = true
			}
		}
		if counts := m.kind != "gauge"; counts != rated {
			complaint = v.Name + " is a " + m.kind + ", which is not read so"
		}
		return nil
	})
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			for _, l := range a.Grouping {
				if !labels[l] {
					complaint = "nothing in it has the label " + l
				}
			}
		}
		return nil
	})
	return complaint
}

// The check itself finds what it is there for.
func TestMistakesInExpressionsAreFound(t *testing.T) {
	for text, want := range map[string]string{
		`wasmill_nonsense > 0`:                                        "there is no metric wasmill_nonsense",
		`wasmill_workers{lane="nightly"} > 0`:                         "wasmill_workers has no label lane",
		`sum by (recipe) (rate(wasmill_builds_total[5m]))`:            "nothing in it has the label recipe",
		`wasmill_builds_total > 3`:                                    "wasmill_builds_total is a counter, which is not read so",
		`rate(wasmill_workers[5m])`:                                   "wasmill_workers is a gauge, which is not read so",
		`sum(`:                                                        "parse error",
		`sum by (lane, class) (wasmill_queue_oldest_age_seconds)`:     "",
		`rate(wasmill_build_duration_seconds_bucket{le="1"}[5m]) > 0`: "",
	} {
		if got := check(metrics(t), text); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

var gridColumns = 24

// A dashboard works wherever it is imported, and says what it shows.
func TestDashboard(t *testing.T) {
	d := board(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
		t.Errorf("uid %q, title %q, schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if m := regexp.MustCompile(`label_values\((\w+)`).FindStringSubmatch(v.Definition); v.Type == "query" && (m == nil || metrics(t)[m[1]].kind == "") {
			t.Errorf("the variable %s is read from %s", v.Name, v.Definition)
		}
	}
	if !slices.Equal(names, []string{"datasource", "job", "instance"}) {
		t.Errorf("variables %v", names)
	}
	titles := map[string]bool{}
	for i, p := range d.Panels {
		if titles[p.Title] || p.Title == "" {
			t.Errorf("two panels, or none, are called %q", p.Title)
		}
		titles[p.Title] = true
		if p.GridPos.X+p.GridPos.W > gridColumns {
			t.Errorf("%s is wider than the page", p.Title)
		}
		for _, other := range d.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies on %s", p.Title, other.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "$datasource" || len(p.Targets) == 0 {
			t.Errorf("%s lacks a description, a unit, the chosen data source, or what to show", p.Title)
		}
		for _, target := range p.Targets {
			if target.LegendFormat == "" || target.Datasource.UID != "$datasource" {
				t.Errorf("%s %s lacks a legend or the chosen data source", p.Title, target.RefID)
			}
			selectors, chosen := strings.Count(target.Expr, "wasmill_"), strings.Count(target.Expr, `job=~"$job", instance=~"$instance"`)
			if selectors != chosen {
				t.Errorf("%s %s: %d of %d metrics are of the chosen jobs and instances", p.Title, target.RefID, chosen, selectors)
			}
			for _, window := range regexp.MustCompile(`\[([^\]]*)\]`).FindAllStringSubmatch(target.Expr, -1) {
				if window[1] != "$__rate_interval" {
					t.Errorf("%s %s: the window %s does not follow the page's width", p.Title, target.RefID, window[1])
				}
			}
		}
	}
}
