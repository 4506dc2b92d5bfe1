// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// trie holds every place of one source that some event's leaf, condition or subject names.
// It is immutable after build and shared by all workers.
type trie struct {
	root    *node
	nodes   []*node    // by id
	probes  int        // number of slots that a scan fills
	codecs  event.Path // a string that two patterns decode differently
	decodes bool       // some strings hold documents
	splits  bool       // some arrays hold events
}

// node is one place: a member, or the elements of an array.
type node struct {
	id     int32
	up     int32 // id of the enclosing place, or none
	depth  int32 // containers around it on the tape
	path   event.Path
	ends   []int // the patterns that end here
	scalar bool  // a leaf: its scalar goes on the tape
	marked bool  // a condition looks here, or a container is counted: whatever stands here goes on the tape
	slot   int32 // where a scan notes the first occurrence, or none

	keys     []*node // members, by rank
	table    []*node // the same, hashed by name
	mask     uint64
	elements *node   // [*], and elements without a node of their own
	indexed  []*node // [n], nil where only elements applies
	repeats  bool    // several can stand here: the path has [*] or .*
	member   *node   // .*, a member that keys does not name: its name and its value are below
	named    *node   // of .*: the name
	value    *node   // of .*: what it names
	inner    *node   // the document inside a string
	codec    string  // how that is encoded
	events   bool    // its elements are events
	leads    bool    // it is, or encloses, an array whose elements are events

	name    string
	word    uint64 // first eight bytes of the name, little-endian, zero-padded
	rank    int32  // among the members of the enclosing object
	spelled []byte // `"name":`
}

// descends tells whether an object here has named members.
func (n *node) descends() bool { return len(n.keys) > 0 || n.member != nil }

// element gives the place of the i-th array element.
func (n *node) element(i int) *node {
	if i < len(n.indexed) && n.indexed[i] != nil {
		return n.indexed[i]
	}
	return n.elements
}

// suffix is what is left of a pattern below a node.
type suffix struct {
	rest    event.Path
	pattern int
}

// newTrie builds the trie of the patterns. Where [*] and [n] overlap, the element's node carries both.
func newTrie(patterns []event.Path) *trie {
	t := &trie{}
	all := make([]suffix, len(patterns))
	for i, p := range patterns {
		all[i] = suffix{p, i}
	}
	t.root = t.grow(nil, none, all)
	return t
}

func (t *trie) grow(path event.Path, up int32, below []suffix) *node {
	n := t.node(path, up)
	members := map[string][]suffix{}
	indexes := map[int][]suffix{}
	var names []string
	var each, others, inner []suffix
	for _, s := range below {
		if len(s.rest) == 0 {
			n.ends = append(n.ends, s.pattern)
			continue
		}
		first, next := s.rest[0], suffix{s.rest[1:], s.pattern}
		switch first.Kind {
		case event.Name:
			if members[first.Name] == nil {
				names = append(names, first.Name)
			}
			members[first.Name] = append(members[first.Name], next)
		case event.Each:
			each = append(each, next)
		case event.Index:
			indexes[first.Index] = append(indexes[first.Index], next)
		case event.Members:
			others = append(others, next)
		case event.Decoded:
			if n.codec != "" && n.codec != first.Name {
				t.codecs = path
			}
			inner, n.codec = append(inner, next), first.Name
		}
	}
	slices.Sort(names)
	for rank, name := range names {
		k := t.grow(extend(path, event.Segment{Name: name}), n.id, members[name])
		k.name, k.rank, k.word = name, int32(rank), prefix([]byte(name))
		k.spelled = append(transform.AppendString(nil, []byte(name)), ':')
		n.keys = append(n.keys, k)
	}
	n.hash()
	if len(each) > 0 || len(indexes) > 0 {
		n.elements = t.grow(extend(path, event.Segment{Kind: event.Each}), n.id, each)
	}
	for _, i := range slices.Sorted(maps.Keys(indexes)) {
		n.indexed = append(n.indexed, make([]*node, i+1-len(n.indexed))...)
		n.indexed[i] = t.grow(extend(path, event.Segment{Kind: event.Index, Index: i}), n.id, append(indexes[i], each...))
	}
	if len(others) > 0 {
		n.member = t.members(extend(path, event.Segment{Kind: event.Members}), n.id, others)
	}
	if len(inner) > 0 {
		t.decodes = true
		n.inner = t.grow(extend(path, event.Segment{Kind: event.Decoded, Name: n.codec}), n.id, inner)
	}
	return n
}

// node adds a place.
func (t *trie) node(path event.Path, up int32) *node {
	n := &node{id: int32(len(t.nodes)), up: up, path: path, slot: none}
	if up != none {
		n.depth = t.nodes[up].depth + 1
	}
	n.repeats = slices.ContainsFunc(path, func(s event.Segment) bool { return s.Kind == event.Each || s.Kind == event.Members })
	t.nodes = append(t.nodes, n)
	return n
}

// members adds the place of members whose names are data: a container of the name and of the value.
func (t *trie) members(path event.Path, up int32, below []suffix) *node {
	n := t.node(path, up)
	var names, values []suffix
	for _, s := range below {
		if len(s.rest) > 0 && s.rest[0].Kind == event.Keys {
			names = append(names, suffix{s.rest[1:], s.pattern})
		} else {
			values = append(values, s)
		}
	}
	n.named = t.grow(extend(path, event.Segment{Kind: event.Keys}), n.id, names)
	n.value = t.grow(path, n.id, values)
	return n
}

func extend(p event.Path, s event.Segment) event.Path {
	return append(slices.Clip(slices.Clone(p)), s)
}

// hash lays the members out for find: open addressing, at most a third full.
func (n *node) hash() {
	if len(n.keys) == 0 {
		return
	}
	size := 4
	for size < 3*len(n.keys) {
		size *= 2
	}
	n.table, n.mask = make([]*node, size), uint64(size-1)
	for _, k := range n.keys {
		at := spread(k.word, len(k.name)) & n.mask
		for n.table[at] != nil {
			at = (at + 1) & n.mask
		}
		n.table[at] = k
	}
}

// find gives the member with this name, or nil; word is prefix(name). The cost does not grow with the number of members.
func (n *node) find(name []byte, word uint64) *node {
	if n.table == nil {
		return nil
	}
	at := spread(word, len(name)) & n.mask
	for {
		k := n.table[at]
		if k == nil {
			return nil
		}
		if k.word == word && len(k.name) == len(name) && (len(name) <= 8 || k.name[8:] == string(name[8:])) {
			return k
		}
		at = (at + 1) & n.mask
	}
}

// spread mixes by Fibonacci hashing; the high bits are the good ones.
func spread(word uint64, length int) uint64 {
	return (word + uint64(length)) * 0x9E3779B97F4A7C15 >> 48
}

// prefix gives the first eight bytes of a name as a number.
func prefix(name []byte) uint64 {
	if len(name) >= 8 {
		return binary.LittleEndian.Uint64(name)
	}
	var word uint64
	for i, c := range name {
		word |= uint64(c) << (8 * i)
	}
	return word
}

// prefix8 is prefix for a name of the given length that stands where eight bytes can be read.
func prefix8(p []byte, length int) uint64 {
	word := binary.LittleEndian.Uint64(p)
	if length < 8 {
		word &= 1<<(8*length) - 1
	}
	return word
}

// probe makes scans note where the place first occurs.
func (t *trie) probe(n *node) int32 {
	if n.slot == none {
		n.slot = int32(t.probes)
		t.probes++
	}
	return n.slot
}
