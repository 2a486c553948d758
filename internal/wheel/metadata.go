package wheel

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Header is one line of METADATA or WHEEL.
type Header struct{ Key, Value string }

// Headers are the lines of METADATA or WHEEL in their order. Keys are compared without regard to case.
type Headers []Header

// Get is the first value of a key, empty when there is none.
func (h Headers) Get(key string) string {
	for _, x := range h {
		if strings.EqualFold(x.Key, key) {
			return x.Value
		}
	}
	return ""
}

// All are the values of a key.
func (h Headers) All(key string) []string {
	var out []string
	for _, x := range h {
		if strings.EqualFold(x.Key, key) {
			out = append(out, x.Value)
		}
	}
	return out
}

// parseHeaders reads up to the first empty line, behind which METADATA has the description. Lines that begin with a
// space continue the one before, as in mail. net/textproto refuses what packages contain: long lines and odd keys.
func parseHeaders(b []byte) (Headers, error) {
	var out Headers
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, len(b)+1)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSuffix(s.Text(), "\r")
		if line == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(out) > 0 {
			out[len(out)-1].Value += "\n" + strings.TrimSpace(line)
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			return nil, fault.Errorf(fault.Invalid, "line %d is not a header: %.80q", n, line)
		}
		out = append(out, Header{key, strings.TrimSpace(value)})
	}
	return out, nil
}

// Metadata is what METADATA says (the core metadata specification).
type Metadata struct {
	Headers        Headers
	Name           string
	Version        string
	RequiresPython string
	RequiresDist   []Requirement
	Raw            []byte // the file; PEP 658 serves these very bytes
}

// ParseMetadata reads METADATA. Its errors are fault.Invalid: no name, no version, a requirement that can't be read.
func ParseMetadata(b []byte) (*Metadata, error) {
	h, err := parseHeaders(b)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading METADATA: %w", err)
	}
	m := &Metadata{
		Headers: h, Name: h.Get("Name"), Version: h.Get("Version"), RequiresPython: h.Get("Requires-Python"), Raw: b,
	}
	if !ValidName(m.Name) {
		return nil, fault.Errorf(fault.Invalid, "reading METADATA: %q is not a project's name", m.Name)
	}
	if _, err := ParseVersion(m.Version); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading METADATA: %w", err)
	}
	for _, text := range h.All("Requires-Dist") {
		r, err := ParseRequirement(text)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading METADATA: %w", err)
		}
		m.RequiresDist = append(m.RequiresDist, r)
	}
	return m, nil
}

// RunRequirements are the requirements that hold in env without any extra.
func (m *Metadata) RunRequirements(env Environment) []Requirement {
	var out []Requirement
	for _, r := range m.RequiresDist {
		if r.Applies(env) {
			out = append(out, r)
		}
	}
	return out
}
