// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// scanner checks a payload against RFC 8259 and UTF-8 to its last byte, whether named or not,
// and records the named fields. Positions below zero mean that reason is set and the scan is over.
type scanner struct {
	payload  []byte
	arena    []byte // the payload, and behind it the documents that were inside its strings
	tape     []entry
	learned  map[*trie][]order
	orders   []order  // those of the trie, by node
	met      int      // keys learned that nobody named
	slots    []int32  // tape index of the first occurrence of each probed node
	seen     []uint64 // stack of bit sets: the named keys met in the open objects that have more than 64
	key      []byte   // an unescaped key
	trie     *trie
	maxDepth int
	// maxFields bounds the tape: a payload of nothing but named fields would make it many times its own size.
	maxFields int

	reason event.Reason
	at     int   // payload offset of the fault
	place  int32 // trie node where it is, or none
}

const failed = -1

func (s *scanner) fail(r event.Reason, at int) int {
	if s.reason == event.None {
		s.reason, s.at = r, at
	}
	return failed
}

// run fills the tape. Its first entry is the root object.
func (s *scanner) run(payload []byte, t *trie) bool {
	if s.trie != t {
		s.learn(t)
	}
	if t.decodes {
		s.arena = append(s.arena[:0], payload...)
		payload = s.arena
	}
	s.payload, s.reason, s.place = payload, event.None, none
	s.tape, s.seen = s.tape[:0], s.seen[:0]
	if cap(s.slots) < t.probes {
		s.slots = make([]int32, t.probes)
	}
	s.slots = s.slots[:t.probes]
	for i := range s.slots {
		s.slots[i] = none
	}
	i := s.space(0)
	var end int
	if i < len(payload) && (payload[i] == '{' || payload[i] == '[' && t.root.elements != nil) {
		end = s.named(i, t.root, none, 0)
	} else {
		if end = s.skip(i, 0); end >= 0 {
			end = s.space(end)
		}
		if end == len(payload) {
			s.fail(event.NotObject, i)
		}
	}
	if end >= 0 {
		if end = s.space(end); end != len(payload) {
			s.fail(event.Malformed, end)
		}
	}
	if t.decodes {
		s.payload = s.arena
	}
	return s.reason == event.None
}

func (s *scanner) space(i int) int {
	p := s.payload
	for uint(i) < uint(len(p)) && p[i] <= ' ' {
		if c := p[i]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return i
		}
		i++
	}
	return i
}

// skip checks one value that nobody named.
func (s *scanner) skip(i, depth int) int {
	p := s.payload
	if uint(i) >= uint(len(p)) {
		return s.fail(event.Malformed, i)
	}
	switch c := p[i]; {
	case c == '"':
		end, _ := s.text(i + 1)
		if end < 0 {
			return failed
		}
		return end + 1
	case c == '-' || c-'0' < 10:
		end, _ := s.number(i)
		return end
	case c == '{':
		return s.skipObject(i, depth+1)
	case c == '[':
		end, _ := s.skipArray(i, depth+1)
		return end
	}
	end, _ := s.word(i)
	return end
}

func (s *scanner) skipObject(i, depth int) int {
	if depth > s.maxDepth {
		return s.fail(event.TooDeep, i)
	}
	i, more := s.open(i, '}')
	for more {
		p := s.payload
		if uint(i) >= uint(len(p)) || p[i] != '"' {
			return s.fail(event.Malformed, i)
		}
		end, _ := s.text(i + 1)
		if end < 0 {
			return failed
		}
		if i = s.colon(end + 1); i < 0 {
			return failed
		}
		if i = s.skip(i, depth); i < 0 {
			return failed
		}
		i, more = s.next(i, '}')
	}
	return i
}

func (s *scanner) skipArray(i, depth int) (end int, elements int32) {
	if depth > s.maxDepth {
		return s.fail(event.TooDeep, i), 0
	}
	i, more := s.open(i, ']')
	for more {
		if i = s.skip(i, depth); i < 0 {
			return failed, 0
		}
		elements++
		i, more = s.next(i, ']')
	}
	return i, elements
}

// open steps into a container: to its first member, or behind its end.
func (s *scanner) open(i int, closing byte) (int, bool) {
	i = s.space(i + 1)
	if uint(i) < uint(len(s.payload)) && s.payload[i] == closing {
		return i + 1, false
	}
	return i, true
}

// next steps over what follows a member: to the next one, or behind the container's end.
func (s *scanner) next(i int, closing byte) (int, bool) {
	if i < 0 {
		return failed, false
	}
	p := s.payload
	if uint(i) < uint(len(p)) && p[i] <= ' ' {
		i = s.space(i)
	}
	if uint(i) >= uint(len(p)) {
		return s.fail(event.Malformed, i), false
	}
	switch p[i] {
	case ',':
		i++
		if uint(i) < uint(len(p)) && p[i] <= ' ' {
			i = s.space(i)
		}
		return i, true
	case closing:
		return i + 1, false
	}
	return s.fail(event.Malformed, i), false
}

// colon steps over the colon to the value.
func (s *scanner) colon(i int) int {
	p := s.payload
	if uint(i) < uint(len(p)) && p[i] <= ' ' {
		i = s.space(i)
	}
	if uint(i) >= uint(len(p)) || p[i] != ':' {
		return s.fail(event.Malformed, i)
	}
	i++
	if uint(i) < uint(len(p)) && p[i] <= ' ' {
		i = s.space(i)
	}
	return i
}

// named reads a value at a place that the plan knows.
func (s *scanner) named(i int, n *node, up int32, depth int) int {
	p := s.payload
	if uint(i) >= uint(len(p)) {
		return s.fail(event.Malformed, i)
	}
	var end int
	var k kind
	exact := true
	switch c := p[i]; {
	case c == '{':
		if !n.descends() && !n.marked {
			return s.skipObject(i, depth+1)
		}
		return s.container(i, n, object, up, depth+1)
	case c == '[':
		if n.elements == nil && !n.marked {
			end, _ = s.skipArray(i, depth+1)
			return end
		}
		return s.container(i, n, array, up, depth+1)
	case c == '"':
		var escaped bool
		if end, escaped = s.text(i + 1); end >= 0 {
			end++
			if n.inner != nil {
				return s.document(i, end, n, up, depth)
			}
		}
		k, exact = kind(transform.String), !escaped
	case c == '-' || c-'0' < 10:
		k = kind(transform.Number)
		end, exact = s.number(i)
	default:
		end, k = s.word(i)
	}
	if end < 0 || !n.scalar && !n.marked {
		return end
	}
	at := s.note(n, i)
	if at < 0 {
		return failed
	}
	// Field by field: an entry that is built first and copied then stalls the processor (BenchmarkRead: 5 %).
	e := &s.tape[at]
	e.node, e.up, e.start, e.end, e.kind, e.exact = n.id, up, int32(i), int32(end), k, exact
	return end
}

// note makes room for an entry on the tape, if there may be one more. What the entry holds is left from another payload.
func (s *scanner) note(n *node, i int) int32 {
	at := int32(len(s.tape))
	if len(s.tape) >= s.maxFields {
		return int32(s.fail(event.TooLarge, i))
	}
	if n.slot >= 0 && s.slots[n.slot] == none {
		s.slots[n.slot] = at
	}
	if len(s.tape) == cap(s.tape) {
		s.tape = slices.Grow(s.tape, 64)
	}
	s.tape = s.tape[:at+1]
	return at
}

func (s *scanner) container(i int, n *node, k kind, up int32, depth int) int {
	if depth > s.maxDepth {
		s.place = n.id
		return s.fail(event.TooDeep, i)
	}
	at := s.note(n, i)
	if at < 0 {
		return failed
	}
	e := &s.tape[at]
	e.node, e.up, e.start, e.kind = n.id, up, int32(i), k
	var elements int32
	switch {
	case k == object && n.descends():
		i = s.members(i, n, at, depth)
	case k == object:
		i = s.skipObject(i, depth)
	case n.elements != nil:
		i, elements = s.each(i, n, at, depth)
	default:
		i, elements = s.skipArray(i, depth)
	}
	s.tape[at].end, s.tape[at].count = int32(len(s.tape)), elements
	return i
}

// members reads an object that has named keys. A named key that comes twice is a fault:
// readers disagree about which one counts (RFC 8259, section 4).
func (s *scanner) members(i int, n *node, at int32, depth int) int {
	var few uint64 // the named keys met, while there are at most 64
	base := len(s.seen)
	if len(n.keys) > 64 {
		for range (len(n.keys) + 63) / 64 {
			s.seen = append(s.seen, 0)
		}
	}
	p := s.payload
	next := &s.orders[n.id].first
	i, more := s.open(i, '}')
	for more {
		first := i
		g := *next
		if g != nil && g.right(p, i) { // see guess; BenchmarkRead
			if i += g.size; uint(i) < uint(len(p)) && p[i] <= ' ' {
				i = s.space(i)
			}
		} else if g, i = s.name(n, i); i < 0 {
			return failed
		} else if g != nil {
			*next = g
		}
		if g != nil {
			next = &g.after
		}
		if g == nil || g.node == nil {
			if n.member != nil {
				i = s.member(first, i, n.member, at, depth)
			} else {
				i = s.skip(i, depth)
			}
		} else {
			k := g.node
			word, bit := &few, uint64(1)<<(k.rank&63)
			if len(n.keys) > 64 {
				word = &s.seen[base+int(k.rank>>6)]
			}
			if *word&bit != 0 {
				s.place = k.id
				return s.fail(event.DuplicateKey, first)
			}
			*word |= bit
			i = s.named(i, k, at, depth)
		}
		if i > 0 && i+1 < len(p) && p[i] == ',' && p[i+1] > ' ' { // what next would find
			i++
			continue
		}
		i, more = s.next(i, '}')
	}
	s.seen = s.seen[:base]
	return i
}

// name reads a key of the object at n, and steps over the colon to its value. It gives what to guess the next time; nil where
// nobody named the key and enough is learned.
func (s *scanner) name(n *node, i int) (*guess, int) {
	p := s.payload
	if uint(i) >= uint(len(p)) || p[i] != '"' {
		return nil, s.fail(event.Malformed, i)
	}
	first := i + 1
	end, escaped := s.text(first)
	if end < 0 {
		return nil, failed
	}
	name := p[first:end]
	if i = s.colon(end + 1); i < 0 {
		return nil, failed
	}
	var k *node
	switch {
	case escaped:
		s.key = transform.AppendUnescaped(s.key[:0], name)
		k = n.find(s.key, prefix(s.key))
	case first+8 <= len(p):
		k = n.find(name, prefix8(p[first:], len(name)))
	default:
		k = n.find(name, prefix(name))
	}
	switch {
	case k != nil:
		return s.orders[k.id].self, i
	case escaped, n.member != nil:
		return nil, i
	}
	return s.stranger(n, name), i
}

// each reads an array whose elements, or some of them, are named.
func (s *scanner) each(i int, n *node, at int32, depth int) (end int, elements int32) {
	i, more := s.open(i, ']')
	for more {
		i = s.named(i, n.element(int(elements)), at, depth)
		elements++
		i, more = s.next(i, ']')
	}
	return i, elements
}
