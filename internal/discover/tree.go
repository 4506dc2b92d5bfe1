// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"maps"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// step says how a node is reached from the one around it.
type step uint8

const (
	rootStep    step = iota
	memberStep       // by its literal name
	eachStep         // an element of an array
	membersStep      // a member whose name is data
	innerStep        // the document inside a string: json, base64, form
)

// node is one place of the format: everything that was seen at one path.
type node struct {
	parent *node
	step   step
	name   string // of a member, or the coding of an inner document
	number int    // in the order of first sight

	seen, objects, arrays, items uint64
	pairs                        uint64 // arrays that look like two coordinates

	members map[string]*node
	crowded bool // all further names are data
	each    *node
	values  *node  // of the members whose names are data
	names   *stats // of these names
	inner   map[string]*node
	leaf    *stats // of the scalars
	into    *node  // the place that took this one's part, when names turned out to be data
}

// live gives the place that stands for n now.
func (n *node) live() *node {
	for n.into != nil {
		n = n.into
	}
	return n
}

// node makes a place; nil when there are too many.
func (d *Discoverer) node(parent *node, s step, name string) *node {
	if d.nodes >= d.o.MaxPaths {
		return nil
	}
	d.nodes++
	d.sequence++
	return &node{parent: parent, step: s, name: name, number: d.sequence}
}

// sorted gives the literal members by name.
func (n *node) sorted() []*node {
	out := make([]*node, 0, len(n.members))
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		out = append(out, n.members[name])
	}
	return out
}

// children gives every place directly below.
func (n *node) children() []*node {
	out := n.sorted()
	if n.values != nil {
		out = append(out, n.values)
	}
	if n.each != nil {
		out = append(out, n.each)
	}
	for _, coding := range slices.Sorted(maps.Keys(n.inner)) {
		out = append(out, n.inner[coding])
	}
	return out
}

// walk visits n and everything below it.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, c := range n.children() {
		c.walk(visit)
	}
}

// path is where the place is.
func (n *node) path() event.Path {
	var out event.Path
	for at := n; at != nil && at.step != rootStep; at = at.parent {
		switch at.step {
		case memberStep:
			out = append(out, event.Segment{Name: at.name})
		case eachStep:
			out = append(out, event.Segment{Kind: event.Each})
		case membersStep:
			out = append(out, event.Segment{Kind: event.Members})
		case innerStep:
			out = append(out, event.Segment{Kind: event.Decoded, Name: at.name})
		}
	}
	slices.Reverse(out)
	return out
}

func (n *node) spelled() string { return n.path().String() }

// document gives the string that holds the document in which the place is; nil for the payload itself.
func (n *node) document() *node {
	for at := n; at != nil; at = at.parent {
		if at.step == innerStep {
			return at.parent
		}
	}
	return nil
}

// crowd makes all literal members data: there are too many names for a vocabulary.
func (d *Discoverer) crowd(n *node) {
	if n.crowded {
		return
	}
	n.crowded = true
	if n.values == nil {
		n.values = &node{parent: n, step: membersStep, number: n.number}
		d.nodes++
	}
	if n.names == nil {
		n.names = newStats()
	}
	for _, child := range n.sorted() {
		for range min(child.seen, 1<<10) {
			n.names.text(child.name)
		}
		d.merge(n.values, child)
	}
	n.members = nil
}

// merge adds to n what was seen at m, which is given up.
func (d *Discoverer) merge(n, m *node) {
	d.nodes--
	m.into = n
	n.seen, n.objects, n.arrays = n.seen+m.seen, n.objects+m.objects, n.arrays+m.arrays
	n.items, n.pairs = n.items+m.items, n.pairs+m.pairs
	n.crowded = n.crowded || m.crowded
	if m.leaf != nil {
		if n.leaf == nil {
			n.leaf = newStats()
		}
		n.leaf.merge(m.leaf)
	}
	if m.names != nil {
		if n.names == nil {
			n.names = newStats()
		}
		n.names.merge(m.names)
	}
	for _, c := range m.sorted() {
		mine := n.members[c.name]
		switch {
		case mine != nil:
			d.merge(mine, c)
		default:
			if n.members == nil {
				n.members = map[string]*node{}
			}
			c.parent = n
			n.members[c.name] = c
		}
	}
	n.values = d.mergeInto(n, n.values, m.values)
	n.each = d.mergeInto(n, n.each, m.each)
	for coding, c := range m.inner {
		if n.inner == nil {
			n.inner = map[string]*node{}
		}
		n.inner[coding] = d.mergeInto(n, n.inner[coding], c)
	}
}

func (d *Discoverer) mergeInto(parent, mine, other *node) *node {
	switch {
	case other == nil:
		return mine
	case mine == nil:
		other.parent = parent
		return other
	}
	d.merge(mine, other)
	return mine
}
