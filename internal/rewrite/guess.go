// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"encoding/binary"

	"github.com/nymstream/nymstream/internal/transform"
)

// guess is a key that was seen in an object, and which key followed it then: producers write theirs in one order. A guess that
// is right takes one comparison in place of a search for the end of the name, a hash and a look-up; one that is wrong
// costs the comparison. Guesses never change what a payload means, only how fast that is found out.
type guess struct {
	lead, masks [2]uint64 // the first sixteen bytes of `"name":`, little-endian, and which of them there are
	rest        string    // the bytes behind them
	size        int
	name        string // as it stands between its quotes
	node        *node  // nil: nobody named it
	after       *guess
}

func newGuess(name string, n *node) *guess {
	member := `"` + name + `":`
	g := &guess{size: len(member), name: name, node: n}
	for i, c := range []byte(member[:min(len(member), 16)]) {
		g.lead[i/8] |= uint64(c) << (i % 8 * 8)
		g.masks[i/8] |= 0xff << (i % 8 * 8)
	}
	g.rest = member[min(len(member), 16):]
	return g
}

// right tells whether the key and its colon stand at i, in the spelling that nearly all producers use.
func (g *guess) right(p []byte, i int) bool {
	if uint(i)+16 > uint(len(p)) {
		return false
	}
	lead := (*[16]byte)(p[i:])
	first, second := binary.LittleEndian.Uint64(lead[:8]), binary.LittleEndian.Uint64(lead[8:])
	if (first^g.lead[0])&g.masks[0]|(second^g.lead[1])&g.masks[1] != 0 {
		return false
	}
	return g.rest == "" || len(p)-i >= g.size && string(p[i+16:i+g.size]) == g.rest
}

// Limits of what is learned about keys that nobody named.
const (
	mostStrangers   = 24   // of one object
	mostMet         = 4096 // of all objects: keys can be made up
	longestStranger = 64
)

// order is what was learned of the objects at one place.
type order struct {
	first     *guess   // the key that came first
	self      *guess   // of the place itself, as a member
	strangers []*guess // keys that nobody named
}

// learn turns to another trie.
func (s *scanner) learn(t *trie) {
	if s.learned == nil {
		s.learned = map[*trie][]order{}
	}
	if s.learned[t] == nil {
		s.learned[t] = make([]order, len(t.nodes))
		for i, n := range t.nodes {
			quoted := transform.AppendString(nil, []byte(n.name))
			s.learned[t][i].self = newGuess(string(quoted[1:len(quoted)-1]), n)
		}
	}
	s.trie, s.orders = t, s.learned[t]
}

// stranger gives the guess of a key of the object at n that nobody named, or nil when enough is learned already.
func (s *scanner) stranger(n *node, name []byte) *guess {
	o := &s.orders[n.id]
	for _, g := range o.strangers {
		if g.name == string(name) {
			return g
		}
	}
	if len(o.strangers) >= mostStrangers || s.met >= mostMet || len(name) > longestStranger {
		return nil
	}
	s.met++
	g := newGuess(string(name), nil)
	o.strangers = append(o.strangers, g)
	return g
}
