// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
)

// conditions reads {$.path: literal, $.path: [literal, literal], $.path: {exists: true}} and the like; all must hold.
func (r reader) conditions(n *node, in frame) []Condition {
	var out []Condition
	for _, e := range r.entries(n, "a condition") {
		path, ok := r.reference(e.key, in)
		c := Condition{Path: path}
		if e.value.kind == mappingNode {
			ok = r.test(e.value, &c) && ok
		} else {
			c.Equals = r.literals(e.value, "a condition")
			ok = ok && len(c.Equals) > 0
		}
		if ok {
			out = append(out, c)
		}
	}
	if n.kind == mappingNode && len(n.pairs) == 0 {
		r.add(n.place, "an empty condition", "leave `when:` out if everything matches")
	}
	return out
}

// test reads the conditions that are not plain equality.
func (r reader) test(n *node, c *Condition) bool {
	o, _ := r.object(n, "a condition", "exists", "absent", "every", "prefix")
	if len(o.values) != 1 {
		if len(o.meant) == 0 {
			r.add(n.place, "a condition is a value, {exists: true}, {absent: true}, {every: [values]} or {prefix: text}", "")
		}
		return false
	}
	if v := o.take("every"); v != nil {
		c.Every, c.Equals = true, r.literals(v, "a condition")
		return len(c.Equals) > 0
	}
	if v := o.take("prefix"); v != nil {
		text, ok := r.text(v, "prefix")
		c.Prefix = text
		return ok
	}
	c.Exists, c.Absent = r.holds(o, "exists"), r.holds(o, "absent")
	return c.Exists != c.Absent
}

func (r reader) holds(o object, key string) bool {
	n := o.take(key)
	if n == nil {
		return false
	}
	if n.scalar == boolean && n.text == "true" && n.kind == scalarNode {
		return true
	}
	other := map[string]string{"exists": "absent", "absent": "exists"}[key]
	r.add(n.place, key+" can only be true", "write {"+other+": true} for the opposite")
	return false
}

// unknownWord is what a facet says of an event that none of its words fits. No recipient's only: matches it.
const unknownWord = "unknown"

// vocabulary is what facets of every platform mean. Packs may have facets of their own beside these.
var vocabulary = map[string][]string{
	"visibility": {"public", "unlisted", "private", "direct", unknownWord},
	"sensitive":  {"sensitive", "ordinary", unknownWord},
}

func (r reader) facets(n *node, in frame) []Facet {
	var out []Facet
	for _, e := range r.names(n, "facets") {
		words, shared := vocabulary[e.key.text]
		if !shared {
			if hint := nearest(e.key.text, slices.Sorted(maps.Keys(vocabulary))); hint != "" {
				r.add(e.key.place, fmt.Sprintf("unknown facet %q", e.key.text), hint)
				continue
			}
		}
		out = append(out, r.facet(e, words, in))
	}
	return out
}

// facet reads the words of one facet. known is nil for a facet of the pack's own.
func (r reader) facet(e pair, known []string, in frame) Facet {
	f := Facet{Name: e.key.text}
	for _, w := range r.entries(e.value, "facet "+f.Name) {
		if w.key.text == "else" {
			f.Else = r.facetWord(w.value, f.Name, known)
			continue
		}
		word := r.facetWord(w.key, f.Name, known)
		for _, fit := range r.fits(w.value, in) {
			if fit.Word = word; word != "" {
				f.Words = append(f.Words, fit)
			}
		}
	}
	return f
}

// fits reads when a word fits: always, when all of some conditions hold, or when all of one of several such sets do.
func (r reader) fits(n *node, in frame) []FacetWord {
	switch n.kind {
	case scalarNode:
		if _, ok := r.word(n, "condition", "always"); ok {
			return []FacetWord{{Always: true}}
		}
		return nil
	case listNode:
		var out []FacetWord
		for _, item := range n.items {
			if when := r.conditions(item, in); len(when) > 0 {
				out = append(out, FacetWord{When: when})
			}
		}
		if len(n.items) == 0 {
			r.add(n.place, "an empty list of conditions", "write `always` if the word fits every event")
		}
		return out
	}
	if when := r.conditions(n, in); len(when) > 0 {
		return []FacetWord{{When: when}}
	}
	return nil
}

func (r reader) facetWord(n *node, facet string, known []string) string {
	if known != nil {
		w, _ := r.word(n, "word of facet "+facet, known...)
		return w
	}
	if r.isName(n) {
		return n.text
	}
	return ""
}
