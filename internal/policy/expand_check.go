// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// check verifies what leaves say about each other.
func (x *expansion) check(none bool) {
	var owner *tie
	for i := range x.leaves {
		p := &x.leaves[i]
		if p.owner != nil && p.owner != owner {
			owner = p.owner // whether it is one is the same for all leaves of its shape
			x.tie(p, owner)
		}
		for j := range p.ties {
			x.tie(p, &p.ties[j])
		}
		if p.Alias {
			x.alias(p, none)
		}
		if p.OwnParts {
			x.ownParts(p)
		}
	}
	x.overlaps()
}

// alias checks that a handle declared to be another name of somebody has an account to be the name of.
func (x *expansion) alias(p *placed, none bool) {
	if p.Owner == nil {
		if none {
			x.once(p.where, fmt.Sprintf("event %s: %s is an alias of nobody", x.event, p.key), "say whose: {class: handle, alias: true, of: …}")
		}
		return
	}
	for i := range x.leavesAt(p.Owner.String()) {
		if x.leaves[i].Class == Account {
			return
		}
		x.once(p.where, fmt.Sprintf("event %s: %s is an alias of %s, which is of class %s", x.event, p.key, p.Owner, x.leaves[i].Class), "an alias is another name of an account")
	}
}

// ownParts checks that whom the accounts and handles of a template stand for is an account: else a pseudonym of another class
// would leave in their place.
func (x *expansion) ownParts(p *placed) {
	for i := range x.leavesAt(p.Owner.String()) {
		if l := &x.leaves[i]; l.Class.OfSubject() && l.Class != Account {
			x.once(p.where, fmt.Sprintf("event %s: %s stands for %s, which is of class %s", x.event, p.key, p.Owner, l.Class), "of: names an account where a template has accounts or handles")
			return
		}
	}
}

// overlaps refuses two paths that can select the same element when neither says more about it.
func (x *expansion) overlaps() {
	for i := range x.leaves {
		a := &x.leaves[i]
		if !hasIndex(a.Path) {
			continue
		}
		for j := range x.leaves {
			b := &x.leaves[j]
			if i != j && a.cases == b.cases && !(j < i && hasIndex(b.Path)) && (a.Class != b.Class || !reflect.DeepEqual(a.Type, b.Type)) && overlap(a.Path, b.Path) && rankOf(a.Path) == rankOf(b.Path) {
				x.once(a.where, fmt.Sprintf("event %s: %s is of class %s, and %s, of class %s at %s, can be the same field", x.event, a.key, a.Class, b.key, b.Class, b.where), "one path has one class")
			}
		}
	}
}

func hasIndex(p event.Path) bool {
	return slices.ContainsFunc(p, func(s event.Segment) bool { return s.Kind == event.Index })
}

func overlap(a, b event.Path) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		each := a[i].Kind == event.Each && b[i].Kind == event.Index || a[i].Kind == event.Index && b[i].Kind == event.Each
		if a[i] != b[i] && !each {
			return false
		}
	}
	return true
}

func (x *expansion) tie(p *placed, t *tie) {
	name := t.key
	switch t.kind {
	case tieOwner, tieSame:
		i, ok := x.fitting(name, func(l *Leaf) bool {
			return t.kind == tieOwner && l.Class.OfSubject() || t.kind == tieSame && l.Class == p.Class
		})
		switch {
		case ok:
		case i < 0:
			x.once(t.at, fmt.Sprintf("event %s: %s has no class", x.event, name), x.nearest(name))
		case t.kind == tieOwner:
			x.once(t.at, fmt.Sprintf("event %s: %s is of class %s, which names nobody", x.event, name, x.leaves[i].Class), "an owner is an account, handle or another identifier of a person")
		default:
			x.once(t.at, fmt.Sprintf("event %s: %s is of class %s, not %s", x.event, name, x.leaves[i].Class, p.Class), "two spellings of one identifier have one class")
		}
	case tieOffset:
		if !x.any(t.path, Offset) {
			x.once(t.at, fmt.Sprintf("event %s: %s has no field of class offset", x.event, name), "")
		}
	case tieLink:
		if !x.any(t.path, URL) {
			x.once(t.at, fmt.Sprintf("event %s: %s has no field of class url", x.event, name), "")
		}
	}
}

// fitting gives a leaf at the path that fits in some case; else another one there, or -1.
func (x *expansion) fitting(name string, fits func(*Leaf) bool) (at int, ok bool) {
	at = -1
	for i := range x.leavesAt(name) {
		if at = i; fits(&x.leaves[i].Leaf) {
			return i, true
		}
	}
	return at, false
}

// any tells whether a leaf of the class is at the path or below it.
func (x *expansion) any(path event.Path, c Class) bool {
	for i := range x.leaves {
		if p := &x.leaves[i]; p.Class == c && len(p.Path) >= len(path) && path.Matches(p.Path[:len(path)]) {
			return true
		}
	}
	return false
}

func (x *expansion) nearest(path string) string {
	return nearest(path, slices.Sorted(maps.Keys(x.first)))
}
