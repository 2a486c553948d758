package recipe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// forgeTemplate evaluates what stands between ${{ and }} in a recipe.yaml, and the conditions of its `if:`. It knows the
// part of minijinja that recipes use for names and versions; all else is an error that says what it met.
type forgeTemplate struct {
	vars map[string]any // string, bool, int or []string
}

// forgePlatform is what rattler-build says of the platform when it builds for Emscripten.
var forgePlatform = map[string]any{
	"emscripten": true, "wasm32": true, "unix": true,
	"linux": false, "osx": false, "win": false, "aarch64": false, "x86_64": false, "arm64": false, "wasi": false,
	"target_platform": "emscripten-wasm32", "host_platform": "emscripten-wasm32", "build_platform": "linux-64",
}

var templateForm = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// render replaces all ${{ … }} in a text.
func (t forgeTemplate) render(text string) (out string, err error) {
	out = templateForm.ReplaceAllStringFunc(text, func(m string) string {
		v, e := t.eval(strings.TrimSpace(m[3 : len(m)-2]))
		if e != nil && err == nil {
			err = e
		}
		if s, ok := v.(string); ok {
			return s
		}
		return fmt.Sprint(v)
	})
	return out, err
}

// holds evaluates a condition.
func (t forgeTemplate) holds(text string) (bool, error) {
	v, err := t.eval(strings.TrimSpace(text))
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("`%s` is neither true nor false", shorten(text))
	}
	return b, nil
}

func (t forgeTemplate) eval(text string) (v any, err error) {
	p := &forgeExpr{template: t, text: text}
	p.next()
	defer func() {
		if e := recover(); e != nil {
			failed, ok := e.(forgeFailure)
			if !ok {
				panic(e)
			}
			v, err = nil, failed.error
		}
	}()
	v = p.or()
	if p.kind != 0 {
		p.fail("`%s` is more than recipes are converted with", shorten(text))
	}
	return v, nil
}

// forgeFailure ends an evaluation.
type forgeFailure struct{ error }

// forgeExpr is a parser that evaluates as it goes.
type forgeExpr struct {
	template forgeTemplate
	text     string
	kind     byte // of the current token: 'a' a name, '"' a text, '0' a number, '.' anything else, 0 the end
	token    string
	depth    int
}

var forgeToken = regexp.MustCompile(`^\s*(?:([A-Za-z_][A-Za-z0-9_]*)|"([^"]*)"|'([^']*)'|([0-9]+)|(==|!=|.))`)

func (p *forgeExpr) fail(format string, args ...any) {
	panic(forgeFailure{fmt.Errorf(format, args...)})
}

func (p *forgeExpr) next() {
	m := forgeToken.FindStringSubmatchIndex(p.text)
	if m == nil {
		p.kind, p.token = 0, ""
		return
	}
	for i, kind := range []byte{'a', '"', '"', '0', '.'} {
		if from, to := m[2+2*i], m[3+2*i]; from >= 0 {
			p.kind, p.token = kind, p.text[from:to]
		}
	}
	p.text = p.text[m[1]:]
}

// is takes the token if it is this word or sign.
func (p *forgeExpr) is(token string) bool {
	if p.token != token || p.kind != 'a' && p.kind != '.' {
		return false
	}
	p.next()
	return true
}

func (p *forgeExpr) want(token string) {
	if !p.is(token) {
		p.fail("`%s` is expected where `%s` stands", token, p.token)
	}
}

func (p *forgeExpr) truth(v any) bool {
	b, ok := v.(bool)
	if !ok {
		p.fail("`%v` is neither true nor false", v)
	}
	return b
}

func (p *forgeExpr) or() any {
	if p.depth++; p.depth > maxDepth {
		p.fail("brackets are nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	v := p.and()
	for p.is("or") {
		right := p.and()
		v = p.truth(v) || p.truth(right)
	}
	return v
}

func (p *forgeExpr) and() any {
	v := p.not()
	for p.is("and") {
		right := p.not()
		v = p.truth(v) && p.truth(right)
	}
	return v
}

func (p *forgeExpr) not() any {
	negated := false
	for p.is("not") {
		negated = !negated
	}
	v := p.concat()
	switch {
	case p.is("=="):
		v = v == p.concat()
	case p.is("!="):
		v = v != p.concat()
	}
	if negated {
		return !p.truth(v)
	}
	return v
}

func (p *forgeExpr) concat() any {
	v := p.filtered()
	for p.is("~") || p.is("+") {
		v = fmt.Sprint(v) + fmt.Sprint(p.filtered())
	}
	return v
}

func (p *forgeExpr) filtered() any {
	v := p.indexed()
	for p.is("|") {
		name := p.token
		if p.kind != 'a' {
			p.fail("a filter is expected where `%s` stands", p.token)
		}
		p.next()
		v = p.filter(name, v, p.arguments())
	}
	return v
}

// arguments are what stands in parentheses; there may be none.
func (p *forgeExpr) arguments() (args []any) {
	if !p.is("(") {
		return nil
	}
	for !p.is(")") {
		args = append(args, p.or())
		if !p.is(",") {
			p.want(")")
			break
		}
	}
	return args
}

func (p *forgeExpr) filter(name string, v any, args []any) any {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = fmt.Sprint(a)
	}
	s, isText := v.(string)
	list, isList := v.([]string)
	switch {
	case name == "replace" && isText && len(texts) == 2:
		return strings.ReplaceAll(s, texts[0], texts[1])
	case name == "lower" && isText:
		return strings.ToLower(s)
	case name == "upper" && isText:
		return strings.ToUpper(s)
	case name == "trim" && isText:
		return strings.TrimSpace(s)
	case name == "split" && isText && len(texts) == 1 && texts[0] != "":
		return strings.Split(s, texts[0])
	case name == "join" && isList && len(texts) <= 1:
		return strings.Join(list, strings.Join(texts, ""))
	case name == "first" && isList:
		return p.index(v, 0)
	case name == "last" && isList:
		return p.index(v, -1)
	case name == "string":
		return fmt.Sprint(v)
	case name == "int" && isText:
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
	}
	p.fail("the filter `%s` is not converted", name)
	return nil
}

func (p *forgeExpr) indexed() any {
	v := p.primary()
	for {
		switch {
		case p.is("["):
			v = p.bracket(v)
		case p.is("."):
			name := p.token
			p.next()
			v = p.filter(name, v, p.arguments()) // name.replace("a", "b") and the like
		default:
			return v
		}
	}
}

// bracket is [n] or [n:m].
func (p *forgeExpr) bracket(v any) any {
	from, given := p.number()
	if given && p.is("]") {
		return p.index(v, from)
	}
	p.want(":")
	to, bounded := p.number()
	p.want("]")
	length := p.length(v)
	clamp := func(n int) int {
		if n < 0 {
			n += length
		}
		return min(max(n, 0), length)
	}
	end := length
	if bounded {
		end = clamp(to)
	}
	begin := min(clamp(from), end)
	if list, ok := v.([]string); ok {
		return list[begin:end]
	}
	return v.(string)[begin:end]
}

func (p *forgeExpr) number() (n int, given bool) {
	negative := p.is("-")
	if p.kind != '0' {
		return 0, false
	}
	n, err := strconv.Atoi(p.token)
	if err != nil {
		p.fail("`%s` is not a number", p.token)
	}
	p.next()
	if negative {
		n = -n
	}
	return n, true
}

func (p *forgeExpr) length(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []string:
		return len(v)
	}
	p.fail("`%v` has no parts", v)
	return 0
}

func (p *forgeExpr) index(v any, n int) any {
	length := p.length(v)
	if n < 0 {
		n += length
	}
	if n < 0 || n >= length {
		p.fail("`%v` has no part %d", v, n)
	}
	if list, ok := v.([]string); ok {
		return list[n]
	}
	return v.(string)[n : n+1]
}

func (p *forgeExpr) primary() any {
	kind, token := p.kind, p.token
	if p.is("(") {
		v := p.or()
		p.want(")")
		return v
	}
	switch p.next(); kind {
	case '"':
		return token
	case '0':
		n, err := strconv.Atoi(token)
		if err != nil {
			p.fail("`%s` is not a number", token)
		}
		return n
	case 'a':
		if p.token == "(" && p.kind == '.' {
			p.fail("`%s()` is known to rattler-build only", token)
		}
		if v, ok := p.template.vars[token]; ok {
			return v
		}
		p.fail("`%s` is a variant's variable or unknown: it has no value outside of rattler-build", token)
	}
	p.fail("`%s` can't stand there", token)
	return nil
}
