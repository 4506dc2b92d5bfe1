// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Format writes a policy, a pack or a test file in its canonical form: two spaces for each level, one space around what is
// written in braces, double quotes where the text has none, at most one empty line. Comments stay, those behind a line in their column where they can.
// Values of several lines keep their lines. What does not parse is refused with Problems.
func Format(name string, data []byte) ([]byte, error) {
	before, err := readTree(name, data)
	if err != nil {
		return nil, err
	}
	out := format(before, data)
	after, err := readTree(name, out)
	if err != nil || !sameTree(before, after) || !slices.Equal(commentTexts(data), commentTexts(out)) {
		return nil, fmt.Errorf("%s cannot be formatted without changing what it says", name)
	}
	if !bytes.Equal(out, format(after, out)) {
		return nil, fmt.Errorf("%s has no settled form", name)
	}
	return out, nil
}

func readTree(name string, data []byte) (*node, error) {
	f := &faults{files: []string{name}}
	n := parseYAML(name, data, f)
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	if n == nil || n.kind != mappingNode || n.flow {
		return nil, errors.New(name + " is no policy, pack or test file")
	}
	return n, nil
}

func sameTree(a, b *node) bool {
	if a.kind != b.kind || a.text != b.text || a.scalar != b.scalar || len(a.pairs) != len(b.pairs) || len(a.items) != len(b.items) {
		return false
	}
	for i := range a.pairs {
		if a.pairs[i].key.text != b.pairs[i].key.text || !sameTree(a.pairs[i].value, b.pairs[i].value) {
			return false
		}
	}
	for i := range a.items {
		if !sameTree(a.items[i], b.items[i]) {
			return false
		}
	}
	return true
}

// comment is one comment and where it stands.
type comment struct {
	line, col int
	text      string
}

func commentsOf(data []byte) []comment {
	var out []comment
	for _, t := range lexer.Tokenize(string(data)) {
		if t.Type == token.CommentType && t.Position != nil {
			out = append(out, comment{t.Position.Line, t.Position.Column, "#" + strings.TrimRight(t.Value, " \t\r")})
		}
	}
	return out
}

func commentTexts(data []byte) []string {
	var out []string
	for _, c := range commentsOf(data) {
		out = append(out, c.text)
	}
	return out
}

// layout is what is known of the lines of a file.
type layout struct {
	lines  []string
	starts map[int]start // lines, from 1, on which a key or an item begins
}

// start is how a line begins, and all of it where the value ends on it.
type start struct {
	indent int
	text   string
	value  *node // that stands behind text, in braces or a scalar; nil: none
}

// format lays a tree out anew, line by line, so that comments and values of several lines stay where they belong.
func format(root *node, data []byte) []byte {
	text := strings.TrimPrefix(string(data), "\ufeff")
	l := &layout{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), starts: map[int]start{}}
	l.mapping(root, 0, "")
	comments := map[int]comment{}
	for _, c := range commentsOf([]byte(strings.Join(l.lines, "\n"))) {
		comments[c.line] = c
	}
	var out []string
	shift := 0 // of the lines of a value of several
	for i := range l.lines {
		number := i + 1
		c, commented := comments[number]
		s, starts := l.starts[number]
		switch {
		case starts && (s.value == nil || l.single(number, comments)):
			line := strings.Repeat(" ", s.indent) + s.text
			if s.value != nil {
				line += " " + inline(s.value)
			}
			if commented {
				line = behind(line, c)
			}
			out = append(out, line)
			shift = s.indent - indentOf(l.lines[i])
		case starts:
			shift = s.indent - indentOf(l.lines[i])
			out = append(out, moved(l.lines[i], shift))
		case strings.TrimSpace(l.lines[i]) == "":
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
		case commented && strings.HasPrefix(strings.TrimSpace(l.lines[i]), "#") && l.between(number, comments):
			out = append(out, strings.Repeat(" ", l.indentAfter(number, c))+c.text)
		default:
			out = append(out, moved(l.lines[i], shift))
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// mapping notes how the lines of a block mapping begin. first stands before its first key: the dash of a list.
func (l *layout) mapping(n *node, indent int, first string) {
	for i, p := range n.pairs {
		at, text := indent, spellScalar(p.key)+":"
		if i == 0 && first != "" {
			at, text = indent-len(first), first+text
		}
		l.value(p.key.line, at, indent, text, p.value)
	}
}

// value notes one key or dash, and what is below it.
func (l *layout) value(line, at, indent int, text string, v *node) {
	switch {
	case v.kind == mappingNode && !v.flow && len(v.pairs) > 0:
		l.starts[line] = start{indent: at, text: text}
		l.mapping(v, indent+2, "")
	case v.kind == listNode && !v.flow && len(v.items) > 0:
		l.starts[line] = start{indent: at, text: text}
		l.list(v, indent+2)
	case v.kind == scalarNode && v.scalar == null && v.text == "":
		l.starts[line] = start{indent: at, text: text}
	default:
		l.starts[line] = start{at, text, v}
	}
}

func (l *layout) list(n *node, indent int) {
	for _, item := range n.items {
		if item.kind == mappingNode && !item.flow && len(item.pairs) > 0 {
			l.mapping(item, indent+2, "- ")
		} else {
			l.value(item.line, indent, indent, "-", item)
		}
	}
}

// single tells whether the value that begins on a line ends on it.
func (l *layout) single(line int, comments map[int]comment) bool {
	if v := l.starts[line].value; v.line != line || strings.HasPrefix(l.valueText(line), "|") || strings.HasPrefix(l.valueText(line), ">") {
		return false
	}
	for next := line + 1; next <= len(l.lines); next++ {
		if _, starts := l.starts[next]; starts {
			return true
		}
		text := strings.TrimSpace(l.lines[next-1])
		if _, commented := comments[next]; text != "" && (!commented || !strings.HasPrefix(text, "#")) {
			return false
		}
	}
	return true
}

// valueText is what stands where the value of a line begins.
func (l *layout) valueText(line int) string {
	runes := []rune(l.lines[line-1])
	if col := l.starts[line].value.col; col <= len(runes) {
		return string(runes[col-1:])
	}
	return ""
}

// between tells whether a line stands between two keys or items, not inside a value of several lines.
func (l *layout) between(line int, comments map[int]comment) bool {
	for before := line - 1; before > 0; before-- {
		if s, starts := l.starts[before]; starts {
			return s.value == nil || l.single(before, comments)
		}
	}
	return true
}

// indentAfter is how far a comment of its own line is indented: as the next line, of which it speaks, or, at the end of a
// block in whose column it stands, as that block.
func (l *layout) indentAfter(line int, c comment) int {
	next := line + 1
	for next <= len(l.lines) && l.starts[next].text == "" {
		next++
	}
	if next > len(l.lines) || indentOf(l.lines[next-1]) != c.col-1 {
		for before := line - 1; before > 0; before-- {
			if s, starts := l.starts[before]; starts && indentOf(l.lines[before-1]) == c.col-1 {
				return s.indent
			} else if starts && indentOf(l.lines[before-1]) < c.col-1 {
				break
			}
		}
	}
	return l.starts[next].indent
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// moved shifts a line.
func moved(line string, by int) string {
	line = strings.TrimRight(line, " \t\r")
	if by >= 0 {
		return strings.Repeat(" ", by) + line
	}
	return line[min(-by, indentOf(line)):]
}

// behind puts a comment behind a line: in its column, at least two spaces away.
func behind(line string, c comment) string {
	return line + strings.Repeat(" ", max(c.col-1-utf8.RuneCountInString(line), 2)) + c.text
}

// inline writes a value on one line.
func inline(n *node) string {
	switch n.kind {
	case mappingNode:
		parts := make([]string, len(n.pairs))
		for i, p := range n.pairs {
			parts[i] = spellScalar(p.key) + ": " + inline(p.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case listNode:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = inline(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return spellScalar(n)
}

func spellScalar(n *node) string {
	if n.scalar != quoted {
		return n.text
	}
	if strings.Contains(n.text, `"`) && !strings.ContainsFunc(n.text, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
		return "'" + strings.ReplaceAll(n.text, "'", "''") + "'"
	}
	var b bytes.Buffer
	quoteJSON(&b, n.text)
	return b.String()
}
