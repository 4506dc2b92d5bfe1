// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// allowed tells whether a rule may decide a leaf, after a fault if not. subject names the leaf for people: "$.ip is of class ip".
func (c *compiler) allowed(r *rule, l *Leaf, subject string) bool {
	t := &r.technique
	switch {
	case t.Name == Drop:
		return true
	case l.Class == Credential:
		c.add(r.at, subject+": a credential never leaves", "remove the rule, or write drop")
	case t.Name == Count && !l.Container:
		c.add(r.at, subject+": count is the length of an array", "write it under `paths:`, with the path of the array")
	case !fit(t, l):
		c.add(r.at, fmt.Sprintf("%s: %s does not fit", subject, t.Name), t.Name+" fits "+catalog[t.Name].fitting)
	case t.Name == Keep && t.Type == nil && l.Class != Plain:
		c.add(r.at, subject+": keep without a type", "say what the value must be: {keep: {type: string, max: 100}}")
	case t.Name == InText && t.Text.keeps() && r.clear == "":
		c.add(r.at, subject+": what is found in it and kept would stay readable without a written reason", "write {text: …, clear: \"the reason\"}, or tag, mask, pseudonym, surrogate")
	case needsReason(l.Class) && keepsClear(t, l.Class) && r.clear == "":
		c.add(r.at, fmt.Sprintf("%s: %s would leave it readable without a written reason", subject, t.Name), "write {"+t.Name+": …, clear: \"the reason\"}, or take pseudonym or seal")
	default:
		return true
	}
	return false
}

func ofItsClass(what string, l *Leaf) string { return what + " is of class " + string(l.Class) }

// matchRules checks that every path rule of a flow names fields that the recipient gets, and fits them.
// It drops the others and reports whether there were none.
func (c *compiler) matchRules(f *joinedFlow, source *joinedSource) bool {
	all := len(f.rules)
	f.rules = slices.DeleteFunc(slices.Clone(f.rules), func(r rule) bool { return !c.matchRule(f, source, &r) })
	return len(f.rules) == all
}

func (c *compiler) matchRule(f *joinedFlow, source *joinedSource, r *rule) bool {
	var unselected []string
	matched := false
	for i := range source.Events {
		e := &source.Events[i]
		for j := range e.Leaves {
			l := &e.Leaves[j]
			if !r.path.Matches(l.Path) || l.Container && !r.measures() {
				continue
			}
			if !f.selected[i] {
				unselected = append(unselected, e.Name)
				break
			}
			matched = true
			if !c.allowed(r, l, ofItsClass(l.Path.String(), l)) {
				return false
			}
		}
	}
	if !matched {
		c.unmatched(f, source, r, slices.Compact(unselected))
	}
	return matched
}

// checkBelowCounts refuses rules for what is inside an array or object of which only the count or presence leaves.
func (c *compiler) checkBelowCounts(f *joinedFlow, source *joinedSource) {
	for i := range f.rules {
		r := &f.rules[i]
		if r.technique.Name == Drop {
			continue
		}
		if counted := f.onlyBelow(source, r); counted != nil {
			by := f.best(counted)
			c.add(r.at, fmt.Sprintf("%s is inside %s, of which line %d lets only the %s leave", r.path, counted.Path, by.at.line, by.technique.Name), "remove one of the two rules")
		}
	}
}

// onlyBelow gives a counted container that encloses what a rule names, if all of it is enclosed by one.
func (f *joinedFlow) onlyBelow(source *joinedSource, r *rule) (counted *Leaf) {
	for i := range source.Events {
		for j := range source.Events[i].Leaves {
			l := &source.Events[i].Leaves[j]
			if !f.selected[i] || l.Container || !r.path.Matches(l.Path) {
				continue
			}
			if counted = f.countedAbove(&source.Events[i], l); counted == nil {
				return nil
			}
		}
	}
	return counted
}

// countedAbove gives the container above a leaf of which only the count or presence leaves, or nil.
func (f *joinedFlow) countedAbove(e *Event, l *Leaf) *Leaf {
	for i := range e.Leaves {
		k := &e.Leaves[i]
		if k.Container && below(l.Path, k.Path) {
			if f.best(k) != nil {
				return k
			}
		}
	}
	return nil
}

// unmatched says why a rule names no field.
func (c *compiler) unmatched(f *joinedFlow, source *joinedSource, r *rule, unselected []string) {
	path := r.path.String()
	for i := range source.Events {
		if !f.selected[i] {
			continue
		}
		containers := source.enclosing(i)
		for _, key := range slices.Sorted(maps.Keys(containers)) {
			if k := containers[key]; r.path.Matches(k.path) {
				c.add(r.at, fmt.Sprintf("%s is an object or array, and rules name single values", key), "it has "+strings.Join(leavesBelow(&source.Events[i], k.path), ", "))
				return
			}
		}
		for j := range source.Events[i].Leaves {
			if l := &source.Events[i].Leaves[j]; l.Path.Matches(r.path) {
				c.add(r.at, fmt.Sprintf("%s is one element of %s, and rules of this release hold for all of them", path, l.Path), "write "+l.Path.String())
				return
			}
		}
	}
	if len(unselected) > 0 {
		c.add(r.at, fmt.Sprintf("%s is a field of %s only, which recipient %s does not get", path, strings.Join(unselected, ", "), f.spec.Name), "select the event in `from:`, or remove the rule")
		return
	}
	c.add(r.at, fmt.Sprintf("%s is no known field of source %s", path, source.Name),
		cmp.Or(nearest(path, leafPaths(source.Events, f.selected)), "declare it in the pack or under `add:` of the source"))
}

// leavesBelow lists a few leaves of a container.
func leavesBelow(e *Event, path event.Path) []string {
	var out []string
	for i := range e.Leaves {
		if below(e.Leaves[i].Path, path) && !e.Leaves[i].Container {
			out = append(out, e.Leaves[i].Path.String())
		}
	}
	if len(out) > 4 {
		out = append(out[:4], fmt.Sprintf("and %d more", len(out)-4))
	}
	return out
}

// contradictions refuses rules of equal rank that would do different things to one leaf.
func (c *compiler) contradictions(f *joinedFlow, source *joinedSource) {
	for i := range f.rules {
		for j := range i {
			a, b := &f.rules[j], &f.rules[i]
			if apart(a.path, b.path) || a.outranks(b) || b.outranks(a) || reflect.DeepEqual(a.technique, b.technique) {
				continue
			}
			if path := c.bothName(f, source, a, b); path != "" {
				c.add(b.at, fmt.Sprintf("%s and %s at line %d say different things about %s, and neither says more", b.name, a.name, a.at.line, path),
					"write a rule for "+path)
			}
		}
	}
}

// apart tells whether two patterns surely name nothing in common: one step of both is a member, each of another name.
func apart(a, b event.Path) bool {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i].Kind == event.Descend || b[i].Kind == event.Descend:
			return false
		case a[i].Kind == event.Name && b[i].Kind == event.Name && a[i].Name != b[i].Name:
			return true
		}
	}
	return false
}

// bothName gives a leaf that two rules name and no rule decides over them.
func (c *compiler) bothName(f *joinedFlow, source *joinedSource, a, b *rule) string {
	for i := range source.Events {
		if !f.selected[i] {
			continue
		}
		for j := range source.Events[i].Leaves {
			l := &source.Events[i].Leaves[j]
			if a.path.Matches(l.Path) && b.path.Matches(l.Path) {
				if best := f.best(l); !best.outranks(a) {
					return l.Path.String()
				}
			}
		}
	}
	return ""
}

// measure adds the containers whose count or presence some recipient gets to their events' leaves.
func (c *compiler) measure() {
	for _, f := range c.flows {
		source := &c.sources[f.source]
		for i := range f.rules {
			if f.rules[i].measures() {
				c.measured(f, source, &f.rules[i])
			}
		}
	}
}

func (c *compiler) measured(f *joinedFlow, source *joinedSource, r *rule) {
	for i := range source.Events {
		if !f.selected[i] {
			continue
		}
		e := &source.Events[i]
		containers, before := source.enclosing(i), len(e.Leaves)
		for _, key := range slices.Sorted(maps.Keys(containers)) {
			k := containers[key]
			if !r.path.Matches(k.path) {
				continue
			}
			known := slices.ContainsFunc(e.Leaves, func(l Leaf) bool { return slices.Equal(l.Path, k.path) })
			if !known && (k.array || r.technique.Name == Presence) {
				e.Leaves = append(e.Leaves, Leaf{Path: k.path, Container: true, Rule: "enclosing " + key})
			}
		}
		if len(e.Leaves) > before {
			slices.SortStableFunc(e.Leaves, func(a, b Leaf) int { return cmp.Compare(a.Path.String(), b.Path.String()) })
		}
	}
}

// checkSeals refuses a sealed field in a record that does not carry the pseudonym of whose it is:
// nobody could ask for it to be opened, and it could not be bound to its subject. A class rule drops such fields of its class.
func (c *compiler) checkSeals(f *joinedFlow, e *Event, decisions []Decision) {
	pseudonymized := func(path event.Path) bool {
		found := false
		for i := range e.Leaves {
			if slices.Equal(e.Leaves[i].Path, path) && e.Leaves[i].Class.OfSubject() {
				if found = decisions[i].Technique.Name == Pseudonym; !found {
					return false
				}
			}
		}
		return found
	}
	for i := range e.Leaves {
		l := &e.Leaves[i]
		if decisions[i].Technique.Name != Seal || decisions[i].Technique.Deterministic {
			continue
		}
		what, fix := unsealable(e, l, pseudonymized)
		switch rule := f.best(l); {
		case what == "":
		case rule.path == nil:
			decisions[i] = Decision{Rule: decisions[i].Rule + ": " + what}
		default:
			c.add(rule.at, fmt.Sprintf("event %s: %s %s", e.Name, l.Path, what), fix)
		}
	}
}

// unsealable says why a field cannot be sealed; "": it can.
func unsealable(e *Event, l *Leaf, pseudonymized func(event.Path) bool) (what, fix string) {
	of := []event.Path{l.Owner}
	switch {
	case l.Owner == nil && len(e.Subjects) == 0:
		return "cannot be sealed: it belongs to nobody", "write {seal: {deterministic: true}}, or drop it"
	case l.Owner != nil && slices.Equal(l.Owner, l.Path):
		return "cannot be sealed: it is what its person is known by", "write pseudonym, or {seal: {deterministic: true}}"
	case l.Owner == nil:
		of = e.Subjects
	}
	for _, who := range of {
		if !pseudonymized(who) {
			return fmt.Sprintf("is sealed, and the pseudonym of its person, %s, does not leave", who), "pseudonymize " + who.String() + " too"
		}
	}
	return "", ""
}
