// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"bytes"
	"slices"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// literal is a constant to compare with: kind and decoded text.
type literal struct {
	kind kind
	text string
}

func literals(in []policy.Literal) []literal {
	out := make([]literal, len(in))
	for i, l := range in {
		out[i].text = l.Text
		switch {
		case l.Kind == policy.String:
			out[i].kind = kind(transform.String)
		case l.Kind == policy.Number:
			out[i].kind = kind(transform.Number)
		case l.Kind == policy.Null:
			out[i].kind = kind(transform.Null)
		case l.Text == "true":
			out[i].kind = kind(transform.True)
		default:
			out[i].kind = kind(transform.False)
		}
	}
	return out
}

// condition holds when what stands at the place is present, absent, or equal to a literal.
// A null counts as absent: platforms write it for "there is none".
type condition struct {
	nodes, slots   []int32
	exists, absent bool
	every          bool // of those that are there equals a literal
	prefix         string
	equals         []literal
}

// facet is a platform-neutral word about an event.
type facet struct {
	name      string
	words     []facetWord
	otherwise string
}

type facetWord struct {
	word   string
	always bool
	when   []condition
}

// only keeps events whose facet has one of the words.
type only struct {
	facet int
	words []string
}

// unknown is what a facet says when nothing fits; no only: matches it.
const unknown = "unknown"

func (w *Worker) holds(c *condition) bool {
	var seen tally
	for i, n := range c.nodes {
		for at := w.slots[c.slots[i]]; at >= 0; at = w.following(at, n) {
			w.test(c, &w.tape[at], &seen)
			if seen.fits && !c.every {
				return true
			}
		}
	}
	return c.verdict(&seen)
}

// tally is what was seen of the values that a condition looks at.
type tally struct{ present, fits, differs bool }

func (w *Worker) test(c *condition, e *entry, seen *tally) {
	if e.kind != kind(transform.Null) {
		seen.present = true
	}
	is := e.kind
	if is == document {
		is = kind(transform.String)
	}
	if c.prefix != "" {
		fits := is == kind(transform.String) && bytes.HasPrefix(w.text(e), []byte(c.prefix))
		seen.fits = seen.fits || fits
		return
	}
	for j := range c.equals {
		if c.equals[j].kind == is && c.equals[j].text == string(w.text(e)) {
			seen.fits = true
			return
		}
	}
	seen.differs = true
}

func (c *condition) verdict(seen *tally) bool {
	if len(c.equals) > 0 || c.prefix != "" {
		return seen.fits && !(c.every && seen.differs)
	}
	return c.exists && seen.present || c.absent && !seen.present
}

func (w *Worker) all(cs []condition) bool {
	for i := range cs {
		if !w.holds(&cs[i]) {
			return false
		}
	}
	return true
}

// following gives the next entry of the same place behind at: another array element's.
func (w *Worker) following(at, node int32) int32 {
	if !w.source.trie.nodes[node].repeats {
		return none
	}
	for at++; int(at) < len(w.tape); at++ {
		if w.tape[at].node == node {
			return at
		}
	}
	return none
}

// word gives what the facet says about the event.
func (w *Worker) word(f *facet) string {
	for i := range f.words {
		if f.words[i].always || w.all(f.words[i].when) {
			return f.words[i].word
		}
	}
	if f.otherwise != "" {
		return f.otherwise
	}
	return unknown
}

// admits tells whether the recipient's from: and only: name the event.
func (w *Worker) admits(s *selection, k *kindOf) bool {
	if !s.selected {
		return false
	}
	for i := range s.only {
		word := w.word(&k.facets[s.only[i].facet])
		if word == unknown || !slices.Contains(s.only[i].words, word) {
			return false
		}
	}
	return true
}

// identifier tells whether an entry can name somebody: a number or a string that is not empty.
func (e *entry) identifier() bool {
	return e.kind == kind(transform.Number) || e.kind == kind(transform.String) && e.end-e.start > 2 || e.kind == document
}

// find gives the first entry of the places that can name somebody.
func (w *Worker) find(p *place) int32 {
	for i, n := range p.nodes {
		for at := w.slots[p.slots[i]]; at >= 0; at = w.following(at, n) {
			if w.tape[at].identifier() {
				return at
			}
		}
	}
	return none
}

// agree checks that two spellings of one identifier name the same wherever both stand.
func (w *Worker) agree(p *pair) bool {
	for at := int32(0); int(at) < len(w.tape); at++ {
		if w.tape[at].node != p.node || !w.tape[at].identifier() {
			continue
		}
		other := w.inside(w.enclosing(at, p.climb), p.other)
		if other >= 0 && w.tape[other].identifier() && !w.same(at, other) {
			return false
		}
	}
	return true
}

func (w *Worker) same(a, b int32) bool {
	w.other = append(w.other[:0], w.text(&w.tape[a])...)
	return string(w.other) == string(w.text(&w.tape[b]))
}

// enclosing climbs some levels up from an entry.
func (w *Worker) enclosing(at int32, levels int) int32 {
	for ; levels > 0 && at >= 0; levels-- {
		at = w.tape[at].up
	}
	return at
}

// found remembers where a place is inside a container, none included.
type found struct{ container, node, at int32 }

// inside is within, remembered: many leaves of one container ask for the same identifier, and each would look through
// the container again.
func (w *Worker) inside(container, node int32) int32 {
	f := &w.found[uint32(node)%uint32(len(w.found))]
	if f.container != container || f.node != node {
		*f = found{container, node, w.within(container, node)}
	}
	return f.at
}

// within gives the first entry of a place inside a container.
func (w *Worker) within(container, node int32) int32 {
	if container < 0 {
		return none
	}
	for at := container + 1; at < w.tape[container].end; at++ {
		if w.tape[at].node == node {
			return at
		}
	}
	return none
}
