// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// pack is what a pack's file says, before it is expanded for a source.
type pack struct {
	name     string
	version  int
	shapes   map[string]*shape
	fields   []field // of every event
	each     []pathAt
	key      *spec
	consents []ConsentPlace
	headers  []header
	events   []packEvent
}

func (p *pack) id() string { return fmt.Sprintf("%s@%d", p.name, p.version) }

// shape is a recurring object, or a field that is written in place as {value: …, fields: …}.
type shape struct {
	name    string
	at      place
	subject []pathAt // relative to the object; its leaves belong to the first
	value   *spec    // what a bare scalar in its place is; such a shape may also stand in arrays
	fields  []field
	keys    *spec   // what the names of its other members are
	values  *spec   // and what stands there
	decode  string  // how the document inside the string is encoded; "": the object stands there itself
	inside  []*spec // what the document is
}

// pathAt is a path and where it is written.
type pathAt struct {
	path event.Path
	at   place
}

// field is one line of `fields:`.
type field struct {
	path  event.Path
	below string // the path's canonical spelling behind that of its object; "": it climbs, so that has to be spelled anew
	text  string // the path as it is written
	at    place
	spec  *spec
}

func newField(path event.Path, text string, at place, s *spec) field {
	f := field{path: path, text: text, at: at, spec: s}
	if len(path) == 0 || path[0].Kind != event.Parent {
		f.below = path.String()[len("$"):]
	}
	return f
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
	cases []fieldCase
}

// fieldCase is what a field is where its conditions hold; they are relative to the object that the field stands in.
type fieldCase struct {
	when []Condition
	spec *spec
}

type packEvent struct {
	name     string
	at       place
	in       []pathAt // the elements it occurs in; nil: of all each paths
	whole    bool     // of whole records, though the pack splits them
	key      *spec    // what the record key is
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
	"account-restored", "account-unprotected", "account-leaving", "account-returned",
	"scrub-geo", "consent-withdrawn",
}

func (r reader) pack(n *node) *pack {
	o, ok := r.object(n, "the pack", "language", "pack", "version", "description", "shapes", "each", "fields", "consents", "record", "events")
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
			p.shapes[e.key.text] = r.shape(e.value, e.key.text, false)
		}
	}
	if n := o.take("each"); n != nil {
		p.each = r.elements(n, "each")
	}
	if n := o.take("fields"); n != nil {
		p.fields = r.fields(n, fromRoot)
	}
	if n := o.take("consents"); n != nil {
		p.consents = r.consents(n)
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

// elements reads paths of arrays whose elements are events.
func (r reader) elements(n *node, what string) []pathAt {
	var out []pathAt
	for _, item := range r.list(n, what) {
		p, ok := r.path(item, fromRoot)
		switch {
		case !ok:
		case len(p) == 0 || p[len(p)-1].Kind != event.Each:
			r.add(item.place, what+" names the elements of an array", "end the path with [*]")
		case hasIndex(p):
			r.add(item.place, what+" names all elements of an array", "write [*] for an index")
		default:
			out = append(out, pathAt{p, item.place})
		}
	}
	return out
}

// shape reads an object's description; value tells that it is what the members of a map are, where `subject: key` is their name.
func (r reader) shape(n *node, name string, value bool) *shape {
	s := &shape{name: name, at: n.place}
	what := "a field"
	if name != "" {
		what = "shape " + name
	}
	o, ok := r.object(n, what, "subject", "fields", "value", "except", "keys", "values")
	if !ok {
		return s
	}
	if n := o.take("subject"); n != nil {
		if value && n.kind == scalarNode && n.text == "key" {
			s.subject = []pathAt{{event.Path{{Kind: event.Keys}}, n.place}}
		} else {
			for _, item := range r.list(n, "subject") {
				if p := r.pathAt(item, fromShape); p != nil {
					s.subject = append(s.subject, *p)
				}
			}
		}
	}
	r.members(o, s)
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
	if o.values["fields"] == nil && o.values["value"] == nil && o.values["keys"] == nil && o.values["values"] == nil {
		r.add(o.at, what+" has neither fields nor a value", "")
	}
	return s
}

// members reads what the names and the values of a map are.
func (r reader) members(o object, s *shape) {
	keys, values := o.take("keys"), o.take("values")
	switch {
	case keys == nil && values == nil:
		return
	case keys == nil:
		r.add(o.keys["values"].place, "values without keys: nobody says what their names are", "write `keys: account` beside it, or {plain: {pattern: …}}")
		return
	case values == nil:
		r.add(o.keys["keys"].place, "keys without values: names leave only with something of what they name", "write `values:` beside it")
		return
	}
	s.keys = r.spec(keys, fromShape)
	switch {
	case s.keys == nil:
	case s.keys.leaf == nil:
		r.add(keys.place, "the name of a member is a single value: it has no shape", "name a class")
		s.keys = nil
	case s.keys.same != nil || s.keys.links != nil || s.keys.ties != nil:
		r.add(keys.place, "the name of a member is bound to no other field", "remove same, offsets and links")
		s.keys = nil
	}
	if values.kind == mappingNode && !keysOf(values)["class"] && !keysOf(values)["plain"] && !keysOf(values)["shape"] && !keysOf(values)["cases"] && !keysOf(values)["decode"] {
		s.values = &spec{at: values.place, place: r.shape(values, "", true)}
	} else {
		s.values = r.spec(values, fromShape)
	}
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
			out = append(out, newField(path, e.key.text, e.key.place, s))
		}
	}
	return out
}

func (r reader) pathAt(n *node, in frame) *pathAt {
	if p, ok := r.reference(n, in); ok {
		return &pathAt{p, n.place}
	}
	return nil
}

func (r reader) events(n *node, p *pack) {
	for _, e := range r.names(n, "events") {
		if last := len(p.events) - 1; last >= 0 && len(p.events[last].when) == 0 && len(p.each) == 0 {
			r.add(e.key.place, fmt.Sprintf("event %s is never reached: %s, which has no `when:`, matches everything", e.key.text, p.events[last].name), "put the event without `when:` last")
		}
		if ev, ok := r.event(p, e.key, e.value); ok {
			p.events = append(p.events, ev)
		}
	}
	if len(p.events) == 0 && n.kind == mappingNode && len(n.pairs) == 0 {
		r.add(n.place, "the pack has no events", "")
	}
}

// places reads where an event is looked for, and gives what its paths begin at.
func (r reader) places(o object, p *pack, e *packEvent) frame {
	n := o.take("in")
	switch {
	case n == nil && len(p.each) == 0:
		return fromRoot
	case n == nil:
		e.in = p.each
		return fromShape
	case len(p.each) == 0:
		r.add(n.place, "in: without each: the pack does not split its records", "remove it")
		return fromRoot
	case n.kind == scalarNode && n.text == "$":
		e.whole = true
		return fromRoot
	}
	for _, at := range r.elements(n, "in") {
		if !slices.ContainsFunc(p.each, func(e pathAt) bool { return slices.Equal(e.path, at.path) }) {
			r.add(at.at, fmt.Sprintf("%s is not among the pack's each:", at.path), "")
			continue
		}
		e.in = append(e.in, at)
	}
	return fromShape
}

func (r reader) event(p *pack, key, n *node) (packEvent, bool) {
	e := packEvent{name: key.text, at: key.place}
	o, ok := r.object(n, "event "+key.text, "in", "when", "subject", "time", "signal", "shape", "fields", "facets", "record")
	if !ok {
		return e, false
	}
	in := r.places(o, p, &e)
	if n := o.take("record"); n != nil {
		of, _ := r.object(n, "record of an event", "key")
		if k := r.need(of, "key", "headers are said once for the pack, beside `events:`"); k != nil {
			e.key = r.recordPart(k, "the record key")
		}
	}
	if n := o.take("when"); n != nil {
		e.when = r.conditions(n, in)
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
				if p := r.pathAt(item, in); p != nil {
					e.subjects = append(e.subjects, *p)
				}
			}
			ok = ok && len(e.subjects) > 0
		}
	}
	if n := o.take("time"); n != nil {
		e.time = r.pathAt(n, in)
	}
	if n := o.take("signal"); n != nil {
		e.signal, _ = r.word(n, "signal", signals...)
	}
	if n := o.take("fields"); n != nil {
		e.fields = r.fields(n, in)
	}
	if n := o.take("facets"); n != nil {
		e.facets = r.facets(n, in)
	}
	return e, ok
}
