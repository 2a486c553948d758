package driver

import (
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$\((\w+)\)|\$\{(\w+)\}`)

// expand substitutes variables as recipes write them in flags, $(NAME) and ${NAME}. A variable that is not set stays as
// it is, and so does $NAME: `-Wl,-rpath,$ORIGIN` is for the loader.
func expand(text string, env map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(m string) string {
		if v, ok := env[m[2:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// words expands flags and splits them at white space, without regard to quotes: recipes write -DNAME="text" where the
// compiler shall see the quotes.
func words(flags string, env map[string]string) []string { return strings.Fields(expand(flags, env)) }
