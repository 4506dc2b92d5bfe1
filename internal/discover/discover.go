// SPDX-License-Identifier: Apache-2.0

// Package discover proposes a pack for a format that nobody has described: it reads samples and says of every leaf what it seems to be, and why.
package discover

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Options bounds what a Discoverer remembers. The zero value is good.
type Options struct {
	Name       string // of the proposed pack; default "discovered"
	MaxPaths   int    // paths remembered; default 20,000
	MaxNames   int    // literal member names of one object, beyond which further names are data; default 2,000
	MaxDepth   int    // nesting read; default 48
	MaxCompare int    // payloads whose values are compared with each other; default 20,000
}

func (o Options) validate() (Options, error) {
	for _, n := range []int{o.MaxPaths, o.MaxNames, o.MaxDepth, o.MaxCompare} {
		if n < 0 {
			return o, errors.New("discover: a bound is negative")
		}
	}
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&o.MaxPaths, 20_000)
	set(&o.MaxNames, 2_000)
	set(&o.MaxDepth, 48)
	set(&o.MaxCompare, 20_000)
	if o.Name == "" {
		o.Name = "discovered"
	}
	if !packName.MatchString(o.Name) {
		return o, errors.New("discover: a pack's name has small letters, digits, `-` and `_`, and begins with a letter")
	}
	return o, nil
}

// Discoverer learns from samples. Its memory is bounded by Options, however many samples there are. It is for one goroutine.
type Discoverer struct {
	o        Options
	root     *node
	nodes    int
	samples  uint64
	refused  uint64 // payloads that are no JSON
	unread   uint64 // values at paths beyond the bounds
	payload  []visit
	byValue  map[uint64][]*node
	sequence int // of nodes, in the order they were first seen
}

// New starts with no samples.
func New(o Options) (*Discoverer, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	d := &Discoverer{o: o, byValue: map[uint64][]*node{}}
	d.root = d.node(nil, rootStep, "")
	return d, nil
}

// Samples counts what was read, and what was refused because it is no JSON value.
func (d *Discoverer) Samples() (read, refused uint64) { return d.samples, d.refused }

// Add learns from one payload. An error says that it is no strict JSON; it is counted, nothing of it is remembered, and it never holds a value.
func (d *Discoverer) Add(payload []byte) error {
	v, err := parse(payload, d.o.MaxDepth)
	if err != nil {
		d.refused++
		return fmt.Errorf("sample %d: %w", d.samples+d.refused, err)
	}
	d.samples++
	d.payload = d.payload[:0]
	d.learn(d.root, v, 0)
	if d.samples <= uint64(d.o.MaxCompare) {
		d.compare()
	}
	return nil
}

// visit is one scalar of the payload at hand.
type visit struct {
	at   *node
	text string
	hash uint64
}

// learn walks a value and its place in the tree together.
func (d *Discoverer) learn(n *node, v *value, depth int) {
	n.seen++
	switch v.kind {
	case objectValue:
		n.objects++
		d.learnMembers(n, v, depth)
	case arrayValue:
		n.arrays++
		n.items += uint64(len(v.items))
		if len(v.items) == 0 {
			return
		}
		if n.each == nil {
			if n.each = d.node(n, eachStep, ""); n.each == nil {
				d.unread += uint64(len(v.items))
				return
			}
		}
		n.pairs += pairOfCoordinates(v)
		for _, item := range v.items {
			d.learn(n.each, item, depth+1)
		}
	default:
		d.learnScalar(n, v, depth)
	}
}

func (d *Discoverer) learnMembers(n *node, v *value, depth int) {
	for i, name := range v.names {
		child := n.members[name]
		if child == nil {
			child = d.member(n, name)
		}
		if child == nil {
			d.unread++
			continue
		}
		if child.step == membersStep {
			n.names.text(name)
		}
		d.learn(child, v.items[i], depth+1)
	}
}

// member finds the place of a member that is new: a literal name, or one of the names that are data.
func (d *Discoverer) member(n *node, name string) *node {
	if !n.crowded && len(n.members) >= crowded && len(n.members)&(len(n.members)-1) == 0 && alike(n) {
		d.crowd(n)
	}
	if dataName(name) || n.crowded || len(n.members) >= d.o.MaxNames {
		if n.values == nil {
			if n.values = d.node(n, membersStep, ""); n.values != nil {
				n.names = newStats()
			}
		}
		return n.values
	}
	child := d.node(n, memberStep, name)
	if child != nil {
		if n.members == nil {
			n.members = map[string]*node{}
		}
		n.members[name] = child
	}
	return child
}

// longText bounds the strings that are compared with other values.
const longText = 512

func (d *Discoverer) learnScalar(n *node, v *value, depth int) {
	if n.leaf == nil {
		n.leaf = newStats()
	}
	n.leaf.add(v)
	if v.kind == stringValue && len(v.text) > 1 && depth < d.o.MaxDepth {
		d.learnInner(n, v.text, depth)
	}
	if (v.kind == stringValue || v.kind == numberValue) && len(v.text) >= 4 && len(v.text) <= longText && len(d.payload) < maxVisits {
		d.payload = append(d.payload, visit{n, v.text, hash(v.text)})
	}
}

// learnInner reads a document inside a string.
func (d *Discoverer) learnInner(n *node, text string, depth int) {
	coding, v := innerDocument(text, d.o.MaxDepth-depth)
	if v == nil {
		return
	}
	if n.inner[coding] == nil {
		child := d.node(n, innerStep, coding)
		if child == nil {
			d.unread++
			return
		}
		if n.inner == nil {
			n.inner = map[string]*node{}
		}
		n.inner[coding] = child
	}
	d.learn(n.inner[coding], v, depth+1)
}

// maxVisits bounds the scalars of one payload that are compared.
const maxVisits = 4096

// compare notes which places of the payload hold equal values, and which hold another's value inside their own.
func (d *Discoverer) compare() {
	clear(d.byValue)
	for i := range d.payload {
		v := &d.payload[i]
		if !comparable(v.text) {
			continue
		}
		if at := d.byValue[v.hash]; len(at) < 6 && !contains(at, v.at) {
			d.byValue[v.hash] = append(at, v.at)
		}
	}
	var tokens []visit
	for i := range d.payload {
		v := &d.payload[i]
		at := d.byValue[v.hash]
		for _, other := range at {
			if other != v.at {
				v.at.leaf.equals(other)
			}
		}
		if len(at) > 0 && len(tokens) < 64 && partable(v.text) {
			tokens = append(tokens, *v)
		}
	}
	for i := range d.payload {
		if v := &d.payload[i]; compositeLike(v.text) {
			d.compose(v, tokens)
		}
	}
}

// compose notes of which other values of the payload a text is made.
func (d *Discoverer) compose(v *visit, tokens []visit) {
	for i := range tokens {
		t := &tokens[i]
		if t.at != v.at && len(t.text) < len(v.text) && standsIn(v.text, t.text) {
			v.at.leaf.holds(t.at)
		}
	}
	d.joined(v)
}

// joints are what joins two or three identifiers to one value.
const joints = "_|:-"

// joined notes which parts of A_B or A-B-C are values of the same payload.
func (d *Discoverer) joined(v *visit) {
	i := strings.IndexAny(v.text, joints)
	if i < 0 || strings.ContainsAny(v.text, "/?#@") {
		return
	}
	joint := v.text[i : i+1]
	parts := strings.Split(v.text, joint)
	if len(parts) > 3 {
		return
	}
	var j join
	j.joint, j.parts = joint[0], len(parts)
	found := false
	for i, part := range parts {
		if at := d.byValue[hash(part)]; len(at) > 0 && at[0] != v.at {
			j.of[i], found = at[0], true
		}
	}
	if found {
		v.at.leaf.join(j)
	}
}

func contains(nodes []*node, n *node) bool {
	for _, m := range nodes {
		if m == n {
			return true
		}
	}
	return false
}

// comparable tells whether equality of such texts says anything: common words are equal everywhere.
func comparable(s string) bool {
	if len(s) < 4 || len(s) > 200 {
		return false
	}
	return !commonWord(s)
}

// partable tells whether a text can be a part of a composite value: one token.
func partable(s string) bool {
	if len(s) < 4 || len(s) > 64 || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		switch s[i] {
		case ' ', '/', '<', '"':
			return false
		}
	}
	return true
}
