package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// decoder fills a Recipe from a tree by way of the schema, noting every mistake and the place of every key.
type decoder struct {
	recipe *Recipe
	errs   *Errors
	failed map[string]bool // keys whose value could not be read; no rule needs to complain of them again
}

func (d *decoder) document(root *value) {
	if root.shape != isMapping {
		d.errs.add(root.at, "", "a recipe is a mapping that begins with `package:`, not %s", root.shape)
		return
	}
	for _, e := range root.keys {
		d.recipe.positions[e.name] = e.at
		i := slices.IndexFunc(schema, func(s section) bool { return s.name == e.name })
		if i < 0 {
			d.errs.add(e.at, d.meant("", e.name), "unknown section `%s`", e.name)
			continue
		}
		d.section(schema[i], e)
	}
}

func (d *decoder) section(s section, e entry) {
	if s.keys == nil { // free-form
		d.recipe.Extra = e.value.plain()
		return
	}
	if e.value.shape == isNull && s.name != "package" {
		return // all that stood there is commented out
	}
	if e.value.shape != isMapping {
		d.mismatch(e.value, s.name, isMapping)
		return
	}
	for _, sub := range e.value.keys {
		path := s.name + "." + sub.name
		d.recipe.positions[path] = sub.at
		i := slices.IndexFunc(s.keys, func(k key) bool { return k.name == sub.name })
		if i < 0 {
			d.errs.add(sub.at, d.meant(s.name, sub.name), "unknown key `%s` in section `%s`", sub.name, s.name)
			continue
		}
		s.keys[i].set(d, path, sub.value)
	}
}

// meant says what a person may have meant by an unknown key: the very key in another section, then a near one in this
// section, then a near one in any.
func (d *decoder) meant(where, name string) string {
	var sections, own, all []string
	home := map[string]string{}
	for _, s := range schema {
		sections = append(sections, s.name)
		for _, k := range s.keys {
			if s.name == where {
				own = append(own, k.name)
			}
			if _, ok := home[k.name]; !ok {
				home[k.name] = s.name
				all = append(all, k.name)
			}
		}
	}
	if where == "" {
		own = sections
	} else if slices.Contains(sections, name) {
		return fmt.Sprintf("`%s` is a section: it belongs at the start of a line", name)
	}
	if s, ok := home[name]; ok {
		return fmt.Sprintf("`%s` belongs under `%s`", name, s)
	}
	if near := nearest(name, own); near != "" {
		return fmt.Sprintf("did you mean `%s`?", near)
	}
	if near := nearest(name, all); near != "" {
		return fmt.Sprintf("did you mean `%s` under `%s`?", near, home[near])
	}
	return ""
}

func (d *decoder) mismatch(v *value, path string, want shape) {
	d.failed[path] = true
	if v.shape == isRefused {
		return
	}
	got := string(v.shape)
	if v.shape == isBool {
		got = v.text
	}
	hint := ""
	switch {
	case want == isText && v.shape == isBool:
		hint = fmt.Sprintf("put it in quotes: \"%s\"", v.text)
	case want == isBool && v.shape == isText && slices.Contains([]string{"yes", "no", "on", "off", "true", "false"}, strings.ToLower(v.text)):
		hint = "YAML 1.2 knows only true and false, without quotes"
	case want == isList && v.shape == isText:
		hint = fmt.Sprintf("write [%s], or `- %s` on a line of its own", v.text, v.text)
	case v.shape == isNull:
		hint = "leave the key out"
	}
	d.errs.add(v.at, hint, "`%s` must be %s, not %s", path, want, got)
}

// scalar reads a text. A number counts as the text it is written as.
func (d *decoder) scalar(path string, v *value) (string, bool) {
	if v.shape != isText && v.shape != isNumber {
		d.mismatch(v, path, isText)
		return "", false
	}
	return v.text, true
}

// The functions below make setters: each reads one shape of value into the field that it is given.

func text(field func(*Recipe) *string) setter {
	return func(d *decoder, path string, v *value) {
		if s, ok := d.scalar(path, v); ok {
			*field(d.recipe) = s
		}
	}
}

// optional is a text that may also be left empty: `home:` means the same as no key.
func optional(field func(*Recipe) *string) setter {
	return func(d *decoder, path string, v *value) {
		if v.shape != isNull {
			text(field)(d, path, v)
		}
	}
}

func flag(field func(*Recipe) *bool) setter {
	return func(d *decoder, path string, v *value) {
		if v.shape != isBool {
			d.mismatch(v, path, isBool)
			return
		}
		*field(d.recipe) = v.yes
	}
}

func texts(field func(*Recipe) *[]string) setter {
	return func(d *decoder, path string, v *value) { *field(d.recipe) = d.list(path, v) }
}

func (d *decoder) list(path string, v *value) (list []string) {
	if v.shape == isNull {
		return nil // all that stood there is commented out
	}
	if v.shape != isList {
		d.mismatch(v, path, isList)
		return nil
	}
	for i, item := range v.items {
		if s, ok := d.scalar(fmt.Sprintf("%s[%d]", path, i), item); ok {
			d.recipe.positions[fmt.Sprintf("%s[%d]", path, len(list))] = item.at
			list = append(list, strings.TrimSpace(s)) // block scalars end in a newline
		}
	}
	return list
}

// choice is a text out of a closed set.
func choice[T ~string](field func(*Recipe) *T, allowed ...T) setter {
	return func(d *decoder, path string, v *value) {
		s, ok := d.scalar(path, v)
		if !ok {
			return
		}
		if !slices.Contains(allowed, T(s)) {
			d.errs.add(v.at, oneOf(s, allowed), "`%s` can't be `%s`", path, s)
			return
		}
		*field(d.recipe) = T(s)
	}
}

func oneOf[T ~string](got string, allowed []T) string {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	if near := nearest(got, names); near != "" {
		return fmt.Sprintf("did you mean `%s`?", near)
	}
	return "one of " + strings.Join(names, ", ")
}
