// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
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
			c.warnTogether(f, &source.Events[i], f.events[i].Decisions)
		}
	}
	c.warnJoins()
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
	case deterministic(t) && fewValues(l):
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s sees which values of %s, of class %s, are equal: there are few of them, and counting tells which is which", f.spec.Name, l.Path, l.Class),
			"write `seal`, which hides what is equal, or drop it")
	case t.Name == Seal && t.Deterministic:
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s sees which sealed values are equal, and erasing a person does not erase them before their epoch ends", f.spec.Name), "")
	case t.Name == Keep && readableClasses[l.Class] && d.Clear == "":
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s reads %s of class %s as it was written: it may name people", f.spec.Name, l.Path, l.Class), "write the reason beside it: {keep: …, clear: \"the reason\"}")
	case t.Name == InText && t.Text.Names == NamesNone && d.Clear == "":
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s reads the names of persons in %s, of class %s", f.spec.Name, l.Path, l.Class), "write names: balanced, or the reason beside it: {text: …, clear: \"the reason\"}")
	case t.Name == Truncate && (l.Class == Text || l.Class == Free) && d.Clear == "":
		c.warnings.once(f.best(l).at, fmt.Sprintf("recipient %s reads the first %d characters of %s, of class %s, as they were written: they may name people", f.spec.Name, t.Keep, l.Path, l.Class), "write the reason beside it: {truncate: …, clear: \"the reason\"}")
	}
}

// deterministic tells whether a technique gives equal values equal results under one key.
func deterministic(t *Technique) bool {
	return t.Name == Seal && t.Deterministic || t.Name == Pseudonym || t.Name == FPE
}

// fewValues tells whether a field has so few values, or so uneven ones, that how often each occurs gives them away.
func fewValues(l *Leaf) bool {
	switch l.Class {
	case Gender, Age, Birth, Postal, Locale:
		return true
	case Plain:
		return l.Type != nil && (l.Type.Kind == TypeBoolean || l.Type.Kind == TypeEnum)
	}
	return false
}

// Quasi-identifiers are of few kinds: two fields that say the same about a person (a birth and an age) add little to each other.
const (
	quasiAge    = "birth or age"
	quasiPlace  = "place"
	quasiGender = "gender"
	quasiLocale = "language or time zone"
)

// How exactly a quasi-identifier leaves. Three kinds of one person are warned of when two of them leave exactly and the
// third at all: a date of birth, a gender and a county are enough to find every sixth person.
const (
	quasiCoarse  = 1
	quasiExact   = 2
	quasiTooMuch = quasiExact + quasiExact + quasiCoarse
	quasiKinds   = 3
)

// quasi says which kind of quasi-identifier leaves, and how exactly; 0: not readably.
func quasi(l *Leaf, t *Technique) (kind string, exactness int) {
	exact := func(yes bool) int {
		if yes {
			return quasiExact
		}
		return quasiCoarse
	}
	switch kind = quasiKind(l.Class); {
	case kind == "":
		return "", 0
	case t.Name == Keep:
		return kind, quasiExact
	case t.Name == Truncate && l.Class == Birth:
		return kind, exact(t.Keep > len("2006")) // more than the year
	case t.Name == Truncate, t.Name == Mask && t.Keep > 0:
		return kind, exact(t.Keep > 3)
	case t.Name == Round && t.Grid > 0:
		return kind, exact(t.Grid < 10)
	case t.Name == Round:
		return kind, exact(t.Places > 0)
	case t.Name == Bucket:
		return kind, exact(narrowest(t.Bounds) < 5)
	}
	return kind, 0
}

func quasiKind(c Class) string {
	switch c {
	case Birth, Age:
		return quasiAge
	case Postal, Geo:
		return quasiPlace
	case Gender:
		return quasiGender
	case Locale:
		return quasiLocale
	}
	return ""
}

// narrowest gives the width of the narrowest band between bounds.
func narrowest(bounds []float64) float64 {
	width := 1000.0
	for i := 1; i < len(bounds); i++ {
		width = min(width, bounds[i]-bounds[i-1])
	}
	return width
}

// found is a quasi-identifier of one person.
type found struct {
	leaf      *Leaf
	exactness int
}

// warnTogether warns of fields of one person that leave in one event and are harmless only one by one.
func (c *compiler) warnTogether(f *joinedFlow, e *Event, decisions []Decision) {
	people := map[string]map[string]found{} // by person, then kind
	for i := range decisions {
		l := &e.Leaves[i]
		kind, exactness := quasi(l, &decisions[i].Technique)
		if exactness == 0 {
			continue
		}
		whose := person(e, l)
		if people[whose] == nil {
			people[whose] = map[string]found{}
		}
		if exactness > people[whose][kind].exactness {
			people[whose][kind] = found{l, exactness}
		}
	}
	for _, whose := range slices.Sorted(maps.Keys(people)) {
		kinds, sum := people[whose], 0
		for _, k := range kinds {
			sum += k.exactness
		}
		if len(kinds) < quasiKinds || sum < quasiTooMuch {
			continue
		}
		at, list := place{}, []string{}
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			l := kinds[kind].leaf
			list = append(list, fmt.Sprintf("%s (%s)", kind, l.Path))
			if by := f.best(l).at; at.line == 0 || by.line < at.line {
				at = by
			}
		}
		c.warnings.once(at, fmt.Sprintf("recipient %s gets these of one person together, in event %s: %s; few people share all of them", f.spec.Name, e.Name, strings.Join(list, ", ")),
			"drop one, or make it coarser: the year of a birth, {round: 100km}, {bucket: [18, 25, 35, 50, 65]}")
	}
}

// person names whose a leaf is, the same for all leaves of one: "" is the event's subject.
func person(e *Event, l *Leaf) string {
	if l.Owner == nil || slices.ContainsFunc(e.Subjects, func(p event.Path) bool { return slices.Equal(p, l.Owner) }) {
		return ""
	}
	return l.Owner.String()
}

// warnJoins warns of values that several recipients get as they were written: each has pseudonyms of its own so that they
// cannot put their records together, and such a value undoes it.
func (c *compiler) warnJoins() {
	for i := range c.sources {
		for j := range c.sources[i].Events {
			e := &c.sources[i].Events[j]
			for k := range e.Leaves {
				c.warnJoin(i, j, &e.Leaves[k], k)
			}
		}
	}
}

func (c *compiler) warnJoin(source, kind int, l *Leaf, leaf int) {
	var with []*joinedFlow
	for _, f := range c.flows {
		if f.source != source || leaf >= len(f.events[kind].Decisions) {
			continue
		}
		if joins(l, &f.events[kind].Decisions[leaf].Technique) {
			with = append(with, f)
		}
	}
	if len(with) < 2 {
		return
	}
	slices.SortFunc(with, func(a, b *joinedFlow) int { return cmp.Compare(a.best(l).at.line, b.best(l).at.line) })
	names := make([]string, len(with))
	for i, f := range with {
		names[i] = f.spec.Name
	}
	last := with[len(with)-1]
	what, fix := "readably", "write pseudonym for all of them but one at most, or drop it"
	switch {
	case l.Class == Times:
		what, fix = "exactly", "write {time: hour}, {time: day} or {time: week}"
	case l.Class == Geo:
		what, fix = "exactly", "write {round: 10km}"
	case !l.Class.Identifier():
		fix = "drop it, or seal it, for all of them but one at most"
	}
	c.warnings.once(last.best(l).at, fmt.Sprintf("recipients %s all get %s of class %s %s: they could join their records by it", strings.Join(names, ", "), l.Path, l.Class, what), fix)
}

// exactPlaces is how many decimal places of a degree tell one house from the next.
const exactPlaces = 3

// joins tells whether what leaves is the same for every recipient and rare enough to find one record by it.
func joins(l *Leaf, t *Technique) bool {
	switch l.Class {
	case Times:
		return t.Name == Keep || t.Name == Time && t.Step > 0 && t.Step < time.Hour
	case Geo:
		return t.Name == Keep || t.Name == Round && t.Grid == 0 && t.Places >= exactPlaces
	case Text, Free, Finance, Postal:
		return t.Name == Keep
	case IP:
		return t.Name == Keep || t.Name == Truncate && (t.IPv4 > bitsIPv4 || t.IPv6 > bitsIPv6)
	case App, Group, PlaceID, Media, Avatar:
		return false // many records share them
	}
	return l.Class.Identifier() && (t.Name == Keep || (t.Name == Mask || t.Name == Truncate) && t.Keep > readable)
}
