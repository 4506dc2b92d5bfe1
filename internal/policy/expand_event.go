// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// run expands one event of a pack for the elements at a path (nil: whole records), with what the policy adds and reclassifies.
func (x *expansion) run(p *pack, e *packEvent, each event.Path, s *sourceSpec, used []bool, source *Source) Event {
	for i := range p.fields {
		x.field(&p.fields[i], scope{base: root, where: x.origin})
	}
	element := spot{each, each.String()}
	in := scope{base: element, where: x.origin + " event " + e.name}
	if e.shape != nil {
		x.reference(element, e.shape, in)
	}
	for i := range e.fields {
		x.field(&e.fields[i], in)
	}
	x.policySays(s, used, source)
	out := Event{Name: e.name, Each: each, NoSubject: e.none, Signal: e.signal}
	if e.key != nil {
		out.Key = *e.key.leaf
		out.Key.Rule = x.origin + " event " + e.name + ", record key"
	}
	if !x.conditions(&out, e) {
		x.nowhere = true
		x.once(e.at, "event "+e.name+": `^` climbs above the root", "there are fewer enclosing objects")
	}
	if x.nowhere {
		return out
	}
	x.check(e.none)
	out.Subjects, out.Time = x.subjects(e, each), x.time(e, each)
	out.Leaves = x.sorted()
	return out
}

// sorted gives the leaves by their paths; those of one path in the order of its cases.
func (x *expansion) sorted() []Leaf {
	type entry struct { // a leaf is large: sorting them themselves takes five times as long
		key string
		at  int
	}
	order := make([]entry, len(x.leaves))
	for i := range order {
		order[i] = entry{x.leaves[i].key, i}
	}
	slices.SortFunc(order, func(a, b entry) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return a.at - b.at
	})
	out := make([]Leaf, len(order))
	for i := range order {
		out[i] = x.leaves[order[i].at].Leaf
	}
	return out
}

// conditions gives the event its conditions with absolute paths.
func (x *expansion) conditions(out *Event, e *packEvent) bool {
	when, ok := joinAll(out.Each, e.when)
	out.When = when
	for _, f := range e.facets {
		f.Words = slices.Clone(f.Words)
		for i := range f.Words {
			var fine bool
			f.Words[i].When, fine = joinAll(out.Each, f.Words[i].When)
			ok = ok && fine
		}
		out.Facets = append(out.Facets, f)
	}
	return ok
}

// time gives when the event happened; nil: the broker's timestamp says it.
func (x *expansion) time(e *packEvent, each event.Path) event.Path {
	if e.time == nil {
		return nil
	}
	path, ok := each.Join(e.time.path)
	name := path.String()
	if _, fits := x.fitting(name, func(l *Leaf) bool { return l.Class == Times }); !ok || !fits {
		x.once(e.time.at, fmt.Sprintf("event %s: its time %s is no field of class timestamp", e.name, name), nearest(name, x.paths(Times)))
	}
	return path
}

func (x *expansion) paths(c Class) []string {
	var out []string
	for i := range x.leaves {
		if x.leaves[i].Class == c {
			out = append(out, x.leaves[i].Path.String())
		}
	}
	return out
}

// subjects gives who acts: what the event says, else the subject of its shape.
func (x *expansion) subjects(e *packEvent, each event.Path) []event.Path {
	subjects := e.subjects
	if len(subjects) == 0 && !e.none && e.shape != nil {
		if s := x.shapes[e.shape.shape]; s == nil {
			return nil // reported where the shape is named
		} else if s.subject != nil {
			subjects = s.subject
		}
	}
	if len(subjects) == 0 && !e.none {
		x.once(e.at, fmt.Sprintf("event %s has no subject", e.name), "write `subject: $.path` of who acts, or `subject: none`")
	}
	var out []event.Path
	for _, s := range subjects {
		path, ok := each.Join(s.path)
		name := path.String()
		i, fits := x.fitting(name, func(l *Leaf) bool { return l.Class.OfSubject() })
		switch {
		case !ok || i < 0:
			x.once(s.at, fmt.Sprintf("event %s: its subject %s has no class", e.name, name), x.nearest(name))
		case !fits:
			x.once(s.at, fmt.Sprintf("event %s: its subject %s is of class %s, which names nobody", e.name, name, x.leaves[i].Class), "a subject is an account, handle or another identifier of a person")
		default:
			out = append(out, path)
		}
	}
	return out
}
