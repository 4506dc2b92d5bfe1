// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// recipient resolves whom a recipient's lines name and prepares its flows.
func (c *compiler) recipient(index int, s *recipientSpec) {
	if s.purpose != nil {
		c.purpose(s)
	}
	c.checkClassRules(s)
	taken := map[int]bool{}
	complete, unknown := !s.faulty, false
	for i := range s.from {
		from := &s.from[i]
		at := slices.IndexFunc(c.sources, func(j joinedSource) bool { return j.Name == from.source.text })
		if at < 0 {
			c.add(from.source.place, fmt.Sprintf("unknown source %q", from.source.text), suggest(from.source.text, c.sourceNames()))
			complete, unknown = false, true
			continue
		}
		taken[at] = true
		if c.sources[at].faulty {
			complete = false
			continue
		}
		f := &joinedFlow{source: at, recipient: index, spec: s, rules: s.paths[from.source.text], from: from}
		if !c.selectEvents(f) {
			complete = false
			continue
		}
		c.flows = append(c.flows, f)
	}
	for name, at := range s.rulesAt {
		i := slices.IndexFunc(c.sources, func(j joinedSource) bool { return j.Name == name })
		switch {
		case i < 0:
			c.add(at, fmt.Sprintf("unknown source %q", name), suggest(name, c.sourceNames()))
		case !taken[i] && !unknown && len(s.from) > 0:
			c.add(at, fmt.Sprintf("recipient %s gets nothing from source %s", s.Name, name), "name the source in `from:`, or remove the rules")
		}
	}
	s.complete = complete
}

func (c *compiler) sourceNames() []string {
	var names []string
	for i := range c.sources {
		names = append(names, c.sources[i].Name)
	}
	return names
}

func (c *compiler) purpose(s *recipientSpec) {
	var names []string
	for i, p := range c.plan.Purposes {
		if p.Name == s.purpose.text {
			s.Purpose = i
			return
		}
		names = append(names, p.Name)
	}
	if name, ok := c.text(s.purpose, "purpose"); ok {
		c.add(s.purpose.place, fmt.Sprintf("unknown purpose %q", name), suggest(name, names))
	}
}

// selectEvents resolves events: and only: of one source. It reports false after a fault.
func (c *compiler) selectEvents(f *joinedFlow) bool {
	source := &c.sources[f.source]
	f.selected = make([]bool, len(source.Events))
	f.events = make([]FlowEvent, len(source.Events))
	ok := true
	var names []string
	for i := range source.Events {
		names = append(names, source.Events[i].Name)
		f.selected[i] = f.from.events == nil
	}
	for _, n := range f.from.events {
		name, known := c.text(n, "an event")
		if !slices.Contains(names, name) {
			if known {
				c.add(n.place, fmt.Sprintf("unknown event %q of source %s", name, source.Name), suggest(name, slices.Compact(names)))
			}
			ok = false
			continue
		}
		for i := range names {
			f.selected[i] = f.selected[i] || names[i] == name
		}
	}
	for _, o := range f.from.only {
		if !ok {
			break // which events are selected is not known
		}
		ok = c.only(f, source, o) && ok
	}
	for i := range f.events {
		f.events[i].Selected = f.selected[i]
	}
	return ok
}

// only keeps the events of which a facet says one of the words. It does not apply to signals. An event of which the facet
// says nothing is unknown, so it never passes.
func (c *compiler) only(f *joinedFlow, source *joinedSource, o onlySpec) bool {
	var facets, words, silent []string
	found := false
	for i := range source.Events {
		e := &source.Events[i]
		if !f.selected[i] || e.Signal != "" {
			continue
		}
		has := false
		for j := range e.Facets {
			facets = append(facets, e.Facets[j].Name)
			if e.Facets[j].Name == o.facet.text {
				has, found = true, true
				words = append(words, wordsOf(&e.Facets[j])...)
			}
		}
		if !has {
			silent = append(silent, e.Name)
		}
	}
	if !found {
		slices.Sort(facets)
		c.add(o.facet.place, fmt.Sprintf("no selected event of source %s has the facet %q", source.Name, o.facet.text), suggest(o.facet.text, slices.Compact(facets)))
		return false
	}
	chosen, ok := c.onlyWords(o, append(words, vocabulary[o.facet.text]...))
	for i := range source.Events {
		e := &source.Events[i]
		if !f.selected[i] || e.Signal != "" {
			continue
		}
		if slices.Contains(silent, e.Name) {
			f.selected[i] = false
			continue
		}
		f.events[i].Only = append(f.events[i].Only, Only{o.facet.text, chosen})
	}
	if len(silent) > 0 && ok {
		c.warnings.add(o.facet.place, fmt.Sprintf("recipient %s gets none of these events of source %s: %s; they have no facet %s", f.spec.Name, source.Name, strings.Join(silent, ", "), o.facet.text), "")
	}
	return ok
}

func wordsOf(f *Facet) []string {
	var out []string
	for _, w := range f.Words {
		out = append(out, w.Word)
	}
	if f.Else != "" {
		out = append(out, f.Else)
	}
	return out
}

func (c *compiler) onlyWords(o onlySpec, known []string) ([]string, bool) {
	slices.Sort(known)
	known = slices.DeleteFunc(slices.Compact(known), func(w string) bool { return w == unknownWord })
	var chosen []string
	ok := len(o.words) > 0
	for _, n := range o.words {
		if n.text == unknownWord {
			c.add(n.place, "events of which a facet is unknown never leave", "name what the facet must say: "+strings.Join(known, ", "))
			ok = false
			continue
		}
		w, good := c.word(n, "word of facet "+o.facet.text, known...)
		chosen, ok = append(chosen, w), ok && good
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), ok
}

// checkClassRules refuses rules that can hold for no field of their class.
func (c *compiler) checkClassRules(s *recipientSpec) {
	kept := s.classes[:0]
	for _, r := range s.classes {
		l := Leaf{Class: r.class}
		if r.class == Geo {
			l.Geo = "number"
		}
		if r.class == Plain {
			l.Type = &Type{Kind: TypeNumber}
		}
		if c.allowed(&r, &l, "class "+string(r.class)) {
			kept = append(kept, r)
		} else {
			s.faulty = true
		}
	}
	s.classes = kept
}
