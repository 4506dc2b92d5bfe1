// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"iter"
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
	first    map[string]int // the first leaf of a path, by its spelling; a path has one, or one for each case
	stack    []*spec        // references to the shapes that enclose the current place
	nowhere  bool           // a shape could not be placed: what is missing is not reported
	placings int            // shapes placed so far, even those without fields
	overflow bool
}

// placed is a leaf and where its file says so.
type placed struct {
	Leaf
	key   string // its path, spelled
	cases string // its case, spelled
	next  int    // the next leaf of the same path; 0: none
	where place
	owner *tie // from its shape, which all its leaves share
	ties  []tie
}

// tie is another field that a leaf refers to.
type tie struct {
	path event.Path
	key  string // the path, spelled
	at   place
	kind tieKind
}

// spot is a path and its spelling. Spelling it anew for each of the many leaves would take longer than all else about them.
type spot struct {
	path event.Path
	key  string
}

// join appends the path of a field. It reports false where that climbs above the root.
func (s spot) join(f *field) (spot, bool) {
	path, ok := s.path.Join(f.path)
	if f.below != "" {
		return spot{path, s.key + f.below}, ok
	}
	return spot{path, path.String()}, ok
}

func (s spot) extend(by event.Segment) spot {
	path := append(slices.Clip(slices.Clone(s.path)), by)
	return spot{path, s.key + event.Path{by}.String()[len("$"):]}
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
	base  spot
	owner *tie // whose its leaves are; nil: the event's subject
	where string
	when  []Clause // its leaves are there only where these hold
	cases string   // the same, spelled
}

// root is the payload itself.
var root = spot{nil, event.Path(nil).String()}

// newExpansion reuses the memory of the one before, which may be nil.
func newExpansion(f *faults, origin string, shapes map[string]*shape, event string, before *expansion) *expansion {
	x := &expansion{faults: f, origin: origin, shapes: shapes, event: event}
	if before != nil {
		x.leaves, x.first = before.leaves[:0], before.first
		clear(x.first)
	} else {
		x.first = map[string]int{}
	}
	return x
}

// leavesAt gives the leaves of a path, in the order in which they were placed.
func (x *expansion) leavesAt(key string) iter.Seq[int] {
	return func(yield func(int) bool) {
		i, ok := x.first[key]
		for ok && yield(i) {
			i = x.leaves[i].next
			ok = i > 0
		}
	}
}

// field places one line of `fields:`.
func (x *expansion) field(f *field, in scope) {
	if x.overflow {
		return
	}
	to, ok := in.base.join(f)
	switch {
	case !ok:
		x.once(f.at, "`^` climbs above the root", "there are fewer enclosing objects")
	case len(to.path) > maxPath:
		x.once(f.at, fmt.Sprintf("the path has more than %d steps when its shapes are put together", maxPath), "lower depth:")
	default:
		x.place(to, f.spec, in, in.where+", field "+f.text)
	}
}

// place puts what a spec says at a path.
func (x *expansion) place(to spot, s *spec, in scope, where string) {
	switch {
	case s.leaf != nil:
		x.leaf(to, s, in, where)
	case s.cases != nil:
		x.cases(to, s, in, where)
	case s.place != nil:
		x.object(to, s.place, in, where)
	default:
		x.reference(to, s, in)
	}
}

// cases places what a field is in each case: where its own conditions hold, and those of the cases before it do not.
func (x *expansion) cases(to spot, s *spec, in scope, where string) {
	var before []Clause
	for i := range s.cases {
		c := &s.cases[i]
		inner := in
		inner.when = slices.Concat(in.when, before)
		if len(c.when) > 0 {
			when, ok := beside(to.path, c.when)
			if !ok {
				x.once(s.at, "`^` climbs above the root", "there are fewer enclosing objects")
				return
			}
			inner.when = append(inner.when, Clause{When: when})
			before = append(before, Clause{When: when, Not: true})
		}
		inner.cases = fmt.Sprint(inner.when)
		x.place(to, c.spec, inner, fmt.Sprintf("%s, case %d", where, i+1))
	}
}

// beside gives conditions that are relative to the object in which the field at path stands.
func beside(path event.Path, cs []Condition) ([]Condition, bool) {
	around, ok := path.Join(event.Path{{Kind: event.Parent}})
	if !ok {
		return nil, false
	}
	return joinAll(around, cs)
}

// joinAll gives conditions with absolute paths.
func joinAll(base event.Path, cs []Condition) ([]Condition, bool) {
	out := slices.Clone(cs)
	for i := range out {
		path, ok := base.Join(cs[i].Path)
		if !ok {
			return nil, false
		}
		out[i].Path = path
	}
	return out, true
}

// reference follows {shape: name, depth: n}. A shape inside itself ends at its depth.
func (x *expansion) reference(to spot, s *spec, in scope) {
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
	x.object(to, target, in, x.origin+" shape "+s.shape)
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
func (x *expansion) object(to spot, s *shape, in scope, where string) {
	if s.decode != "" {
		for _, inside := range s.inside {
			x.place(to.extend(event.Segment{Kind: event.Decoded, Name: s.decode}), inside, in, where)
		}
		return
	}
	x.body(to, s, in, where)
	if s.value != nil {
		x.body(to.extend(event.Segment{Kind: event.Each}), s, in, where)
	}
}

func (x *expansion) body(to spot, s *shape, in scope, where string) {
	if s.value != nil {
		x.leaf(to, s.value, scope{to, in.owner, where, in.when, in.cases}, where+", value")
	}
	inner := scope{to, in.owner, where, in.when, in.cases}
	if s.subject != nil {
		first := s.subject[0]
		of := to.path
		for len(first.path) == 1 && first.path[0].Kind == event.Keys && len(of) > 0 && of[len(of)-1].Kind == event.Each {
			of = of[:len(of)-1] // what stands in an array belongs to the name of the member all the same
		}
		if owner, ok := of.Join(first.path); ok {
			inner.owner = &tie{owner, owner.String(), first.at, tieOwner}
		} else {
			x.once(first.at, "`^` climbs above the root", "there are fewer enclosing objects")
		}
	}
	for i := range s.fields {
		x.field(&s.fields[i], inner)
	}
	if s.keys != nil {
		member := to.extend(event.Segment{Kind: event.Members})
		x.leaf(member.extend(event.Segment{Kind: event.Keys}), s.keys, inner, where+", keys")
		x.place(member, s.values, inner, where+", values")
	}
}

func (x *expansion) leaf(to spot, s *spec, in scope, where string) {
	if len(to.path) == 0 {
		x.once(s.at, "the payload itself is an object, not a single value", "name its fields")
		return
	}
	if len(x.leaves) == maxLeaves {
		x.overflows(s.at)
		return
	}
	at := len(x.leaves)
	x.leaves = append(x.leaves, placed{Leaf: *s.leaf, key: to.key, where: s.at}) // made in its place, for a leaf is large
	p := &x.leaves[at]
	p.Path, p.Rule, p.Case, p.cases = to.path, where, in.when, in.cases
	p.own(to.path, s, in, x.faults)
	p.tieTo(s.same, tieSame, in, x.faults)
	p.tieTo(s.links, tieLink, in, x.faults)
	for i := range s.ties {
		p.tieTo(&s.ties[i], tieOffset, in, x.faults)
	}
	last := -1
	for i := range x.leavesAt(to.key) {
		if other := &x.leaves[i]; other.cases == p.cases || other.cases == "" || p.cases == "" {
			x.twice(other, p)
			x.leaves = x.leaves[:at]
			return
		}
		last = i
	}
	if last < 0 {
		x.first[to.key] = at
	} else {
		x.leaves[last].next = at
	}
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
		p.OwnParts = len(p.Templates) > 0
	case p.Class == Account, p.Class == Handle && !p.Alias:
		p.Owner = path
	case in.owner != nil:
		p.Owner, p.owner = in.owner.path, in.owner
	}
}

func (p *placed) tieTo(to *pathAt, kind tieKind, in scope, f *faults) {
	if to == nil {
		return
	}
	path, ok := in.base.path.Join(to.path)
	if !ok {
		f.once(to.at, "`^` climbs above the root", "there are fewer enclosing objects")
		return
	}
	p.ties = append(p.ties, tie{path, path.String(), to.at, kind})
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
