// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"strings"
)

// scalarKind is what a scalar is to readers of YAML.
type scalarKind uint8

const (
	plain     scalarKind = iota // unquoted text that no reader takes for anything else
	quoted                      // text for certain
	number                      // a number, spelled as JSON does
	boolean                     // true or false
	null                        // nothing, ~ or null
	broken                      // not read, after a fault: nothing more is said about it
	ambiguous                   // text to one reader and a number, a boolean or a date to another: 010, yes, 1e3, 2026-01-01, 12:30
)

var (
	integerSpelling = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	decimalSpelling = regexp.MustCompile(`^-?(0|[1-9][0-9]*)\.[0-9]+$`)
	// What YAML 1.1 or 1.2 resolve to a boolean, number or date and JSON does not spell that way.
	ambiguousSpelling = regexp.MustCompile(`^(?:(?i:yes|no|on|off|true|false|null)` +
		`|[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?0o?[0-7_]+|[-+]?0b[01_]+` +
		`|[-+]?\.(?i:inf)|\.(?i:nan)` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?` +
		`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?)$`)
)

func scalarOf(text string) scalarKind {
	switch {
	case text == "" || text == "~" || text == "null":
		return null
	case text == "true" || text == "false":
		return boolean
	case unmistakable(text):
		return plain
	case integerSpelling.MatchString(text) || decimalSpelling.MatchString(text):
		return number
	case ambiguousSpelling.MatchString(text):
		return ambiguous
	}
	return plain
}

// unmistakable tells of most words at a glance what ambiguousSpelling says of them: a pack has thousands.
// No number or date begins with a letter, and the words that some reader takes for something else are short.
func unmistakable(text string) bool {
	c := text[0]
	letter := 'a' <= c|0x20 && c|0x20 <= 'z'
	return letter && (len(text) > len("falſe") || !strings.ContainsRune("yntof", rune(c|0x20)))
}
