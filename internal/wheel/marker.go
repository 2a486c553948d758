package wheel

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Environment gives the marker variables of PEP 508 their values; "extra" is not among them.
type Environment map[string]string

// Emscripten is what CPython of this version ("3.15") says of itself under Emscripten. platform_release and
// platform_version, which differ from runtime to runtime, are empty.
func Emscripten(python string) Environment {
	return Environment{
		"os_name":                        "posix",
		"sys_platform":                   "emscripten",
		"platform_machine":               "wasm32",
		"platform_system":                "Emscripten",
		"platform_release":               "",
		"platform_version":               "",
		"platform_python_implementation": "CPython",
		"implementation_name":            "cpython",
		"implementation_version":         python + ".0",
		"python_version":                 python,
		"python_full_version":            python + ".0",
	}
}

// WASI is what CPython of this version says of itself under WASI.
func WASI(python string) Environment {
	e := Emscripten(python)
	e["sys_platform"], e["platform_system"] = "wasi", "wasi"
	return e
}

// OnTarget is what CPython of this version says of itself on a target, in the compiler's words.
func OnTarget(target, python string) Environment {
	if strings.Contains(target, "wasi") {
		return WASI(python)
	}
	return Emscripten(python)
}

// marker is a node: a comparison, or an "and" or "or" of others.
type marker struct {
	op          string // and, or, or a comparison
	all         []marker
	left, right operand
}

type operand struct {
	text     string
	variable bool
}

var markerToken = regexp.MustCompile(`^\s*(?:(\(|\)|===|~=|==|!=|<=|>=|<|>)|'([^']*)'|"([^"]*)"|([A-Za-z_][A-Za-z0-9_.]*))`)

// old spellings that packages of before PEP 508 still carry
var markerAliases = map[string]string{
	"os.name": "os_name", "sys.platform": "sys_platform", "platform.version": "platform_version",
	"platform.machine": "platform_machine", "platform.python_implementation": "platform_python_implementation",
	"python_implementation": "platform_python_implementation",
}

type markerParser struct {
	text   string
	depth  int
	symbol string // current token: operator, parenthesis or word; empty at the end and for a string
	quoted bool
	value  string // of a string
	err    error
}

func parseMarker(text string) (marker, error) {
	p := &markerParser{text: text}
	p.next()
	m := p.or()
	if p.err == nil && (p.symbol != "" || p.quoted) {
		p.fail("more follows than one expression")
	}
	if p.err != nil {
		return marker{}, fault.Errorf(fault.Invalid, "marker %q: %w", text, p.err)
	}
	return m, nil
}

func (p *markerParser) fail(what string) {
	if p.err == nil {
		p.err = fault.Errorf(fault.Invalid, "%s", what)
	}
	p.text, p.symbol, p.quoted = "", "", false
}

func (p *markerParser) next() {
	p.symbol, p.quoted, p.value = "", false, ""
	if strings.TrimSpace(p.text) == "" {
		return
	}
	m := markerToken.FindStringSubmatchIndex(p.text)
	if m == nil {
		p.fail("can't be read at " + p.text)
		return
	}
	group := func(i int) string { return p.text[m[2*i]:m[2*i+1]] }
	rest := p.text[m[1]:]
	switch {
	case m[2] >= 0:
		p.symbol = group(1)
	case m[4] >= 0:
		p.quoted, p.value = true, group(2)
	case m[6] >= 0:
		p.quoted, p.value = true, group(3)
	default:
		p.symbol = group(4)
	}
	p.text = rest
}

func (p *markerParser) or() marker  { return p.chain("or", p.and) }
func (p *markerParser) and() marker { return p.chain("and", p.term) }

func (p *markerParser) chain(op string, sub func() marker) marker {
	all := []marker{sub()}
	for p.err == nil && p.symbol == op {
		p.next()
		all = append(all, sub())
	}
	if len(all) == 1 {
		return all[0]
	}
	return marker{op: op, all: all}
}

func (p *markerParser) term() marker {
	if p.symbol == "(" {
		if p.depth++; p.depth > 50 { // metadata comes from strangers, and the parser recurses
			p.fail("too many parentheses")
			return marker{}
		}
		p.next()
		m := p.or()
		if p.symbol != ")" {
			p.fail("a parenthesis is not closed")
		}
		p.depth--
		p.next()
		return m
	}
	m := marker{left: p.operand()}
	m.op = p.symbol
	p.next()
	if m.op == "not" {
		if p.symbol != "in" {
			p.fail(`"not" is followed by "in" only`)
		}
		m.op = "not in"
		p.next()
	}
	if !slices.Contains([]string{"===", "~=", "==", "!=", "<=", ">=", "<", ">", "in", "not in"}, m.op) {
		p.fail("a comparison is missing")
	}
	m.right = p.operand()
	if p.err == nil && m.left.variable == m.right.variable {
		p.fail("a comparison is between a variable and a string")
	}
	return m
}

func (p *markerParser) operand() operand {
	if p.quoted {
		o := operand{text: p.value}
		p.next()
		return o
	}
	name := p.symbol
	if alias := markerAliases[name]; alias != "" {
		name = alias
	}
	if _, known := Emscripten("3.0")[name]; !known && name != "extra" {
		p.fail("unknown variable " + name)
		return operand{}
	}
	p.next()
	return operand{text: name, variable: true}
}

func (m marker) holds(env Environment, extra string) bool {
	switch m.op {
	case "or":
		return slices.ContainsFunc(m.all, func(n marker) bool { return n.holds(env, extra) })
	case "and":
		return !slices.ContainsFunc(m.all, func(n marker) bool { return !n.holds(env, extra) })
	}
	left, right := m.left.text, m.right.text
	isExtra := false
	for _, o := range []struct {
		operand
		value *string
	}{{m.left, &left}, {m.right, &right}} {
		if o.variable && o.text == "extra" {
			isExtra = true
			*o.value = extra
		} else if o.variable {
			*o.value = env[o.text]
		}
	}
	if isExtra {
		left, right = Normalize(left), Normalize(right)
	}
	return compareMarker(left, m.op, right)
}

// compareMarker compares as versions where the right side is one, and as text otherwise (PEP 508).
func compareMarker(left, op, right string) bool {
	switch op {
	case "in":
		return strings.Contains(right, left)
	case "not in":
		return !strings.Contains(right, left)
	}
	if spec, err := ParseSpecifier(op + right); err == nil {
		if v, err := ParseVersion(left); err == nil {
			return spec.Admits(v)
		}
	}
	switch op {
	case "==", "===":
		return left == right
	case "!=":
		return left != right
	case "<":
		return left < right
	case "<=":
		return left <= right
	case ">":
		return left > right
	case ">=":
		return left >= right
	}
	return false
}
