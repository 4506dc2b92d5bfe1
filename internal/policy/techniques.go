// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// catalogEntry is what the language knows about one technique.
type catalogEntry struct {
	// read reads its parameters; nil: it has none. bare techniques may stand without them.
	read func(r reader, n *node, t *Technique) bool
	bare bool
	// fits tells whether the technique can be done to the leaf; nil: to any. example is how it is written.
	fits    func(t *Technique, l *Leaf) bool
	fitting string // what it fits, for people
	example string
}

// catalog lists the techniques.
var catalog = map[string]catalogEntry{
	Keep:        {read: readKeep, bare: true, example: "{keep: {type: string, max: 100}}"},
	Drop:        {bare: true},
	Pseudonym:   {bare: true, fits: func(_ *Technique, l *Leaf) bool { return l.Class.Identifier() }, fitting: "identifiers"},
	Seal:        {read: readSeal, bare: true, example: "{seal: {deterministic: true}}"},
	Mask:        {read: readMask, bare: true, fits: ofClass(maskable...), fitting: listOf(maskable), example: "{mask: {keep: 2, at: end}}"},
	Truncate:    {read: readTruncate, bare: true, fits: fitsTruncate, fitting: "ip by prefix bits, and " + listOf(truncatable) + " by characters", example: "{truncate: {ipv4: 24, ipv6: 48}} or {truncate: {keep: 3}}"},
	Round:       {read: readRound, bare: true, fits: fitsRound, fitting: "geo in numbers, and plain numbers", example: "{round: {places: 1}} or, for geo, {round: 10km}"},
	Bucket:      {read: readBucket, fits: fitsBucket, fitting: "age, and plain numbers", example: "{bucket: [18, 25, 35]}"},
	FPE:         {read: readFPE, fits: ofClass(enciphered...), fitting: listOf(enciphered), example: "{fpe: digits}"},
	Time:        {read: readTime, fits: ofClass(Times), fitting: listOf([]Class{Times}), example: "{time: hour}"},
	EmailDomain: {bare: true, fits: ofClass(Email), fitting: listOf([]Class{Email})},
	Host:        {bare: true, fits: fitsHost, fitting: listOf([]Class{URL, Media, Avatar}) + ", where the pack does not say that the host itself names somebody"},
	InText:      {read: readText, bare: true, fits: ofClass(Text, Free), fitting: listOf([]Class{Text, Free}), example: "{text: {found: tag, mentions: pseudonym}}"},
	Count:       {bare: true, fits: func(_ *Technique, l *Leaf) bool { return l.Container }, fitting: "arrays"},
	Presence:    {bare: true},
	Replace:     {read: readReplace, example: "{replace: {value: \"-\"}}"},
	Blank:       {bare: true},
}

var (
	maskable    = []Class{Account, Handle, ObjectID, PersonName, Email, Phone, Postal, IP, Device, Cookie, Government, Finance, Hashed}
	enciphered  = []Class{Account, ObjectID, Group, App, Phone, Postal, Device, PlaceID, Government, Finance}
	truncatable = []Class{Text, Free, PersonName, URL, Postal, Locale, Birth}
)

func ofClass(cs ...Class) func(*Technique, *Leaf) bool {
	return func(_ *Technique, l *Leaf) bool { return slices.Contains(cs, l.Class) }
}

func listOf(cs []Class) string {
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

func numeric(l *Leaf) bool {
	return l.Class == Plain && l.Type != nil && (l.Type.Kind == TypeInteger || l.Type.Kind == TypeNumber)
}

func fitsTruncate(t *Technique, l *Leaf) bool {
	if l.Class == IP {
		return t.Keep == 0
	}
	return t.Keep > 0 && slices.Contains(truncatable, l.Class)
}

func fitsRound(t *Technique, l *Leaf) bool {
	return l.Class == Geo && l.Geo != "text" && t.Places >= 0 || numeric(l) && t.Grid == 0
}

func fitsBucket(_ *Technique, l *Leaf) bool { return l.Class == Age || numeric(l) }

// fitsHost refuses URLs of which the pack says that the host is an identifier: a server may have one inhabitant.
func fitsHost(_ *Technique, l *Leaf) bool {
	for _, t := range l.Templates {
		if len(t) > 1 && t[0].Kind == PartLiteral && strings.HasSuffix(t[0].Literal, "://") && t[1].Kind == PartIdentifier {
			return false
		}
	}
	return l.Class == URL || l.Class == Media || l.Class == Avatar
}

// fit tells whether a technique can be done to a leaf.
func fit(t *Technique, l *Leaf) bool {
	fits := catalog[t.Name].fits
	return fits == nil || fits(t, l)
}

// readable is how many characters at an end of an identifier may stay without naming a person, and how many bits of an address.
const (
	readable = 4
	bitsIPv4 = 24
	bitsIPv6 = 48
)

// keepsClear tells whether the technique leaves so much of an identifier that it still names a person.
func keepsClear(t *Technique, c Class) bool {
	switch t.Name {
	case Keep:
		return true
	case Mask:
		return t.Keep > readable
	case Truncate:
		return c == IP && (t.IPv4 > bitsIPv4 || t.IPv6 > bitsIPv6) || c != IP && t.Keep > readable
	}
	return false
}

// needsReason tells whether a class kept clear needs the written reason: what names a person, and GDPR Art. 9 data.
func needsReason(c Class) bool { return c.DirectIdentifier() || c == Special || c == Health }

// HidesShort tells whether truncating a value of the class to some characters must not leave shorter values whole, unless a
// written reason says that they may.
func HidesShort(c Class) bool { return needsReason(c) || c == Birth }

func techniqueNames() []string {
	return []string{Keep, Drop, Pseudonym, Seal, FPE, Mask, Truncate, Round, Bucket, Time, EmailDomain, Host, InText, Count, Presence, Replace, Blank}
}

// technique reads a word, or {word: parameters, clear: "reason"}.
func (r reader) technique(n *node) (t Technique, clear string, ok bool) {
	if n.kind == scalarNode {
		name, ok := r.techniqueName(n)
		if ok && !catalog[name].bare {
			r.add(n.place, name+" needs to be told how", "write "+catalog[name].example)
			ok = false
		}
		t.Name = name
		return settle(t), "", ok
	}
	if n.kind != mappingNode {
		r.add(n.place, "a rule is one technique", "write keep, drop, pseudonym …, or {mask: {keep: 2}}")
		return t, "", false
	}
	ok = true
	for _, p := range n.pairs {
		if p.key.text == "clear" {
			reason, good := r.text(p.value, "clear")
			clear, ok = reason, ok && good
			continue
		}
		name, good := r.techniqueName(p.key)
		switch {
		case !good:
		case t.Name != "":
			r.add(p.key.place, fmt.Sprintf("two techniques in one rule: %s and %s", t.Name, name), "a rule is one technique")
			good = false
		default:
			t.Name = name
			good = r.parameters(p, &t)
		}
		ok = ok && good
	}
	if t.Name == "" && ok {
		r.add(n.place, "a rule without a technique", "write keep, drop, pseudonym …, or {mask: {keep: 2}}")
		ok = false
	}
	return settle(t), clear, ok
}

func (r reader) techniqueName(n *node) (string, bool) {
	name, ok := r.text(n, "a technique")
	if ok && !slices.Contains(techniqueNames(), name) {
		r.add(n.place, fmt.Sprintf("unknown technique %q", name), suggest(name, techniqueNames()))
		return "", false
	}
	return name, ok
}

func (r reader) parameters(p pair, t *Technique) bool {
	c := catalog[t.Name]
	switch {
	case c.read != nil:
		return c.read(r, p.value, t)
	case p.value.kind == mappingNode && len(p.value.pairs) == 0:
		return true
	}
	r.add(p.value.place, t.Name+" takes no parameters", "write "+t.Name)
	return false
}

// settle fills in what was left out.
func settle(t Technique) Technique {
	switch {
	case t.Name == Mask && t.At == "":
		t.At = "end"
	case t.Name == InText && t.Text == nil:
		t.Text = defaultText()
	case t.Name == Truncate && t.Keep == 0:
		if t.IPv4 == 0 {
			t.IPv4 = bitsIPv4
		}
		if t.IPv6 == 0 {
			t.IPv6 = bitsIPv6
		}
	}
	return t
}

func readKeep(r reader, n *node, t *Technique) bool {
	t.Type = r.typ(n)
	return t.Type != nil
}

func readSeal(r reader, n *node, t *Technique) (ok bool) {
	o, ok := r.object(n, "seal", "deterministic")
	if v := o.take("deterministic"); v != nil {
		t.Deterministic, ok = r.flag(v, "deterministic")
	}
	return ok
}

func readMask(r reader, n *node, t *Technique) bool {
	o, ok := r.object(n, "mask", "keep", "at")
	if v := o.take("keep"); v != nil {
		keep, good := r.integer(v, "keep", 0, 64)
		t.Keep, ok = keep, ok && good
	}
	if v := o.take("at"); v != nil {
		at, good := r.word(v, "end of the text", "start", "end")
		t.At, ok = at, ok && good
	}
	return ok
}

func readTruncate(r reader, n *node, t *Technique) bool {
	o, ok := r.object(n, "truncate", "ipv4", "ipv6", "keep")
	for _, p := range []struct {
		key       string
		to        *int
		low, high int
	}{{"ipv4", &t.IPv4, 1, 32}, {"ipv6", &t.IPv6, 1, 128}, {"keep", &t.Keep, 1, maxText}} {
		if v := o.take(p.key); v != nil {
			value, good := r.integer(v, p.key, p.low, p.high)
			*p.to, ok = value, ok && good
		}
	}
	if ok && t.Keep > 0 && (t.IPv4 > 0 || t.IPv6 > 0) {
		r.add(n.place, "truncate by prefix bits and by characters at once", "ipv4 and ipv6 are for addresses, keep is for texts")
		return false
	}
	return ok
}

func readRound(r reader, n *node, t *Technique) bool {
	if n.kind == scalarNode {
		grid, ok := kilometers(n.text)
		if !ok {
			r.add(n.place, fmt.Sprintf("%q is no grid", n.text), "write 100m to 1000km, or {round: {places: 1}}")
		}
		t.Grid = grid
		return ok
	}
	o, ok := r.object(n, "round", "places")
	if v := o.take("places"); v != nil {
		places, good := r.integer(v, "places", -12, 12)
		t.Places, ok = places, ok && good
	}
	return ok
}

func kilometers(s string) (float64, bool) {
	unit := 1.0
	digits, ok := strings.CutSuffix(s, "km")
	if !ok {
		digits, ok = strings.CutSuffix(s, "m")
		unit = 1000
	}
	if !ok || !integerSpelling.MatchString(digits) && !decimalSpelling.MatchString(digits) {
		return 0, false
	}
	v, err := strconv.ParseFloat(digits, 64)
	v /= unit
	return v, err == nil && v >= 0.1 && v <= 1000
}

const maxBounds = 256

func readBucket(r reader, n *node, t *Technique) bool {
	ok := n.kind == listNode && len(n.items) > 0 && len(n.items) <= maxBounds
	last := math.Inf(-1)
	for _, item := range n.items {
		v, good := r.number(item, "a bound")
		if !good {
			return false
		}
		ok = ok && v > last
		t.Bounds, last = append(t.Bounds, v), v
	}
	if !ok {
		r.add(n.place, "bucket needs ascending lower bounds", "write [18, 25, 35]")
	}
	return ok
}

func readTime(r reader, n *node, t *Technique) bool {
	if n.kind == scalarNode && n.text == "shift" {
		t.Shift = true
		return true
	}
	steps := map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}
	word, ok := r.word(n, "step of time", "hour", "day", "week", "shift")
	t.Step = steps[word]
	return ok
}

func readFPE(r reader, n *node, t *Technique) bool {
	word, ok := r.word(n, "alphabet", "digits", "hex", "letters", "alphanumeric")
	t.Alphabet = word
	return ok
}

func readReplace(r reader, n *node, t *Technique) bool {
	o, ok := r.object(n, "replace", "value")
	if !ok {
		return false
	}
	v := r.need(o, "value", "write "+`{replace: {value: "-"}}`)
	if v == nil {
		return false
	}
	l, ok := r.literal(v, "value")
	t.Value = &l
	return ok
}
