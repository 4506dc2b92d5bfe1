// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// reader turns nodes into typed values. What does not fit is noted as a fault and reported as false; reading goes on.
type reader struct {
	*faults
}

// object is a mapping with a fixed set of keys.
type object struct {
	at     place
	what   string
	values map[string]*node
	keys   map[string]*node
	meant  map[string]bool // keys that are there, misspelled
}

// object reads a mapping that may have the known keys only.
func (r reader) object(n *node, what string, known ...string) (object, bool) {
	o := object{at: n.place, what: what, values: map[string]*node{}, keys: map[string]*node{}, meant: map[string]bool{}}
	if n.isBroken() {
		return o, false
	}
	if n.kind != mappingNode {
		r.add(n.place, what+" must be a mapping", "write `key: value` lines; its keys are "+strings.Join(known, ", "))
		return o, false
	}
	for _, p := range n.pairs {
		if !slices.Contains(known, p.key.text) {
			r.unknownKey(p.key, what, known)
			o.meant[near(p.key.text, known)] = true
			continue
		}
		o.keys[p.key.text], o.values[p.key.text] = p.key, p.value
	}
	return o, true
}

func (r reader) unknownKey(key *node, what string, known []string) {
	r.add(key.place, fmt.Sprintf("unknown key %q in %s", key.text, what), suggest(key.text, known))
}

func (n *node) isBroken() bool { return n.kind == scalarNode && n.scalar == broken }

// take gives the value of a key, or nil.
func (o object) take(key string) *node { return o.values[key] }

// need gives the value of a key that must be there, or nil after a fault.
func (r reader) need(o object, key, fix string) *node {
	n := o.values[key]
	if n == nil && !o.meant[key] {
		r.add(o.at, o.what+" has no `"+key+":`", fix)
	}
	return n
}

// entries reads a mapping whose keys are chosen by the author.
func (r reader) entries(n *node, what string) []pair {
	if n.isBroken() {
		return nil
	}
	if n.kind != mappingNode {
		r.add(n.place, what+" must be a mapping", "write `key: value` lines below it")
		return nil
	}
	return n.pairs
}

// names reads a mapping whose keys are names of things.
func (r reader) names(n *node, what string) []pair {
	entries := r.entries(n, what)
	for _, p := range entries {
		r.isName(p.key)
	}
	return entries
}

var nameSpelling = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

func (r reader) isName(n *node) bool {
	if n.kind == scalarNode && nameSpelling.MatchString(n.text) {
		return true
	}
	r.add(n.place, fmt.Sprintf("%q is no name", n.text), "a name has 1 to 64 of a-z, 0-9, - and _ and begins with a letter")
	return false
}

// text reads a string that says something.
func (r reader) text(n *node, what string) (string, bool) {
	if n.kind != scalarNode {
		r.add(n.place, what+" must be text", "")
		return "", false
	}
	switch n.scalar {
	case plain, quoted:
		if strings.TrimSpace(n.text) == "" {
			r.add(n.place, what+" is empty", "")
			return "", false
		}
		return n.text, true
	case null:
		r.add(n.place, what+" has no value", "")
		return "", false
	case broken:
		return "", false
	}
	r.add(n.place, fmt.Sprintf("%s must be text, and %s is not text to every reader of YAML", what, n.text), fmt.Sprintf("write %q", n.text))
	return "", false
}

// word reads one of the known words.
func (r reader) word(n *node, what string, known ...string) (string, bool) {
	s, ok := r.text(n, what)
	if ok && !slices.Contains(known, s) {
		r.add(n.place, fmt.Sprintf("unknown %s %q", what, s), suggest(s, known))
		return "", false
	}
	return s, ok
}

func (r reader) flag(n *node, what string) (bool, bool) {
	if n.kind == scalarNode && n.scalar == boolean {
		return n.text == "true", true
	}
	if n.isBroken() {
		return false, false
	}
	r.add(n.place, what+" must be true or false", "write it unquoted, in lower case")
	return false, false
}

// integer reads a whole number between low and high.
func (r reader) integer(n *node, what string, low, high int) (int, bool) {
	if n.kind == scalarNode && n.scalar == number {
		if v, err := strconv.Atoi(n.text); err == nil && v >= low && v <= high {
			return v, true
		}
	}
	if n.isBroken() {
		return 0, false
	}
	r.add(n.place, fmt.Sprintf("%s must be a whole number from %d to %d", what, low, high), "write decimal digits, unquoted")
	return 0, false
}

func (r reader) number(n *node, what string) (float64, bool) {
	if n.kind == scalarNode && n.scalar == number {
		if v, err := strconv.ParseFloat(n.text, 64); err == nil {
			return v, true
		}
	}
	if n.isBroken() {
		return 0, false
	}
	r.add(n.place, what+" must be a number", "write decimal digits, unquoted")
	return 0, false
}

var durationUnits = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}

// duration reads one number with one unit: 395d, 24h, 30m.
func (r reader) duration(n *node, what string) (time.Duration, bool) {
	if n.kind == scalarNode && (n.scalar == plain || n.scalar == quoted) && len(n.text) > 1 {
		unit := durationUnits[n.text[len(n.text)-1]]
		digits := n.text[:len(n.text)-1]
		count, err := strconv.ParseUint(digits, 10, 32)
		if err == nil && unit > 0 && count > 0 && integerSpelling.MatchString(digits) && count <= uint64(100*365*24*time.Hour/unit) {
			return time.Duration(count) * unit, true
		}
	}
	if n.isBroken() {
		return 0, false
	}
	r.add(n.place, what+" must be a duration", "write a number with d, h or m: 395d, 24h, 30m")
	return 0, false
}

// list reads a list; one value may stand for a list of one.
func (r reader) list(n *node, what string) []*node {
	switch {
	case n.isBroken():
		return nil
	case n.kind == scalarNode && n.scalar != null:
		return []*node{n}
	case n.kind == listNode && len(n.items) > 0:
		return n.items
	}
	r.add(n.place, what+" must be a value or a list of values", "")
	return nil
}

// literal reads a JSON scalar of a condition, an exception or a fixed value.
func (r reader) literal(n *node, what string) (Literal, bool) {
	if n.kind == scalarNode {
		switch n.scalar {
		case plain, quoted:
			return Literal{String, n.text}, true
		case number:
			return Literal{Number, n.text}, true
		case boolean:
			return Literal{Bool, n.text}, true
		case null:
			if n.text == "null" {
				return Literal{Null, "null"}, true
			}
			r.add(n.place, what+" has no value", "write null if JSON's null is meant")
			return Literal{}, false
		case broken:
			return Literal{}, false
		}
		r.add(n.place, fmt.Sprintf("%s: readers of YAML do not agree on what %s is", what, n.text), fmt.Sprintf("write %q for text, or a number or boolean as JSON spells it", n.text))
		return Literal{}, false
	}
	r.add(n.place, what+" must be a single value", "")
	return Literal{}, false
}

func (r reader) literals(n *node, what string) []Literal {
	var out []Literal
	for _, item := range r.list(n, what) {
		if l, ok := r.literal(item, what); ok {
			out = append(out, l)
		}
	}
	return out
}

// frame says what a path starts from.
type frame uint8

const (
	fromRoot  frame = iota // $.user.id
	fromShape              // user.id, or ^.id for the enclosing object
)

// path reads where a field of a pack or of a source's declarations stands: without `..`, `.*` and `{json}`.
func (r reader) path(n *node, in frame) (event.Path, bool) {
	p, ok := r.reference(n, in)
	if !ok {
		return nil, false
	}
	for _, s := range p {
		switch s.Kind {
		case event.Members, event.Keys:
			r.add(n.place, fmt.Sprintf("`.*` in %q: what the members are is said by the field that holds them", n.text), "write {keys: …, values: …} for it")
			return nil, false
		case event.Decoded:
			r.add(n.place, fmt.Sprintf("`{%s}` in %q: what is inside a string is said by the field that holds it", s.Name, n.text), "write {decode: "+s.Name+", fields: …} for it")
			return nil, false
		}
	}
	return p, true
}

// reference reads a path to a field that is declared elsewhere.
func (r reader) reference(n *node, in frame) (event.Path, bool) {
	p, ok := r.anyPath(n, in)
	if !ok {
		return nil, false
	}
	for i, s := range p {
		switch {
		case s.Kind == event.Descend:
			r.add(n.place, fmt.Sprintf("`..` in %q is not yet supported by this release here", n.text), "name every step")
			return nil, false
		case s.Kind == event.Parent && i > 0 && p[i-1].Kind != event.Parent:
			r.add(n.place, fmt.Sprintf("`^` in %q stands behind a name", n.text), "`^` climbs first: ^.id")
			return nil, false
		}
	}
	return p, true
}

// maxPath bounds the steps of a path and of a payload's nesting that a plan can name.
const maxPath = 64

func (r reader) anyPath(n *node, in frame) (event.Path, bool) {
	text, ok := r.text(n, "a path")
	if !ok {
		return nil, false
	}
	p, relative, err := event.ParsePath(text)
	switch {
	case err != nil:
		r.add(n.place, err.Error(), "")
	case len(p) > maxPath:
		r.add(n.place, fmt.Sprintf("the path has more than %d steps", maxPath), "")
	case relative && in == fromRoot:
		r.add(n.place, fmt.Sprintf("the path %q does not begin at the root", text), "write $."+strings.TrimLeft(text, "^."))
	case !relative && in == fromShape:
		r.add(n.place, fmt.Sprintf("the path %q begins at the root", text), "paths of a shape are relative to its object; ^ is the enclosing object")
	case relative && len(p) == 0:
		r.add(n.place, "an empty path", "")
	default:
		return p, true
	}
	return nil, false
}

// pathKeys reads a mapping whose keys are paths; they stand in block style, one a line.
func (r reader) pathKeys(n *node, what string) []pair {
	if n.flow && len(n.pairs) > 0 {
		r.add(n.place, what+": paths as keys need block style", "write each path on a line of its own, without braces")
		return nil
	}
	return r.entries(n, what)
}
