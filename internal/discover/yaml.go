// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// entry is one line of a mapping, or a mapping inside it.
type entry struct {
	key     string
	text    string // inline; "" when there are entries
	inside  []entry
	comment string
	head    string // a line of comment above
}

// widest is the column behind which comments no longer line up.
const widest = 56

// writeEntries writes a mapping in block style.
func writeEntries(out io.Writer, entries []entry, indent int, comments bool) error {
	pad := strings.Repeat(" ", indent)
	column := 0
	for _, e := range entries {
		if w := indent + len([]rune(e.key)) + 2 + len([]rune(e.text)); e.comment != "" && w <= widest {
			column = max(column, w)
		}
	}
	for i, e := range entries {
		if e.head != "" {
			gap := ""
			if i > 0 {
				gap = "\n"
			}
			if _, err := fmt.Fprintf(out, "%s%s# %s\n", gap, pad, e.head); err != nil {
				return err
			}
		}
		line := pad + e.key + ":"
		if e.text != "" {
			line += " " + e.text
		}
		if comments && e.comment != "" {
			line += strings.Repeat(" ", max(2, column+2-len([]rune(line)))) + "# " + e.comment
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
		if err := writeEntries(out, e.inside, indent+2, comments); err != nil {
			return err
		}
	}
	return nil
}

var bareKey = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_.$\[\]*~-]*$`)

// yamlKey quotes a key where YAML needs it.
func yamlKey(s string) string {
	if bareKey.MatchString(s) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(s)) {
		return s
	}
	return quoted(s)
}

// quoted writes a text in double quotes, which mean the same in JSON and YAML.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

var bareName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// relative spells a path below the object or document at hand; "$" at the front where it is absolute.
func relative(p event.Path, absolute bool) string {
	var b strings.Builder
	if absolute {
		b.WriteByte('$')
	}
	for _, seg := range p {
		switch {
		case seg.Kind == event.Name && bareName.MatchString(seg.Name):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(seg.Name)
		case seg.Kind == event.Name:
			b.WriteString("['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(seg.Name) + "']")
		case seg.Kind == event.Each:
			b.WriteString("[*]")
		}
	}
	return b.String()
}
