// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// maxLeaves bounds what one event may expand to: shapes inside shapes multiply.
const maxLeaves = 20000

// expansion turns the fields of one event into leaves with absolute paths.
type expansion struct {
	*faults
	origin string // of the leaves, for people: "mastodon@1"
	shapes map[string]*shape
	event  string
	policy string // file of the policy that adds and reclassifies

	leaves   []placed
	at       map[string]int // the leaf of a path
	stack    []*spec        // references to the shapes that enclose the current place
	nowhere  bool           // a shape could not be placed: what is missing is not reported
	placings int            // shapes placed so far, even those without fields
	overflow bool
}

// placed is a leaf and where its file says so.
type placed struct {
	Leaf
	key   string // its path, spelled
	where place
	ties  []tie
}

// tie is another field that a leaf refers to.
type tie struct {
	path event.Path
	at   place
	kind tieKind
}

type tieKind uint8

const (
	tieOwner tieKind = iota // of: or a shape's subject:
	tieSame
	tieOffset
	tieLink
)

// scope is the object whose fields are being placed.
type scope struct {
	base  event.Path
	owner *tie // whose its leaves are; nil: the event's subject
	where string
}

func newExpansion(f *faults, origin string, shapes map[string]*shape, event string) *expansion {
	return &expansion{faults: f, origin: origin, shapes: shapes, event: event, at: map[string]int{}}
}

// field places one line of `fields:`.
func (x *expansion) field(f field, in scope) {
	if x.overflow {
		return
	}
	path, ok := in.base.Join(f.path)
	switch {
	case !ok:
		x.once(f.at, "`^` climbs above the root", "there are fewer enclosing objects")
	case len(path) > maxPath:
		x.once(f.at, fmt.Sprintf("the path has more than %d steps when its shapes are put together", maxPath), "lower depth:")
	default:
		x.place(path, f.spec, in, in.where+", field "+f.text)
	}
}

// place puts what a spec says at a path.
func (x *expansion) place(path event.Path, s *spec, in scope, where string) {
	switch {
	case s.leaf != nil:
		x.leaf(path, s, in, where)
	case s.place != nil:
		x.object(path, s.place, in, where)
	default:
		x.reference(path, s, in)
	}
}

// reference follows {shape: name, depth: n}. A shape inside itself ends at its depth.
func (x *expansion) reference(path event.Path, s *spec, in scope) {
	target, ok := x.shapes[s.shape]
	if !ok {
		x.nowhere = true
		x.once(s.at, fmt.Sprintf("unknown shape %q", s.shape), suggest(s.shape, slices.Sorted(maps.Keys(x.shapes))))
		return
	}
	inside, bounded := x.enclosing(s.shape)
	switch {
	case inside > 0 && s.depth == 0 && !bounded:
		x.nowhere = true
		x.once(s.at, fmt.Sprintf("shape %s is inside itself", s.shape), "say how deep: {shape: "+s.shape+", depth: 2}")
		return
	case inside > 0 && s.depth > 0 && inside > s.depth:
		return
	}
	if x.placings++; x.placings > maxLeaves {
		x.overflows(s.at)
		return
	}
	x.stack = append(x.stack, s)
	x.object(path, target, in, x.origin+" shape "+s.shape)
	x.stack = x.stack[:len(x.stack)-1]
}

// enclosing counts how often a shape encloses the current place, and tells whether a depth bounds the way from the nearest of them to here.
func (x *expansion) enclosing(shape string) (count int, bounded bool) {
	for _, s := range x.stack {
		if s.shape == shape {
			count, bounded = count+1, false
			continue
		}
		bounded = bounded || s.depth > 0
	}
	return count, bounded
}

// object places a shape. One that has a `value` may be a bare scalar, and any of both may stand in an array.
func (x *expansion) object(path event.Path, s *shape, in scope, where string) {
	x.body(path, s, in, where)
	if s.value != nil {
		x.body(extend(path, event.Segment{Kind: event.Each}), s, in, where)
	}
}

func (x *expansion) body(path event.Path, s *shape, in scope, where string) {
	if s.value != nil {
		x.leaf(path, s.value, scope{path, in.owner, where}, where+", value")
	}
	inner := scope{path, in.owner, where}
	if s.subject != nil {
		if owner, ok := path.Join(s.subject.path); ok {
			inner.owner = &tie{owner, s.subject.at, tieOwner}
		} else {
			x.once(s.subject.at, "`^` climbs above the root", "there are fewer enclosing objects")
		}
	}
	for _, f := range s.fields {
		x.field(f, inner)
	}
}

func extend(p event.Path, s event.Segment) event.Path {
	return append(slices.Clip(slices.Clone(p)), s)
}

func (x *expansion) leaf(path event.Path, s *spec, in scope, where string) {
	if len(path) == 0 {
		x.once(s.at, "the payload itself is an object, not a single value", "name its fields")
		return
	}
	if len(x.leaves) == maxLeaves {
		x.overflows(s.at)
		return
	}
	key := path.String()
	p := placed{Leaf: *s.leaf, key: key, where: s.at}
	p.Path, p.Rule = path, where
	p.own(path, s, in, x.faults)
	p.tieTo(s.same, tieSame, in, x.faults)
	p.tieTo(s.links, tieLink, in, x.faults)
	for i := range s.ties {
		p.tieTo(&s.ties[i], tieOffset, in, x.faults)
	}
	if i, twice := x.at[key]; twice {
		x.twice(&x.leaves[i], &p)
		return
	}
	x.at[key] = len(x.leaves)
	x.leaves = append(x.leaves, p)
}

func (x *expansion) overflows(at place) {
	x.overflow, x.nowhere = true, true
	x.once(at, fmt.Sprintf("event %s has more than %d fields when its shapes are put together", x.event, maxLeaves), "lower depth:")
}

// own says whose a leaf is: `of:` decides; an account or handle is the person it names (an alias: the person it is another name of);
// others belong to the subject of their shape, else to the event's.
func (p *placed) own(path event.Path, s *spec, in scope, f *faults) {
	switch {
	case s.of != nil:
		p.tieTo(s.of, tieOwner, in, f)
	case p.Class == Account, p.Class == Handle && !p.Alias:
		p.Owner = path
	case in.owner != nil:
		p.Owner = in.owner.path
		p.ties = append(p.ties, *in.owner)
	}
}

func (p *placed) tieTo(to *pathAt, kind tieKind, in scope, f *faults) {
	if to == nil {
		return
	}
	path, ok := in.base.Join(to.path)
	if !ok {
		f.once(to.at, "`^` climbs above the root", "there are fewer enclosing objects")
		return
	}
	p.ties = append(p.ties, tie{path, to.at, kind})
	switch kind {
	case tieOwner:
		p.Owner = path
	case tieSame:
		p.Same = path
	case tieOffset:
		p.Offsets = append(p.Offsets, path)
	case tieLink:
		p.Links = path
	}
}

// twice handles a path that two lines name, a first: they must say the same.
func (x *expansion) twice(a, b *placed) {
	first, second := a.Leaf, b.Leaf
	first.Rule, second.Rule = "", ""
	if reflect.DeepEqual(first, second) {
		return
	}
	at, other := b.where, a.where
	if at == other {
		x.once(at, fmt.Sprintf("event %s: %s belongs to several people, because it is climbed to from several objects", x.event, b.Path), "write the field where it stands")
		return
	}
	what := fmt.Sprintf("event %s: %s is of class %s here and of class %s at %s", x.event, b.Path, b.Class, a.Class, other)
	if a.Class == b.Class {
		what = fmt.Sprintf("event %s: %s is described differently here and at %s", x.event, b.Path, other)
	}
	x.once(at, what, "one path has one class; remove one of the two")
}

// check verifies what leaves say about each other.
func (x *expansion) check(none bool) {
	for i := range x.leaves {
		p := &x.leaves[i]
		for _, t := range p.ties {
			x.tie(p, t)
		}
		if p.Alias {
			x.alias(p, none)
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
	if i, ok := x.at[p.Owner.String()]; ok && x.leaves[i].Class != Account {
		x.once(p.where, fmt.Sprintf("event %s: %s is an alias of %s, which is of class %s", x.event, p.key, p.Owner, x.leaves[i].Class), "an alias is another name of an account")
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
			if i != j && !(j < i && hasIndex(b.Path)) && (a.Class != b.Class || !reflect.DeepEqual(a.Type, b.Type)) && overlap(a.Path, b.Path) && rankOf(a.Path) == rankOf(b.Path) {
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

func (x *expansion) tie(p *placed, t tie) {
	name := t.path.String()
	switch t.kind {
	case tieOwner, tieSame:
		i, ok := x.at[name]
		switch {
		case !ok:
			x.once(t.at, fmt.Sprintf("event %s: %s has no class", x.event, name), x.nearest(name))
		case t.kind == tieOwner && !x.leaves[i].Class.OfSubject():
			x.once(t.at, fmt.Sprintf("event %s: %s is of class %s, which names nobody", x.event, name, x.leaves[i].Class), "an owner is an account, handle or another identifier of a person")
		case t.kind == tieSame && x.leaves[i].Class != p.Class:
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

// any tells whether a leaf of the class is at the path or below it.
func (x *expansion) any(path event.Path, c Class) bool {
	return slices.ContainsFunc(x.leaves, func(p placed) bool {
		return p.Class == c && len(p.Path) >= len(path) && path.Matches(p.Path[:len(path)])
	})
}

func (x *expansion) nearest(path string) string {
	return nearest(path, slices.Sorted(maps.Keys(x.at)))
}

// run expands one event of a pack, with what the policy adds and reclassifies.
func (x *expansion) run(p *pack, e *packEvent, s *sourceSpec, used []bool, source *Source) Event {
	root := scope{where: x.origin}
	for _, f := range p.fields {
		x.field(f, root)
	}
	root.where = x.origin + " event " + e.name
	if e.shape != nil {
		x.reference(nil, e.shape, root)
	}
	for _, f := range e.fields {
		x.field(f, root)
	}
	x.policySays(s, used, source)
	out := Event{Name: e.name, When: e.when, NoSubject: e.none, Signal: e.signal, Facets: e.facets}
	if x.nowhere {
		return out
	}
	x.check(e.none)
	out.Subjects, out.Time = x.subjects(e), x.time(e)
	slices.SortFunc(x.leaves, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
	out.Leaves = make([]Leaf, len(x.leaves))
	for i := range x.leaves {
		out.Leaves[i] = x.leaves[i].Leaf
	}
	return out
}

// time gives when the event happened; nil: the broker's timestamp says it.
func (x *expansion) time(e *packEvent) event.Path {
	if e.time == nil {
		return nil
	}
	name := e.time.path.String()
	if i, ok := x.at[name]; !ok || x.leaves[i].Class != Times {
		x.once(e.time.at, fmt.Sprintf("event %s: its time %s is no field of class timestamp", e.name, name), nearest(name, x.paths(Times)))
	}
	return e.time.path
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
func (x *expansion) subjects(e *packEvent) []event.Path {
	subjects := e.subjects
	if len(subjects) == 0 && !e.none && e.shape != nil {
		if s := x.shapes[e.shape.shape]; s == nil {
			return nil // reported where the shape is named
		} else if s.subject != nil {
			subjects = []pathAt{*s.subject}
		}
	}
	if len(subjects) == 0 && !e.none {
		x.once(e.at, fmt.Sprintf("event %s has no subject", e.name), "write `subject: $.path` of who acts, or `subject: none`")
	}
	var out []event.Path
	for _, s := range subjects {
		name := s.path.String()
		switch i, ok := x.at[name]; {
		case !ok:
			x.once(s.at, fmt.Sprintf("event %s: its subject %s has no class", e.name, name), x.nearest(name))
		case !x.leaves[i].Class.OfSubject():
			x.once(s.at, fmt.Sprintf("event %s: its subject %s is of class %s, which names nobody", e.name, name, x.leaves[i].Class), "a subject is an account, handle or another identifier of a person")
		default:
			out = append(out, s.path)
		}
	}
	return out
}
