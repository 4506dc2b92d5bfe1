// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// maxShapeDepth bounds how often a shape may be nested in itself.
const maxShapeDepth = 16

// spec reads what a field is: a class; {class: …} with what the class lets one say; {plain: type}; {shape: …}; or {value: …, fields: …}.
func (r reader) spec(n *node, in frame) *spec {
	if n.kind == scalarNode {
		return r.bareClass(n)
	}
	if n.kind != mappingNode {
		r.add(n.place, "a field is a class, or a mapping with class, plain, shape, or value and fields", "")
		return nil
	}
	switch has := keysOf(n); {
	case has["cases"]:
		return r.casesOf(n, in)
	case has["decode"]:
		return r.document(n)
	case has["shape"]:
		return r.shapeRef(n)
	case has["class"], has["plain"]:
		return r.leafSpec(n, in)
	case has["value"], has["fields"], has["keys"], has["values"]:
		return &spec{at: n.place, place: r.shape(n, "", false)}
	}
	known, unknown := fieldKeys, 0
	for _, p := range n.pairs {
		if !slices.Contains(known, p.key.text) {
			r.unknownKey(p.key, "a field", known)
			unknown++
		}
	}
	if unknown == 0 {
		r.add(n.place, "a field says what it is by class, plain, shape, or value and fields", "write {class: …}")
	}
	return nil
}

// casesOf reads {cases: [{when: …, class: …}, …]}: the first that holds counts.
func (r reader) casesOf(n *node, in frame) *spec {
	o, _ := r.object(n, "a field", "cases")
	s := &spec{at: n.place}
	list := o.take("cases")
	if list == nil {
		return nil
	}
	items := r.list(list, "cases")
	for i, item := range items {
		if item.kind != mappingNode {
			r.add(item.place, "a case is a mapping", "write {when: {…}, class: …}")
			return nil
		}
		rest := *item
		rest.pairs = nil
		var c fieldCase
		var when *node
		for _, p := range item.pairs {
			if p.key.text == "when" {
				when = p.value
			} else {
				rest.pairs = append(rest.pairs, p)
			}
		}
		switch {
		case when != nil:
			// Conditions are relative to the object that the field stands in, also where fields are absolute.
			if c.when = r.conditions(when, fromShape); len(c.when) == 0 {
				return nil
			}
		case i < len(items)-1:
			r.add(item.place, "the cases behind this one are never reached: it has no `when:`", "put it last")
			return nil
		}
		if c.spec = r.spec(&rest, in); c.spec == nil {
			return nil
		}
		s.cases = append(s.cases, c)
	}
	return s
}

// document reads {decode: json, …}: what is inside a string.
func (r reader) document(n *node) *spec {
	o, _ := r.object(n, "a document inside a string", "decode", "value", "shape", "depth", "subject", "fields", "keys", "values")
	s := &shape{at: n.place}
	var ok bool
	if s.decode, ok = r.word(o.take("decode"), "encoding", event.Codecs...); !ok {
		return nil
	}
	reference, inPlace := *n, *n
	reference.pairs, inPlace.pairs = nil, nil
	for _, p := range n.pairs {
		switch p.key.text {
		case "shape", "depth":
			reference.pairs = append(reference.pairs, p)
		case "value", "subject", "fields", "keys", "values":
			inPlace.pairs = append(inPlace.pairs, p)
		}
	}
	for _, part := range []*node{&reference, &inPlace} {
		if len(part.pairs) == 0 {
			continue
		}
		inside := r.spec(part, fromShape)
		if inside == nil {
			return nil
		}
		s.inside = append(s.inside, inside)
	}
	if len(s.inside) == 0 {
		r.add(n.place, "nobody says what is inside the string", "write fields, a shape, keys and values, or a value beside decode")
		return nil
	}
	return &spec{at: n.place, place: s}
}

// fieldKeys are the words that can stand beside class: or plain:, and these two.
var fieldKeys = append([]string{"class", "plain", "or", "nullable"}, slices.Sorted(maps.Keys(options))...)

func keysOf(n *node) map[string]bool {
	has := map[string]bool{}
	for _, p := range n.pairs {
		has[p.key.text] = true
	}
	return has
}

func classNames() []string {
	var names []string
	for c := range maps.Keys(classes) {
		names = append(names, string(c))
	}
	slices.Sort(names)
	return names
}

func (r reader) class(n *node) (Class, bool) {
	if _, known := classes[Class(n.text)]; known && n.kind == scalarNode && n.scalar == plain {
		return Class(n.text), true
	}
	s, ok := r.word(n, "class", classNames()...)
	return Class(s), ok
}

func (r reader) bareClass(n *node) *spec {
	c, ok := r.class(n)
	if !ok {
		return nil
	}
	if c == Plain {
		r.add(n.place, "plain without a type", "write {plain: integer}, {plain: boolean}, {plain: {enum: [a, b]}} or {plain: {max: 80}}")
		return nil
	}
	return &spec{at: n.place, leaf: defaults(&Leaf{Class: c})}
}

// defaults fills in what a pack need not say.
func defaults(l *Leaf) *Leaf {
	switch l.Class {
	case Times:
		if l.Timestamp.Unit == "" {
			l.Timestamp.Unit = "auto"
		}
		if l.Timestamp.Format == "" {
			l.Timestamp.Format = "rfc3339"
		}
		if l.Timestamp.Zone == "" {
			l.Timestamp.Zone = "UTC"
		}
	case Geo:
		if l.Geo == "" {
			l.Geo = "number"
		}
	case Text:
		if l.Markup == "" {
			l.Markup = "plain"
		}
	}
	return l
}

func (r reader) shapeRef(n *node) *spec {
	o, _ := r.object(n, "a field", "shape", "depth")
	s := &spec{at: n.place}
	name, ok := r.text(o.values["shape"], "shape")
	if d := o.take("depth"); d != nil {
		s.depth, _ = r.integer(d, "depth", 1, maxShapeDepth)
	}
	s.shape = name
	if !ok {
		return nil
	}
	return s
}

// options says which keys may stand beside `class:` and of which classes; nil: of any.
var options = map[string][]Class{
	"template": identifierClasses(),
	"of":       nil, // but not of account, see leafSpec
	"same":     identifierClasses(),
	"alias":    {Handle},
	"except":   nil,
	"markup":   {Text},
	"offsets":  {Text},
	"links":    {Text},
	"unit":     {Text, Times},
	"format":   {Times},
	"zone":     {Times},
	"form":     {Geo},
}

func identifierClasses() []Class {
	var out []Class
	for _, name := range classNames() {
		if c := Class(name); c.Identifier() {
			out = append(out, c)
		}
	}
	return out
}

// leafSpec reads {class: …, …} and {plain: …, …}.
func (r reader) leafSpec(n *node, in frame) *spec {
	o, _ := r.object(n, "a field", fieldKeys...)
	l := &Leaf{Class: Plain}
	if c := o.take("class"); c != nil {
		class, ok := r.class(c)
		if !ok {
			return nil
		}
		if class == Plain {
			r.add(c.place, "plain without a type", "write {plain: integer}, {plain: {max: 80}} … instead of class")
			return nil
		}
		if p := o.keys["plain"]; p != nil {
			r.add(p.place, "both class and plain", "a field is one or the other")
			return nil
		}
		l.Class = class
	} else if l.Type = r.plainType(o); l.Type == nil {
		return nil
	}
	for _, p := range n.pairs {
		of, known := options[p.key.text]
		switch {
		case p.key.text == "of" && l.Class == Account:
			r.add(p.key.place, "an account belongs to the person it names", "remove `of:`")
		case known && of != nil && !slices.Contains(of, l.Class):
			r.add(p.key.place, fmt.Sprintf("%q says nothing about class %s", p.key.text, l.Class), "it belongs to "+listOf(of))
		default:
			continue
		}
		delete(o.values, p.key.text)
	}
	for _, key := range []string{"or", "nullable"} {
		if k := o.keys[key]; k != nil && l.Class != Plain {
			r.add(k.place, fmt.Sprintf("%q belongs to plain", key), "")
		}
	}
	s := &spec{at: n.place, leaf: l}
	r.ties(o, s, in)
	r.spelling(o, l)
	if n := o.take("template"); n != nil {
		l.Templates = r.templates(n)
	}
	return &spec{at: n.place, leaf: defaults(l), of: s.of, same: s.same, ties: s.ties, links: s.links}
}

// ties reads how a leaf hangs together with others.
func (r reader) ties(o object, s *spec, in frame) {
	if n := o.take("of"); n != nil {
		s.of = r.pathAt(n, in)
	}
	if n := o.take("same"); n != nil {
		s.same = r.pathAt(n, in)
	}
	if n := o.take("links"); n != nil {
		s.links = r.pathAt(n, in)
	}
	if n := o.take("offsets"); n != nil {
		for _, item := range r.list(n, "offsets") {
			if p := r.pathAt(item, in); p != nil {
				s.ties = append(s.ties, *p)
			}
		}
	}
	if n := o.take("alias"); n != nil {
		s.leaf.Alias, _ = r.flag(n, "alias")
	}
	if n := o.take("except"); n != nil {
		s.leaf.Except = r.except(n)
	}
}

var zoneSpelling = regexp.MustCompile(`^(UTC|[-+](0[0-9]|1[0-4]):[0-5][0-9])$`)

// spelling reads how a text, time or place is written.
func (r reader) spelling(o object, l *Leaf) {
	if n := o.take("markup"); n != nil {
		l.Markup, _ = r.word(n, "markup", "plain", "html", "markdown", "slack", "discord")
	}
	if n := o.take("unit"); n != nil {
		if l.Class == Text {
			l.OffsetUnit, _ = r.word(n, "unit", "codepoint", "utf16", "utf8")
		} else if l.Timestamp.Unit, _ = r.word(n, "unit", "auto", "s", "ms", "us", "µs"); l.Timestamp.Unit == "µs" {
			l.Timestamp.Unit = "us"
		}
	}
	if n := o.take("format"); n != nil {
		l.Timestamp.Format, _ = r.word(n, "format", "rfc3339", "ruby", "date", "http")
	}
	if n := o.take("zone"); n != nil {
		if z, ok := r.text(n, "zone"); ok && zoneSpelling.MatchString(z) {
			l.Timestamp.Zone = z
		} else if ok {
			r.add(n.place, fmt.Sprintf("unknown zone %q", z), "write UTC or an offset: \"+02:00\"")
		}
	}
	if n := o.take("form"); n != nil {
		l.Geo = r.geoForm(n)
	}
}

func (r reader) geoForm(n *node) string {
	if n.kind == listNode && len(n.items) == 2 {
		switch n.items[0].text + "," + n.items[1].text {
		case "lat,lon":
			return "lat,lon"
		case "lon,lat":
			return "lon,lat"
		}
	}
	if n.kind == scalarNode {
		form, _ := r.word(n, "form", "number", "text")
		return form
	}
	r.add(n.place, "unknown form", "write number, text, [lat, lon] or [lon, lat]")
	return ""
}

// except reads {plain: [values that are not what the class says]}.
func (r reader) except(n *node) []Literal {
	if n.kind != mappingNode {
		r.add(n.place, "except says of which class its values are", "write {plain: [values]}")
		return nil
	}
	o, _ := r.object(n, "except", "plain")
	values := r.need(o, "plain", "write {plain: [values]}")
	if values == nil {
		return nil
	}
	return r.literals(values, "an exception")
}
