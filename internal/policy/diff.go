// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Direction says whether a change lets more leave.
type Direction string

const (
	More  Direction = "more"  // more leaves, or it cannot be told that no more does
	Less  Direction = "less"  // less leaves
	Other Direction = "other" // what leaves stays the same
)

// Change is one difference between two plans, in words.
type Change struct {
	Direction Direction `json:"direction"`
	Recipient string    `json:"recipient,omitempty"` // "" where it concerns a source or the policy
	Source    string    `json:"source,omitempty"`
	Events    []string  `json:"events,omitempty"` // nil: all events of the source that have the fields
	Paths     []string  `json:"paths,omitempty"`
	What      string    `json:"what"` // a sentence without the paths when there are many
}

// shownPaths is how many paths a line names; JSON has all of them.
const shownPaths = 6

// String gives the change on one line.
func (c Change) String() string {
	if len(c.Paths) < 2 {
		return c.What
	}
	shown, rest := c.Paths, ""
	if len(shown) > shownPaths {
		shown, rest = shown[:shownPaths], fmt.Sprintf(" and %d more", len(shown)-shownPaths)
	}
	return c.What + ": " + strings.Join(shown, ", ") + rest
}

// Changes are the differences between two plans: what lets more leave comes first, then what lets less, then the rest.
type Changes []Change

// More tells whether anything lets more leave.
func (cs Changes) More() bool { return len(cs.Of(More)) > 0 }

// Of gives the changes of one direction.
func (cs Changes) Of(d Direction) Changes {
	var out Changes
	for _, c := range cs {
		if c.Direction == d {
			out = append(out, c)
		}
	}
	return out
}

// Diff says what changes for whom when the plan next takes the place of the plan old. Where it cannot be told that no more
// leaves, it says that more does.
func Diff(old, next *Plan) Changes {
	d := &comparison{old: old, next: next}
	d.controller()
	d.sources()
	d.recipients()
	rank := map[Direction]int{More: 0, Less: 1, Other: 2}
	slices.SortStableFunc(d.out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank[a.Direction], rank[b.Direction]), cmp.Compare(a.Recipient, b.Recipient), cmp.Compare(a.Source, b.Source))
	})
	return d.out
}

// comparison collects the differences of two plans.
type comparison struct {
	old, next *Plan
	out       Changes
}

func (d *comparison) add(direction Direction, recipient, source, format string, args ...any) {
	d.out = append(d.out, Change{Direction: direction, Recipient: recipient, Source: source, What: fmt.Sprintf(format, args...)})
}

func (d *comparison) controller() {
	if d.old.Controller != d.next.Controller {
		d.add(Other, "", "", "the controller is described differently")
	}
	switch {
	case d.next.Ages.UnknownIsAdult && !d.old.Ages.UnknownIsAdult:
		d.add(More, "", "", "people of unknown age now count as adults: %s", d.next.Ages.Reason)
	case d.old.Ages.UnknownIsAdult && !d.next.Ages.UnknownIsAdult:
		d.add(Less, "", "", "people of unknown age now count as minors")
	case d.old.Ages.MinorBelow > d.next.Ages.MinorBelow:
		d.add(More, "", "", "people count as minors below %d years, no longer below %d", d.next.Ages.MinorBelow, d.old.Ages.MinorBelow)
	case d.old.Ages.MinorBelow < d.next.Ages.MinorBelow:
		d.add(Less, "", "", "people count as minors below %d years, no longer below %d", d.next.Ages.MinorBelow, d.old.Ages.MinorBelow)
	case d.old.Ages != d.next.Ages:
		d.add(Other, "", "", "why people of unknown age count as adults is described differently")
	}
	for i := range d.next.Purposes {
		if find(d.old.Purposes, d.next.Purposes[i].Name, purposeName) == nil {
			d.add(Other, "", "", "there is a new purpose, %s (%s)", d.next.Purposes[i].Name, d.next.Purposes[i].Basis)
		}
	}
	for i := range d.old.Purposes {
		p := &d.old.Purposes[i]
		switch q := find(d.next.Purposes, p.Name, purposeName); {
		case q == nil:
			d.add(Other, "", "", "there is no purpose %s any more", p.Name)
		case p.Description != q.Description || p.DPV != q.DPV:
			d.add(Other, "", "", "purpose %s is described differently", p.Name)
		}
	}
}

func purposeName(p *Purpose) string     { return p.Name }
func sourceName(s *Source) string       { return s.Name }
func recipientName(r *Recipient) string { return r.Name }
func eventName(e *Event) string         { return e.Name }

// find gives the item of a name, or nil.
func find[T any](items []T, name string, nameOf func(*T) string) *T {
	for i := range items {
		if nameOf(&items[i]) == name {
			return &items[i]
		}
	}
	return nil
}

// sources compares what is read, and what packs say of it.
func (d *comparison) sources() {
	for i := range d.next.Sources {
		if s := &d.next.Sources[i]; find(d.old.Sources, s.Name, sourceName) == nil {
			d.add(Other, "", s.Name, "there is a new source, %s (%s)", s.Name, s.Pack)
		}
	}
	for i := range d.old.Sources {
		a := &d.old.Sources[i]
		b := find(d.next.Sources, a.Name, sourceName)
		if b == nil {
			d.add(Other, "", a.Name, "there is no source %s any more", a.Name)
			continue
		}
		d.source(a, b)
	}
}

func (d *comparison) source(a, b *Source) {
	if a.Pack != b.Pack {
		d.add(Other, "", a.Name, "%s is read by pack %s, no longer by %s", a.Name, b.Pack, a.Pack)
	}
	if a.Format != b.Format {
		d.add(Other, "", a.Name, "records of %s are wrapped in %s, no longer in %s", a.Name, b.Format, a.Format)
	}
	if !same(a.Consents, b.Consents) {
		d.add(More, "", a.Name, "what people agreed to is looked for elsewhere in %s", a.Name)
	}
	if !same(a.Each, b.Each) {
		d.add(More, "", a.Name, "records of %s are taken apart into events in another way", a.Name)
	}
	if a.Instance != b.Instance {
		d.add(Other, "", a.Name, "%s is another instance of its platform: its accounts have new pseudonyms", a.Name)
	}
	if added := without(b.Topics, a.Topics); len(added) > 0 {
		d.add(More, "", a.Name, "%s is also read from %s", a.Name, strings.Join(added, ", "))
	}
	if gone := without(a.Topics, b.Topics); len(gone) > 0 {
		d.add(Less, "", a.Name, "%s is no longer read from %s", a.Name, strings.Join(gone, ", "))
	}
	d.matching(a, b)
	d.classes(a, b)
	d.reclassified(a, b)
}

func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
}

// matching compares which payloads are taken for which event: another `when:`, or another order, may let a payload be taken
// for an event of which more leaves.
func (d *comparison) matching(a, b *Source) {
	var before, after []string
	for i := range b.Events {
		x := &b.Events[i]
		y := find(a.Events, x.Name, eventName)
		if y == nil {
			d.add(Other, "", a.Name, "%s has a new event, %s", a.Name, x.Name)
			continue
		}
		after = append(after, x.Name)
		if !same(*x, *y, "When", "Facets", "Leaves", "Key", "Time", "Signal", "NoSubject", "Subjects") || !same(x.When, y.When) {
			d.event(a.Name, x.Name, More, "event %s of %s is found by other conditions, or elsewhere: it may match more payloads", x.Name, a.Name)
		}
		d.gates(a.Name, y, x)
	}
	for i := range a.Events {
		x := &a.Events[i]
		if find(b.Events, x.Name, eventName) != nil {
			before = append(before, x.Name)
			continue
		}
		d.add(Other, "", a.Name, "%s no longer has the event %s", a.Name, x.Name)
		if i < len(a.Events)-1 {
			d.event(a.Name, x.Name, More, "what was event %s of %s may now be taken for another event", x.Name, a.Name)
		}
	}
	if !slices.Equal(before, after) {
		d.add(More, "", a.Name, "events of %s are tried in another order: a payload may be taken for another event", a.Name)
	}
}

func (d *comparison) event(source, event string, direction Direction, format string, args ...any) {
	d.add(direction, "", source, format, args...)
	d.out[len(d.out)-1].Events = []string{event}
}

// gates compares what decides whether an event leaves at all.
func (d *comparison) gates(source string, a, b *Event) {
	switch {
	case a.Signal == b.Signal:
	case a.Signal == "":
		d.event(source, b.Name, More, "event %s of %s is now a signal, %s: it reaches recipients without consent, with pseudonyms only", b.Name, source, b.Signal)
	case b.Signal == "":
		d.event(source, b.Name, More, "event %s of %s is no longer a signal: it may carry more than pseudonyms", b.Name, source)
	default:
		d.event(source, b.Name, Other, "event %s of %s is now the signal %s, no longer %s", b.Name, source, b.Signal, a.Signal)
	}
	switch {
	case b.NoSubject && !a.NoSubject:
		d.event(source, b.Name, More, "event %s of %s has no subject any more: nobody is asked for consent", b.Name, source)
	case a.NoSubject && !b.NoSubject:
		d.event(source, b.Name, Less, "event %s of %s now has a subject, whose consent counts", b.Name, source)
	case !same(a.Subjects, b.Subjects):
		d.event(source, b.Name, More, "event %s of %s has other subjects: the consent of others counts", b.Name, source)
	}
	if !same(a.Facets, b.Facets) {
		d.event(source, b.Name, More, "facets of event %s of %s are found by other conditions: `only:` may let more events pass", b.Name, source)
	}
	if !same(a.Time, b.Time) {
		d.event(source, b.Name, Other, "event %s of %s takes its time from another field", b.Name, source)
	}
}

// same compares two values of one type; fields of a struct that are named do not count.
func same[T any](a, b T, but ...string) bool {
	for _, name := range but {
		clearField(&a, name)
		clearField(&b, name)
	}
	return reflect.DeepEqual(a, b)
}

func clearField[T any](v *T, name string) {
	if f := reflect.ValueOf(v).Elem().FieldByName(name); f.IsValid() {
		f.SetZero()
	}
}

// classes compares what fields are said to be. Whether more leaves because of it, the recipients' part tells.
func (d *comparison) classes(a, b *Source) {
	type switched struct{ from, to Class }
	changed := map[switched]map[string]bool{}
	owners := map[string]bool{}
	for i := range b.Events {
		before := find(a.Events, b.Events[i].Name, eventName)
		if before == nil {
			continue
		}
		olds := leavesByKey(before)
		for j := range b.Events[i].Leaves {
			l := &b.Events[i].Leaves[j]
			path := l.Path.String()
			o := olds[leafKey(l)]
			if o == nil || l.Container || o.Container {
				continue
			}
			if o.Class != l.Class {
				key := switched{o.Class, l.Class}
				if changed[key] == nil {
					changed[key] = map[string]bool{}
				}
				changed[key][path] = true
			}
			if !same(o.Owner, l.Owner) {
				owners[path] = true
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(changed), func(x, y switched) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to))
	}) {
		d.fields(Change{Direction: Other, Source: a.Name}, changed[key], func(fields string) string {
			return fmt.Sprintf("%s of %s: class %s, no longer %s", fields, a.Name, key.to, key.from)
		})
	}
	if len(owners) > 0 {
		d.fields(Change{Direction: Other, Source: a.Name}, owners, func(fields string) string {
			return fmt.Sprintf("%s of %s: now another person's", fields, a.Name)
		})
	}
}

// fields adds a change about some paths: one stands in the sentence, several behind it.
func (d *comparison) fields(c Change, paths map[string]bool, what func(fields string) string) {
	c.Paths = slices.Sorted(maps.Keys(paths))
	if len(c.Paths) == 1 {
		c.What = what(c.Paths[0])
	} else {
		c.What = what(fmt.Sprintf("%d fields", len(c.Paths)))
	}
	d.out = append(d.out, c)
}

// leavesByKey finds an event's leaves.
func leavesByKey(e *Event) map[string]*Leaf {
	out := make(map[string]*Leaf, len(e.Leaves))
	for i := range e.Leaves {
		out[leafKey(&e.Leaves[i])] = &e.Leaves[i]
	}
	return out
}

// leafKey tells leaves of one event apart: where there are cases, a path has several.
func leafKey(l *Leaf) string {
	key := l.Path.String()
	if len(l.Case) > 0 {
		key += fmt.Sprint(keyEnd, l.Case)
	}
	return key
}

// keyEnd stands behind the path of a key. No name holds it unescaped that a path spells.
const keyEnd = "\x00"

func pathOfKey(key string) string {
	path, _, _ := strings.Cut(key, keyEnd)
	return path
}

func (d *comparison) reclassified(a, b *Source) {
	byPath := func(s *Source) map[string]Reclassification {
		out := map[string]Reclassification{}
		for _, r := range s.Reclassified {
			out[r.Path.String()] = r
		}
		return out
	}
	old, next := byPath(a), byPath(b)
	for _, path := range slices.Sorted(maps.Keys(next)) {
		r := next[path]
		switch before, known := old[path]; {
		case !known:
			d.add(Other, "", a.Name, "%s of %s is reclassified from %s to %s%s", path, a.Name, r.From, r.To, because(r.Reason))
		case before.Reason != r.Reason:
			d.add(Other, "", a.Name, "%s of %s is reclassified for another reason%s", path, a.Name, because(r.Reason))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(old)) {
		if _, still := next[path]; !still {
			d.add(Other, "", a.Name, "%s of %s is no longer reclassified: it is %s again", path, a.Name, old[path].From)
		}
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(", because: %s", reason)
}
