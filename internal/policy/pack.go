// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
)

// pack is what a pack's file says, before it is expanded for a source.
type pack struct {
	name    string
	version int
	shapes  map[string]*shape
	fields  []field // of every event
	key     *spec
	headers []header
	events  []packEvent
}

func (p *pack) id() string { return fmt.Sprintf("%s@%d", p.name, p.version) }

// shape is a recurring object, or a field that is written in place as {value: …, fields: …}.
type shape struct {
	name    string
	at      place
	subject *pathAt // relative to the object
	value   *spec   // what a bare scalar in its place is; such a shape may also stand in arrays
	fields  []field
}

// pathAt is a path and where it is written.
type pathAt struct {
	path event.Path
	at   place
}

// field is one line of `fields:`.
type field struct {
	path event.Path
	text string // the path as it is written
	at   place
	spec *spec
}

type header struct {
	name string
	spec *spec
}

// spec says what a field is: a class, or a shape.
type spec struct {
	at    place
	leaf  *Leaf    // paths in it are relative to the object whose fields these are; Path is empty
	of    *pathAt  // whose the leaf is
	same  *pathAt  // another spelling
	ties  []pathAt // offsets
	links *pathAt
	shape string // name of a shape
	depth int
	place *shape // a shape written in place
}

type packEvent struct {
	name     string
	at       place
	when     []Condition
	subjects []pathAt
	none     bool
	time     *pathAt
	signal   string
	facets   []Facet
	shape    *spec
	fields   []field
}

// signals are what a deletion can say. They reach recipients without consent, as pseudonyms only.
var signals = []string{
	"object-deleted", "object-withheld", "account-deleted", "account-deactivated", "account-suspended", "account-protected",
	"scrub-geo", "consent-withdrawn",
}

func (r reader) pack(n *node) *pack {
	o, ok := r.object(n, "the pack", "language", "pack", "version", "description", "shapes", "fields", "record", "events")
	if !ok || !r.language(o) {
		return nil
	}
	p := &pack{shapes: map[string]*shape{}}
	if n := r.need(o, "pack", "write `pack: name`"); n != nil && r.isName(n) {
		p.name = n.text
	}
	if n := r.need(o, "version", "write `version: 1`"); n != nil {
		p.version, _ = r.integer(n, "version", 1, 1<<30)
	}
	if n := o.take("description"); n != nil {
		r.text(n, "description")
	}
	if n := o.take("shapes"); n != nil {
		for _, e := range r.names(n, "shapes") {
			p.shapes[e.key.text] = r.shape(e.value, e.key.text)
		}
	}
	if n := o.take("fields"); n != nil {
		p.fields = r.fields(n, fromRoot)
	}
	if n := o.take("record"); n != nil {
		r.record(n, p)
	}
	if n := r.need(o, "events", "a pack says which events there are"); n != nil {
		r.events(n, p)
	}
	return p
}

// language checks the mark that every file begins with. Nothing is read of a file in another language.
func (r reader) language(o object) bool {
	n := o.take("language")
	switch {
	case n == nil:
		r.add(o.at, o.what+" has no `language:`", "begin with `language: 1`")
	case n.scalar != number || n.text != "1":
		r.add(n.place, "this release reads language 1 only", "write `language: 1`")
	default:
		return true
	}
	return false
}

// record reads what the Kafka key and headers are.
func (r reader) record(n *node, p *pack) {
	o, _ := r.object(n, "record", "key", "headers")
	if n := o.take("key"); n != nil {
		p.key = r.recordPart(n, "the record key")
	}
	if n := o.take("headers"); n != nil {
		for _, e := range r.entries(n, "headers") {
			if s := r.recordPart(e.value, "a header"); s != nil {
				p.headers = append(p.headers, header{e.key.text, s})
			}
		}
	}
}

func (r reader) recordPart(n *node, what string) *spec {
	s := r.spec(n, fromRoot)
	switch {
	case s == nil:
		return nil
	case s.leaf == nil:
		r.add(n.place, what+" is a single value: it has no shape", "name a class")
	case s.of != nil || s.same != nil || s.links != nil || s.ties != nil || s.leaf.Alias:
		r.add(n.place, what+" is bound to no field of the payload", "remove of, same, alias, offsets and links")
	default:
		return s
	}
	return nil
}

func (r reader) shape(n *node, name string) *shape {
	s := &shape{name: name, at: n.place}
	what := "a field"
	if name != "" {
		what = "shape " + name
	}
	o, ok := r.object(n, what, "subject", "fields", "value", "except")
	if !ok {
		return s
	}
	if n := o.take("subject"); n != nil {
		s.subject = r.pathAt(n, fromShape)
	}
	if n := o.take("value"); n != nil {
		s.value = r.spec(n, fromShape)
		if s.value != nil && s.value.leaf == nil {
			r.add(n.place, "value says what a bare scalar is: a class", "name a class")
			s.value = nil
		}
	}
	if n := o.take("fields"); n != nil {
		s.fields = r.fields(n, fromShape)
	}
	if n := o.take("except"); n != nil {
		except := r.except(n)
		if o.values["value"] == nil {
			r.add(o.keys["except"].place, "except needs a value to be an exception of", "write `value: account` beside it")
		} else if s.value != nil {
			s.value.leaf.Except = append(s.value.leaf.Except, except...)
		}
	}
	if o.values["fields"] == nil && o.values["value"] == nil {
		r.add(o.at, what+" has neither fields nor a value", "")
	}
	return s
}

func (r reader) fields(n *node, in frame) []field {
	var out []field
	entries := r.entries
	if in == fromRoot {
		entries = r.pathKeys
	}
	for _, e := range entries(n, "fields") {
		path, ok := r.path(e.key, in)
		s := r.spec(e.value, in)
		if ok && s != nil {
			out = append(out, field{path, e.key.text, e.key.place, s})
		}
	}
	return out
}

func (r reader) pathAt(n *node, in frame) *pathAt {
	if p, ok := r.path(n, in); ok {
		return &pathAt{p, n.place}
	}
	return nil
}

func (r reader) events(n *node, p *pack) {
	for _, e := range r.names(n, "events") {
		if last := len(p.events) - 1; last >= 0 && len(p.events[last].when) == 0 {
			r.add(e.key.place, fmt.Sprintf("event %s is never reached: %s, which has no `when:`, matches everything", e.key.text, p.events[last].name), "put the event without `when:` last")
		}
		if ev, ok := r.event(e.key, e.value); ok {
			p.events = append(p.events, ev)
		}
	}
	if len(p.events) == 0 && n.kind == mappingNode && len(n.pairs) == 0 {
		r.add(n.place, "the pack has no events", "")
	}
}

func (r reader) event(key, n *node) (packEvent, bool) {
	e := packEvent{name: key.text, at: key.place}
	o, ok := r.object(n, "event "+key.text, "when", "subject", "time", "signal", "shape", "fields", "facets", "record")
	if !ok {
		return e, false
	}
	if o.take("record") != nil {
		r.add(o.keys["record"].place, "\"record\" of a single event is not yet supported by this release", "say it once for the pack, beside `events:`")
	}
	if n := o.take("when"); n != nil {
		e.when = r.conditions(n)
		ok = len(e.when) > 0
	}
	ok = ok && !o.meant["when"]
	if n := o.take("shape"); n != nil {
		if name, ok := r.text(n, "shape"); ok {
			e.shape = &spec{at: n.place, shape: name}
		}
	}
	if n := o.take("subject"); n != nil {
		e.none = n.kind == scalarNode && n.text == "none"
		if !e.none {
			for _, item := range r.list(n, "subject") {
				if p := r.pathAt(item, fromRoot); p != nil {
					e.subjects = append(e.subjects, *p)
				}
			}
			ok = ok && len(e.subjects) > 0
		}
	}
	if n := o.take("time"); n != nil {
		e.time = r.pathAt(n, fromRoot)
	}
	if n := o.take("signal"); n != nil {
		e.signal, _ = r.word(n, "signal", signals...)
	}
	if n := o.take("fields"); n != nil {
		e.fields = r.fields(n, fromRoot)
	}
	if n := o.take("facets"); n != nil {
		e.facets = r.facets(n)
	}
	return e, ok
}
