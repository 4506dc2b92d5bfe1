// SPDX-License-Identifier: Apache-2.0

package names

import "github.com/nymstream/nymstream/internal/detect/span"

// Given reports whether a word, in any case, is in lists of given names. Many are everyday words, too.
func (n *Tagger) Given(word []byte) bool { return n.look(word).Given() > 0 }

// Family reports whether a word, in any case, is in lists of family names. Many are everyday words, too.
func (n *Tagger) Family(word []byte) bool { return n.look(word).Family() > 0 }

// look gives the entry of a single word; 0 for more or none.
func (n *Tagger) look(word []byte) Entry {
	if len(word) == 0 || classes[word[0]]&isWord == 0 {
		return 0
	}
	t, end := readWord(word, 0)
	if end != len(word) {
		return 0
	}
	return n.lexicon.find(t.hash)
}

// mostWords is how many words the name in a field has at most.
const mostWords = 5

// appendBare takes a field's whole value for a name by the lists alone: a given name, or one with further words of names.
func appendBare(dst []span.Found, tokens []Token) []span.Found {
	words, known := 0, 0
	for i := range tokens {
		t := &tokens[i]
		switch t.shape {
		case hyphen, stop, initial, comma:
			continue
		case title, upper, lower, mixed, uncased:
		default:
			return dst
		}
		words++
		e := t.entry
		switch {
		case e.Given() > 1 && e.Common() < 2 && e&placeBit == 0, e.Family() > 1 && words > 1 && e.Common() < 3:
			known++
		case e.Common() > 0 && !particles[t.hash], e&placeBit != 0:
			return dst
		}
	}
	if words == 0 || words > mostWords || known == 0 {
		return dst
	}
	score := float32(.6)
	if known > 1 {
		score = .85
	}
	return append(dst, span.Found{Start: int(tokens[0].Start), End: int(tokens[len(tokens)-1].End), Kind: span.Person, Reason: span.Listed, Score: score})
}
