package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// shape is what kind of YAML value stands somewhere.
type shape string

const (
	isText    shape = "a text"
	isNumber  shape = "a number"
	isBool    shape = "true or false"
	isNull    shape = "nothing"
	isList    shape = "a list"
	isMapping shape = "a mapping"
	isRefused shape = "what is not supported" // noted already
)

// value is a YAML value with its place. The YAML library's own tree is not used beyond this file: it has more node
// types than YAML has shapes, and places only on tokens.
type value struct {
	at    Position
	shape shape
	text  string // of a scalar, as written: a version 3.10 stays "3.10"
	yes   bool   // of isBool
	items []*value
	keys  []entry // of isMapping, in the file's order, without duplicates
}

type entry struct {
	name  string
	at    Position
	value *value
}

// The YAML parser's time grows with the square of the size and of the depth, so a farm that takes recipes from anybody
// needs limits. Both are far above what the largest known recipes need.
const (
	maxSize  = 64 << 10 // bytes
	maxDepth = 100      // open brackets
)

// tree reads YAML 1.2 without anchors, aliases, merge keys and tags: recipes do not use them, and a value that stands
// in two places has no one position. The result is nil if there are syntax errors.
func tree(file string, data []byte, errs *Errors) *value {
	start := Position{File: file, Line: 1, Column: 1}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors' mark of UTF-8
	if !utf8.Valid(data) {
		errs.add(start, "save it as UTF-8", "the file is not UTF-8")
		return nil
	}
	if len(data) > maxSize {
		errs.add(start, "keep long scripts in files of their own", "the file has more than %d KiB", maxSize>>10)
		return nil
	}
	if line := deepLine(data); line > 0 {
		errs.add(Position{file, line, 1}, "", "brackets are nested deeper than %d levels", maxDepth)
		return nil
	}
	parsed, err := parse(data)
	if err != nil {
		at, message := start, err.Error()
		if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
			message = syntax.GetMessage()
			at = tokenPosition(file, syntax.GetToken())
		}
		hint := ""
		if strings.Contains(message, "\t") {
			message, hint = "a tab can't stand here", "indent with spaces"
		}
		errs.add(at, hint, "not valid YAML: %s", message)
		return nil
	}
	var body ast.Node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType:
		case doc.Body.Type() == ast.DirectiveType:
		case body != nil:
			errs.add(Position{file, tokenPosition(file, doc.Body.GetToken()).Line, 1}, "", "a recipe is one YAML document, and here a second one begins")
		default:
			body = doc.Body
		}
	}
	b := builder{file: file, errs: errs}
	if body == nil {
		return &value{at: start, shape: isNull}
	}
	return b.value(body, start)
}

// parse turns a panic of the parser into an error: recipes come from anybody, and none may end the process.
func parse(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gives up: %v", p)
		}
	}()
	// Duplicate keys are found by builder, which can name all of them.
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// deepLine is the line on which brackets are nested deeper than maxDepth, or 0. Brackets in texts and scripts count
// too; there they come in pairs.
func deepLine(data []byte) int {
	depth, line := 0, 1
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '\n':
			line++
		}
		if depth > maxDepth {
			return line
		}
	}
	return 0
}

func tokenPosition(file string, t *token.Token) Position {
	p := Position{File: file, Line: 1, Column: 1}
	if t != nil && t.Position != nil {
		p.Line, p.Column = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

// builder makes values of the library's nodes.
type builder struct {
	file string
	errs *Errors
}

// value is the value of n; around is where its key stands, for nodes that have no place of their own.
func (b builder) value(n ast.Node, around Position) *value {
	if n == nil {
		return &value{at: around, shape: isNull}
	}
	at := around
	if t := n.GetToken(); t != nil && t.Position != nil && t.Position.Line > 0 {
		at = tokenPosition(b.file, t)
	}
	v := &value{at: at, shape: isText}
	switch n := n.(type) {
	case *ast.StringNode:
		v.text = n.Value
	case *ast.LiteralNode:
		v.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v.shape, v.text = isNumber, n.GetToken().Value
	case *ast.BoolNode:
		v.shape, v.yes, v.text = isBool, n.Value, n.GetToken().Value
	case *ast.NullNode:
		v.shape, v.at = isNull, around
	case *ast.SequenceNode:
		v.shape = isList
		for _, item := range n.Values {
			v.items = append(v.items, b.value(item, v.at))
		}
	case *ast.MappingNode:
		b.mapping(v, n.Values)
	case *ast.MappingValueNode:
		b.mapping(v, []*ast.MappingValueNode{n})
	case *ast.AnchorNode:
		b.refuse(at, n)
		return b.value(n.Value, at)
	case *ast.TagNode:
		b.refuse(at, n)
		return b.value(n.Value, at)
	default:
		b.refuse(at, n)
		v.shape = isRefused
	}
	return v
}

func (b builder) refuse(at Position, n ast.Node) {
	b.errs.add(at, "write the value out", "%s is not supported in a recipe", describe(n))
}

func (b builder) mapping(v *value, nodes []*ast.MappingValueNode) {
	v.shape = isMapping
	seen := map[string]Position{}
	for i, n := range nodes {
		at := tokenPosition(b.file, n.Key.GetToken())
		if i == 0 {
			v.at = at // the library gives a mapping the place of its first colon
		}
		var name string
		switch key := n.Key.(type) {
		case *ast.StringNode:
			name = key.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			name = key.GetToken().Value
		default:
			b.errs.add(at, "", "%s is not supported as a key", describe(n.Key))
			continue
		}
		if first, ok := seen[name]; ok {
			b.errs.add(at, fmt.Sprintf("the first one is on line %d", first.Line), "`%s` is given twice", name)
			continue
		}
		seen[name] = at
		v.keys = append(v.keys, entry{name, at, b.value(n.Value, at)})
	}
}

// describe names a node for a person.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.AnchorNode:
		return "an anchor (&name)"
	case *ast.AliasNode:
		return "an alias (*name)"
	case *ast.MergeKeyNode:
		return "a merge key (<<)"
	case *ast.TagNode:
		return "a tag (!name)"
	case *ast.MappingKeyNode:
		return "a complex key (?)"
	}
	return "YAML's " + strings.ToLower(n.Type().String())
}

// plain is the value as Go data: maps, lists, texts, numbers as they are written, booleans and nil.
func (v *value) plain() any {
	switch v.shape {
	case isNull, isRefused:
		return nil
	case isBool:
		return v.yes
	case isList:
		list := make([]any, len(v.items))
		for i, item := range v.items {
			list[i] = item.plain()
		}
		return list
	case isMapping:
		m := make(map[string]any, len(v.keys))
		for _, e := range v.keys {
			m[e.name] = e.value.plain()
		}
		return m
	}
	return v.text
}
