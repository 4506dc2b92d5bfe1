// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// joinedFlow is one recipient's share of one source while it is being decided.
type joinedFlow struct {
	source, recipient int
	spec              *recipientSpec
	rules             []rule // of this source's paths
	from              *fromSpec
	index             ruleIndex
	selected          []bool
	events            []FlowEvent
	headers           []Decision
}

// ruleIndex finds the few rules that can name a leaf among all of a flow.
type ruleIndex struct {
	classes map[Class][]*rule
	names   map[string][]*rule // path rules whose first step is a member of this name, and all of `others`, in their order
	others  []*rule            // path rules whose first step is anything else
}

func newRuleIndex(paths, classes []rule) ruleIndex {
	x := ruleIndex{classes: map[Class][]*rule{}, names: map[string][]*rule{}}
	for i := range classes {
		x.classes[classes[i].class] = append(x.classes[classes[i].class], &classes[i])
	}
	for i := range paths {
		r := &paths[i]
		if len(r.path) > 0 && r.path[0].Kind == event.Name {
			name := r.path[0].Name
			if x.names[name] == nil {
				x.names[name] = slices.Clone(x.others)
			}
			x.names[name] = append(x.names[name], r)
			continue
		}
		x.others = append(x.others, r)
		for name := range x.names {
			x.names[name] = append(x.names[name], r)
		}
	}
	return x
}

// paths gives the path rules that can name what stands at p.
func (x *ruleIndex) paths(p event.Path) []*rule {
	if len(p) > 0 && p[0].Kind == event.Name && x.names[p[0].Name] != nil {
		return x.names[p[0].Name]
	}
	return x.others
}

// decide finds the rule of every leaf.
func (c *compiler) decide(f *joinedFlow) {
	source := &c.sources[f.source]
	sound := c.matchRules(f, source) && !f.spec.faulty
	f.index = newRuleIndex(f.rules, f.spec.classes)
	c.checkBelowCounts(f, source)
	c.contradictions(f, source)
	for i := range source.Events {
		e := &source.Events[i]
		if !f.selected[i] {
			continue
		}
		decisions := make([]Decision, len(e.Leaves))
		for j := range e.Leaves {
			decisions[j] = c.decision(f, &e.Leaves[j])
		}
		limitToPseudonyms(e, decisions)
		hideBelowCounts(e, decisions)
		dropStaleOffsets(e, decisions)
		dropUnshifted(e, decisions)
		f.events[i].Decisions = decisions
		if sound {
			c.checkSeals(f, e, decisions)
		}
	}
	f.headers = c.headers(f, source)
	f.spec.complete = f.spec.complete && sound
}

// decision applies the precedence: drop first, then the path that says most, then the class.
func (c *compiler) decision(f *joinedFlow, l *Leaf) Decision {
	best := f.best(l)
	if best == nil {
		return Decision{}
	}
	d := Decision{Technique: best.technique, Rule: best.spelled(), Clear: best.clear}
	if d.Technique.Name == Keep && d.Technique.Type == nil {
		d.Technique.Type = l.Type
	}
	if d.Technique.Name == Pseudonym {
		d.Rebuild = f.spec.rebuilds(l)
	}
	if best.path == nil && !fit(&best.technique, l) {
		return Decision{Rule: d.Rule + ": " + best.technique.Name + " does not fit this field"}
	}
	return d
}

// rebuilds tells of each template of the leaf whether the recipient gets pseudonyms of all that it names; nil: of none.
func (s *recipientSpec) rebuilds(l *Leaf) []bool {
	out, any := make([]bool, len(l.Templates)), false
	for i, t := range l.Templates {
		out[i] = s.rebuildsOne(l, t)
		any = any || out[i]
	}
	if !any {
		return nil
	}
	return out
}

func (s *recipientSpec) rebuildsOne(l *Leaf, t Template) bool {
	for _, p := range t {
		class := p.Class
		if l.OwnParts && class.OfSubject() {
			class = Account
		}
		if p.Kind == PartIdentifier && !s.pseudonymizes(class) {
			return false
		}
	}
	return true
}

// keepsText tells whether something leaves that is neither a pseudonym nor written in the pack.
func (t Template) keepsText() bool {
	return slices.ContainsFunc(t, func(p TemplatePart) bool { return p.Kind == PartHost || p.Kind == PartWord })
}

// best gives the rule that decides a leaf; nil: none names it.
func (f *joinedFlow) best(l *Leaf) *rule {
	var best *rule
	consider := func(r *rule) {
		if best == nil || r.outranks(best) {
			best = r
		}
	}
	for _, r := range f.index.paths(l.Path) {
		if r.path.Matches(l.Path) && (!l.Container || r.measures()) {
			consider(r)
		}
	}
	if !l.Container {
		for _, r := range f.index.classes[l.Class] {
			consider(r)
		}
	}
	return best
}

// measures tells whether a rule can decide an object or array: what leaves of it is its count or presence.
func (r *rule) measures() bool { return r.technique.Name == Count || r.technique.Name == Presence }

// outranks orders rules that name the same leaf.
func (r *rule) outranks(other *rule) bool {
	if d, o := r.technique.Name == Drop, other.technique.Name == Drop; d != o {
		return d
	}
	return r.rank().compare(other.rank()) > 0
}

// rank is how much a rule says about where it holds.
type rank struct{ names, indexes, elements, members int }

// rank of class rules is below that of every path.
func (r *rule) rank() rank {
	if r.path == nil {
		return rank{names: -1}
	}
	return rankOf(r.path)
}

func rankOf(p event.Path) (k rank) {
	for _, s := range p {
		switch s.Kind {
		case event.Name:
			k.names++
		case event.Index:
			k.indexes++
		case event.Each:
			k.elements++
		case event.Members:
			k.members++
		}
	}
	return k
}

func (k rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(k.names, o.names), cmp.Compare(k.indexes, o.indexes), cmp.Compare(k.elements, o.elements), cmp.Compare(k.members, o.members))
}

// spelled says for people which line decided.
func (r *rule) spelled() string {
	if r.spelling == "" {
		r.spelling = fmt.Sprintf("%s:%d %s", filepath.Base(r.at.file), r.at.line, r.name)
	}
	return r.spelling
}

// limitToPseudonyms holds for deletions: they reach recipients without consent, so nothing but pseudonyms leaves.
func limitToPseudonyms(e *Event, decisions []Decision) {
	if e.Signal == "" {
		return
	}
	for i := range decisions {
		for j := range decisions[i].Rebuild {
			decisions[i].Rebuild[j] = decisions[i].Rebuild[j] && !e.Leaves[i].Templates[j].keepsText()
		}
		if name := decisions[i].Technique.Name; name != Pseudonym && name != "" {
			decisions[i] = Decision{Rule: decisions[i].Rule + ": a signal carries pseudonyms only"}
		}
	}
}

// hideBelowCounts drops what an array or object encloses of which only the count or presence leaves.
func hideBelowCounts(e *Event, decisions []Decision) {
	for i := range e.Leaves {
		if !e.Leaves[i].Container || decisions[i].Technique.Name == "" {
			continue
		}
		for j := range e.Leaves {
			if below(e.Leaves[j].Path, e.Leaves[i].Path) {
				decisions[j] = Decision{Rule: decisions[i].Rule + " stands for all of it"}
			}
		}
	}
}

// below tells whether p stands inside the container q.
func below(p, q event.Path) bool { return len(p) > len(q) && q.Matches(p[:len(q)]) }

// dropStaleOffsets drops positions in a text that does not leave as it is.
func dropStaleOffsets(e *Event, decisions []Decision) {
	for i := range e.Leaves {
		if len(e.Leaves[i].Offsets) == 0 || decisions[i].Technique.Name == Keep {
			continue
		}
		for j := range e.Leaves {
			if e.Leaves[j].Class != Offset || decisions[j].Technique.Name == "" {
				continue
			}
			for _, o := range e.Leaves[i].Offsets {
				if o.Matches(e.Leaves[j].Path) || below(e.Leaves[j].Path, o) {
					decisions[j] = Decision{Rule: decisions[j].Rule + ": a position in " + e.Leaves[i].Path.String() + ", which does not leave as it is"}
				}
			}
		}
	}
}

// dropUnshifted drops times that are to be moved by a span of their person's own, where there is none.
func dropUnshifted(e *Event, decisions []Decision) {
	for i := range decisions {
		if decisions[i].Technique.Shift && e.Leaves[i].Owner == nil && len(e.Subjects) == 0 {
			decisions[i] = Decision{Rule: decisions[i].Rule + ": nobody whose span it could be moved by"}
		}
	}
}

// headers decides the record's headers: by name, else by class.
func (c *compiler) headers(f *joinedFlow, source *joinedSource) []Decision {
	out := make([]Decision, len(source.Headers))
	rules := f.spec.headers[source.Name]
	for _, r := range rules {
		if !slices.ContainsFunc(source.Headers, func(h HeaderLeaf) bool { return h.Name == r.key.text }) {
			var known []string
			for _, h := range source.Headers {
				known = append(known, h.Name)
			}
			fix := suggest(r.key.text, known)
			if len(known) == 0 {
				fix = "the pack declares no headers"
			}
			c.add(r.key.place, fmt.Sprintf("%q is no header of source %s", r.key.text, source.Name), fix)
		}
	}
	for i := range source.Headers {
		h := &source.Headers[i]
		l := h.Leaf
		for j := range rules {
			if rules[j].key.text == h.Name && c.allowed(&rules[j].rule, &l, ofItsClass("header "+h.Name, &l)) {
				out[i] = Decision{Technique: rules[j].rule.technique, Rule: rules[j].rule.spelled(), Clear: rules[j].rule.clear}
			}
		}
		for j := range f.spec.classes {
			r := &f.spec.classes[j]
			if r.class == l.Class && (out[i].Technique.Name == "" && fit(&r.technique, &l) || r.technique.Name == Drop) {
				out[i] = Decision{Technique: r.technique, Rule: r.spelled(), Clear: r.clear}
			}
		}
		t := &out[i].Technique
		if t.Name == Keep && t.Type == nil {
			t.Type = l.Type
		}
		if t.Name == Seal && !t.Deterministic || t.Shift {
			out[i] = Decision{Rule: out[i].Rule + ": a header belongs to nobody, so it cannot be sealed or moved in time"}
		}
	}
	return out
}
