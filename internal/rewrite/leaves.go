// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// Leaf is one scalar of a payload, named by the plan or not. Raw is clear.
type Leaf struct {
	Path   event.Path // with the indexes of array elements
	Offset int
	Outer  int // of the string in the payload that the leaf's document is inside; Offset where it is in none
	Raw    []byte
	Named  bool   // some event of the source says what it is
	Known  int    // steps of the path that the source's pack knows
	Data   []bool // of those: the name is data
}

// Leaves lists every scalar of a payload that Read accepts. It allocates: for explaining and discovering, not for the stream.
func Leaves(payload []byte) []Leaf { return leaves(payload, nil) }

// Leaves lists every scalar of a payload of the source: also those of the documents inside strings that its pack names, at the
// offsets of a trace, and the names of members that are data.
func (p *Program) Leaves(source int, payload []byte) []Leaf {
	return leaves(payload, p.sources[source].trie.root)
}

func leaves(payload []byte, root *node) []Leaf {
	l := lister{}
	l.arena = append(l.arena, payload...)
	l.payload, l.maxDepth = l.arena, deepest
	l.value(l.space(0), nil, root)
	for i := range l.leaves {
		l.leaves[i].follow(root)
	}
	return l.leaves
}

// follow finds how much of the path the trie knows.
func (l *Leaf) follow(n *node) {
	for _, s := range l.Path {
		data := false
		switch {
		case n == nil:
			return
		case s.Kind == event.Index && n.elements != nil:
			n = n.element(s.Index)
		case s.Kind == event.Decoded:
			n = n.inner
		case s.Kind == event.Name:
			next := n.find([]byte(s.Name), prefix([]byte(s.Name)))
			if next == nil && n.member != nil {
				next, data = n.member.value, true
			}
			n = next
		default:
			return
		}
		if n != nil {
			l.Known, l.Data = l.Known+1, append(l.Data, data)
		}
	}
}

// deepest is where the listing ends: paths grow with the depth.
const deepest = 512

type lister struct {
	scanner
	leaves []Leaf
	outer  int // where the document at hand is, plus one; 0: nowhere
}

func (l *lister) add(leaf Leaf) {
	if leaf.Outer = leaf.Offset; l.outer > 0 {
		leaf.Outer = l.outer - 1
	}
	l.leaves = append(l.leaves, leaf)
}

// value lists what stands at i; n is its place in the source's trie, nil where nothing is named.
func (l *lister) value(i int, path event.Path, n *node) int {
	switch {
	case i < 0 || i >= len(l.payload) || len(path) > deepest:
		return failed
	case l.payload[i] == '{':
		return l.members(i, path, n)
	case l.payload[i] == '[':
		i, more := l.open(i, ']')
		for k := 0; more && i >= 0; k++ {
			var below *node
			if n != nil && n.elements != nil {
				below = n.element(k)
			}
			i = l.value(i, extend(path, event.Segment{Kind: event.Index, Index: k}), below)
			i, more = l.next(i, ']')
		}
		return i
	}
	end := l.skip(i, 0)
	if end >= 0 && !(l.payload[i] == '"' && n != nil && n.inner != nil && l.document(i, end, path, n)) {
		l.add(Leaf{Path: path, Offset: i, Raw: l.payload[i:end], Named: n != nil && n.scalar})
	}
	return end
}

func (l *lister) members(i int, path event.Path, n *node) int {
	i, more := l.open(i, '}')
	for more && i >= 0 && i < len(l.payload) {
		first := i
		end, _ := l.text(i + 1)
		if end < 0 {
			return failed
		}
		name := transform.AppendUnescaped(nil, l.payload[i+1:end])
		at := extend(path, event.Segment{Name: string(name)})
		var below *node
		if n != nil {
			if below = n.find(name, prefix(name)); below == nil && n.member != nil {
				below = n.member.value
				l.add(Leaf{Path: extend(at, event.Segment{Kind: event.Keys}), Offset: first, Raw: l.payload[first : end+1], Named: n.member.named.scalar})
			}
		}
		i = l.value(l.colon(end+1), at, below)
		i, more = l.next(i, '}')
	}
	return i
}

// document lists what is inside a string, if it can be read.
func (l *lister) document(i, end int, path event.Path, n *node) bool {
	outer, before, start := len(l.payload), len(l.leaves), len(l.arena)
	if l.outer == 0 {
		l.outer = i + 1
		defer func() { l.outer = 0 }()
	}
	ok := l.decode(l.payload[i+1:end-1], n.codec)
	if ok {
		l.payload = l.arena
		j := l.value(l.space(start), extend(path, event.Segment{Kind: event.Decoded, Name: n.codec}), n.inner)
		ok = j >= 0 && l.space(j) == len(l.payload)
	}
	l.payload, l.reason = l.arena[:outer], event.None
	if !ok {
		l.leaves = l.leaves[:before]
	}
	return ok
}
