// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxPayload = 1 << 20         // bytes
	maxDepth   = 64              // levels of arrays and objects
	maxID      = 1024            // bytes of an identifier, as in the signals topic
	maxSkew    = 5 * 60 * 1000   // ms by which a sender's clock may run ahead
	earliest   = 946_684_800_000 // ms, 2000-01-01: before it there was no sender, so the field was left at a default
)

// node is a place in a message. Its path is made of names in this package's code and of indexes, never of a payload's names.
type node struct {
	path  string
	value any // map[string]any, []any, string, json.Number or bool; nil where there is nothing, or null
}

// read parses a message. It refuses what two parsers could read differently: members named twice, and text that is no Unicode.
func (f From) read(payload []byte) (node, error) {
	if err := f.check(); err != nil {
		return node{}, err
	}
	return parse(payload)
}

func parse(payload []byte) (node, error) {
	switch {
	case len(payload) > maxPayload:
		return node{}, &FieldError{"$", "at most 1 MiB"}
	case !utf8.Valid(payload) || !json.Valid(payload):
		return node{}, &FieldError{"$", "JSON in UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	v, err := parseValue(d, maxDepth)
	if err != nil {
		return node{}, err
	}
	if _, ok := v.(map[string]any); !ok {
		return node{}, &FieldError{"$", "an object"}
	}
	return node{"$", v}, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, &FieldError{"$", "JSON in UTF-8"}
	}
	switch token {
	case json.Delim('{'), json.Delim('['):
		if depth == 0 {
			return nil, &FieldError{"$", "at most 64 levels"}
		}
	}
	switch token {
	case json.Delim('{'):
		return parseObject(d, depth-1)
	case json.Delim('['):
		elements := []any{}
		for d.More() {
			v, err := parseValue(d, depth-1)
			if err != nil {
				return nil, err
			}
			elements = append(elements, v)
		}
		_, err = d.Token()
		return elements, err
	}
	return token, nil
}

func parseObject(d *json.Decoder, depth int) (any, error) {
	members := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, &FieldError{"$", "JSON in UTF-8"}
		}
		if _, twice := members[name.(string)]; twice {
			return nil, &FieldError{"$", "each member named once"}
		}
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		members[name.(string)] = v
	}
	_, err := d.Token()
	return members, err
}

func (n node) present() bool { return n.value != nil }

// at gives a member, by names from the outside in. It is absent where there is none, or no object to have it.
func (n node) at(names ...string) node {
	for _, name := range names {
		members, _ := n.value.(map[string]any)
		n = node{n.path + "." + name, members[name]}
	}
	return n
}

// each gives the elements of an array; a single value stands for an array of one, and nothing for none.
func (n node) each() []node {
	elements, ok := n.value.([]any)
	if !ok {
		if !n.present() {
			return nil
		}
		return []node{n}
	}
	nodes := make([]node, len(elements))
	for i, v := range elements {
		nodes[i] = node{n.path + "[" + strconv.Itoa(i) + "]", v}
	}
	return nodes
}

// text is the string there, or "".
func (n node) text() string {
	s, _ := n.value.(string)
	return s
}

// isTrue and isFalse tell apart what was said from what was left out.
func (n node) isTrue() bool  { return n.value == true }
func (n node) isFalse() bool { return n.value == false }

// id is the identifier there: text, or a whole number digit by digit, so that 2⁵³+1 stays what it is.
func (n node) id() (string, error) {
	s := n.text()
	if number, ok := n.value.(json.Number); ok && isDecimal(number.String()) {
		s = number.String()
	}
	// U+FFFD is what a broken escape turns into: two identifiers could become one.
	broken := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if s == "" || len(s) > maxID || strings.TrimSpace(s) != s || strings.ContainsFunc(s, broken) {
		return "", &FieldError{n.path, "an identifier: text without spaces around it, or a whole number"}
	}
	return s, nil
}

// decimal is the identifier there, of a sender whose identifiers are decimal numbers; 0 is how they write "nobody".
func (n node) decimal() (string, error) {
	s, err := n.id()
	if err != nil || !isDecimal(s) || len(s) > 20 || strings.Trim(s, "0") == "" {
		return "", &FieldError{n.path, "a decimal number above 0"}
	}
	return s, nil
}

func isDecimal(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// first gives the first of the fields that is there, or the absent first one.
func first(nodes ...node) node {
	if i := slices.IndexFunc(nodes, node.present); i >= 0 {
		return nodes[i]
	}
	return nodes[0]
}

// moment is a time that a message tells.
type moment struct {
	path  string
	ms    int64
	known bool // false: the message does not say, or left the field at its default
}

func newMoment(path string, ms int64) moment {
	return moment{path: path, ms: ms, known: ms >= earliest}
}

// unix reads a count since 1970, in seconds, milli- or microseconds by its size: seconds reach 10¹¹ in the year 5138.
// Slack writes text with a fraction, "1700001891.279278".
func (n node) unix() (moment, error) {
	if !n.present() {
		return moment{path: n.path}, nil
	}
	digits := n.text()
	if number, ok := n.value.(json.Number); ok {
		digits = number.String()
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	count, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || !isDecimal(whole) || fraction != "" && !isDecimal(fraction) {
		return moment{}, &FieldError{n.path, "a time since 1970"}
	}
	switch {
	case count >= 1e17:
		return moment{}, &FieldError{n.path, "a time since 1970 in s, ms or µs"}
	case count >= 1e14:
		count /= 1000
	case count < 1e11:
		count *= 1000
	}
	return newMoment(n.path, count), nil
}

// iso reads RFC 3339, or ISO 8601 without a zone, which senders mean as UTC.
func (n node) iso() (moment, error) {
	if !n.present() {
		return moment{path: n.path}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, n.text()); err == nil {
			return newMoment(n.path, t.UnixMilli()), nil
		}
	}
	return moment{}, &FieldError{n.path, "a time as RFC 3339 writes it"}
}
