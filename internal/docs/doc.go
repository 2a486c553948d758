// Package docs has no code: its tests hold the documentation to the program. Links lead somewhere, every package says
// what it is, and the references name all that there is (routes, recipe keys, fields of the record, rules of the
// audit). docs/reference/cli.md is held by package cli.
package docs
