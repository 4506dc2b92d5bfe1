// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// warn notes what is allowed and seldom meant. It is called for policies without faults.
func (c *compiler) warn() {
	for i := range c.sources {
		if !slices.ContainsFunc(c.flows, func(f *joinedFlow) bool { return f.source == i }) {
			c.warnings.add(c.file.sources[i].at, fmt.Sprintf("source %s reaches no recipient", c.sources[i].Name), "name it in a recipient's `from:`")
		}
	}
	for i := range c.file.recipients {
		s := &c.file.recipients[i]
		for j := range s.classes {
			if r := &s.classes[j]; !c.inUse(s, r.class) {
				c.warnings.add(r.at, fmt.Sprintf("recipient %s gets no field of class %s", s.Name, r.class), "")
			}
		}
	}
	for _, f := range c.flows {
		source := &c.sources[f.source]
		for i := range source.Events {
			for j := range f.events[i].Decisions {
				c.warnDecision(f, &source.Events[i].Leaves[j], &f.events[i].Decisions[j])
			}
		}
	}
}

// inUse tells whether any field that the recipient could get has the class.
func (c *compiler) inUse(s *recipientSpec, class Class) bool {
	for _, f := range c.flows {
		if f.spec != s {
			continue
		}
		source := &c.sources[f.source]
		if source.Key.Class == class || slices.ContainsFunc(source.Headers, func(h HeaderLeaf) bool { return h.Leaf.Class == class }) {
			return true
		}
		for i := range source.Events {
			if f.selected[i] && slices.ContainsFunc(source.Events[i].Leaves, func(l Leaf) bool { return l.Class == class }) {
				return true
			}
		}
	}
	return false
}

// readableClasses can say who a person is without naming one by themselves.
var readableClasses = set(Text, Free, URL, Media, Geo, Birth)

func (c *compiler) warnDecision(f *joinedFlow, l *Leaf, d *Decision) {
	t := &d.Technique
	switch {
	case t.Name == Seal && t.Deterministic:
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s sees which sealed values are equal, and erasing a person does not erase them before their epoch ends", f.spec.Name), "")
	case t.Name == Keep && readableClasses[l.Class] && d.Clear == "":
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s reads %s of class %s as it was written: it may name people", f.spec.Name, l.Path, l.Class), "write the reason beside it: {keep: …, clear: \"the reason\"}")
	}
}
