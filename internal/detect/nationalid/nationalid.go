// SPDX-License-Identifier: Apache-2.0

// Package nationalid finds the identifiers that states give to persons, their documents, vehicles and firms: identity cards,
// passports, tax, insurance and health numbers, licenses.
package nationalid

import (
	"math/bits"
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// How far cue words may stand, in bytes.
const (
	reachClose  = 12 // before, for a word that names a document, whatever else is named
	reachSure   = 28 // before, for such a word
	reachAfter  = 30 // after
	reachCue    = 40 // either side, for a word that hints
	reachNumber = 20 // before, for a word that only says that a number comes
	reachOther  = 14 // before, for a word that names something else
)

// sure is a score that only what stands alone exceeds.
const sure = .9

// leastScore is what a finding must reach to be told at all.
const leastScore = .3

// index holds the shapes by length, those of digits only apart from those that may have letters, and the cues of all.
type index struct {
	strong, rest            [2][maxSymbols + 1]shelf // by whether they may have letters; strong: what may stand alone
	sure, id, number, other span.Cue
}

var rules = sync.OnceValue(func() *index {
	words := span.Cues()
	x := &index{sure: words.Must("id.sure"), id: words.Must("id"), number: words.Must("id.number"), other: words.Must("id.not")}
	for _, table := range [][]rule{westernEurope, northernEurope, easternEurope, americas, asia, africa, oceania, documents} {
		for _, r := range table {
			x.add(r, words)
		}
	}
	return x
})

// Find appends the identifiers that begin at a byte of the text, or whose letters before the digits at it do.
// Scores: above .9 for what stands alone, .45 to .9 with cue words, .4 to .9 in a field by whether a rule is kept; in a text,
// digits without a cue word are not told at all.
func Find(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	if at >= len(b) || symbols[b[at]] == 0 || inside(b, at) {
		return dst
	}
	if !t.Field && short(b, at) {
		return dst
	}
	x := rules()
	var best found
	if one := lead(b, at, t.Field); one < at {
		if two := lead(b, one, t.Field); two < one {
			best = x.better(best, t, two)
		}
		best = x.better(best, t, one)
	}
	best = x.better(best, t, at)
	if best.Score < .5 && b[at] >= 'a' && !t.Field {
		if digit := glued(b, at); digit > at {
			best = x.better(best, t, digit)
		}
	}
	if best.Score < leastScore {
		return dst
	}
	return append(dst, best)
}

// found is the best of some readings.
type found = span.Found

// better reads a token from start on and gives what it finds if that is more than best: what begins earlier and is longer goes
// first, unless it is only likely and the other stands alone.
func (x *index) better(best found, t *span.Text, start int) found {
	var k token
	k.read(t.Bytes, start, t.Field)
	if k.n < 4 || k.n < 5 && !t.Field {
		return best
	}
	w := witness{x: x, t: t, token: &k, level: unknown}
	for cuts := k.cuts; cuts != 0; {
		n := bits.Len32(cuts)
		cuts &^= 1 << (n - 1)
		if n < 4 || k.digits(n) == 0 || continues(t.Bytes, k.end(n)) || k.letters&(1<<n-1) == 0 && followed(t.Bytes, k.end(n)) {
			continue
		}
		if f := w.judge(n); f.Score > best.Score && (best.Score < .5 || f.Score > sure) { // longer ones came before
			best = f
		}
	}
	if best.Score < .5 {
		best = w.unshaped(best)
	}
	return best
}

// short reports a time of day, or a group of letters and digits that is too short for an identifier and has no other after it.
func short(b []byte, at int) bool {
	i, digits := at, 0
	for i < len(b) && i < at+maxSymbols && symbols[b[i]] != 0 {
		if b[i] <= '9' {
			digits++
		}
		i++
	}
	n := i - at
	if n >= 5 && (digits > 2 || digits == 2 && b[at] <= 'Z') {
		return false
	}
	if n <= 2 && i < len(b) && b[i] == ':' {
		return true
	}
	next := joint(b, i, min(len(b), i+maxBytes))
	return (next == i || symbols[b[next]] > 10 && b[next] > 'Z') && lead(b, at, false) == at
}

// inside reports a place within a number, a price, a path or a word, where no identifier begins.
func inside(b []byte, at int) bool {
	if at == 0 {
		return false
	}
	switch c := b[at-1]; c {
	case '+', '@', '$', '_', '&', '%', '*':
		return true
	case '-', '.', '/', ':':
		return at > 1 && symbols[b[at-2]] != 0 && symbols[b[at-2]] <= 10
	case ',':
		return at > 1 && symbols[b[at-2]] != 0 && symbols[b[at-2]] <= 10 && b[at] <= '9'
	case ' ':
		return b[at] <= '9' && preceded(b, at)
	default:
		return symbols[c] != 0 || at > 2 && c == 0xac && b[at-2] == 0x82 || at > 1 && c == 0xa3 && b[at-2] == 0xc2 // € and £
	}
}

// ownLength is how many digits make a group of a number rather a number of its own.
const ownLength = 7

// preceded reports that the group of digits before the space at at-1 belongs to the same number, as one with its country's code.
func preceded(b []byte, at int) bool {
	n, i := 0, at-1
	for ; i > 0 && at-i < 12; i-- {
		switch c := b[i-1]; {
		case c >= '0' && c <= '9':
			n++
		case c == '+':
			return n > 0
		case c == ')':
			return n == 0 && i > 1 && b[i-2] >= '0' && b[i-2] <= '9'
		case symbols[c] != 0:
			return n > 0 && n < ownLength
		case c != '-' && c != '.' && c != '(':
			return n > 0 && n < ownLength && c != ',' && c != ';'
		}
	}
	return n > 0 && n < ownLength
}

// followed reports that a group of digits stands after the space at end that belongs to the same number.
func followed(b []byte, end int) bool {
	if end+1 >= len(b) || b[end] != ' ' || b[end+1] < '0' || b[end+1] > '9' {
		return false
	}
	n := 1
	for end+n+1 < len(b) && b[end+n+1] >= '0' && b[end+n+1] <= '9' {
		n++
	}
	return n < ownLength
}

// continues reports that what ends at end is only the beginning of a number, an address or a word.
func continues(b []byte, end int) bool {
	if end >= len(b) {
		return false
	}
	switch b[end] {
	case '@', '_', '%', '=':
		return true
	case '.', ',', '-', '/', ':':
		return end+1 < len(b) && symbols[b[end+1]] != 0 && (symbols[b[end+1]] <= 10 || b[end] == '.')
	}
	return false
}

// lead gives where up to six letters begin that stand one separator before at, as a part of what begins there; at if none do.
func lead(b []byte, at int, field bool) int {
	if at < 2 || b[at-1] != ' ' && b[at-1] != '-' && b[at-1] != '.' {
		return at
	}
	i := at - 1
	for i > 0 && at-i <= 7 && symbols[b[i-1]] > 10 && (field || b[i-1] <= 'Z') {
		i--
	}
	if n := at - 1 - i; n < 1 || n > 6 || i > 0 && (symbols[b[i-1]] != 0 || b[i-1] == '@' || b[i-1] == '_') {
		return at
	}
	return i
}

// glued gives where digits begin that a word in lower case runs into.
func glued(b []byte, at int) int {
	i := at
	for i < len(b) && i < at+10 && b[i] >= 'a' && b[i] <= 'z' {
		i++
	}
	if i < len(b) && b[i] >= '0' && b[i] <= '9' && i > at+1 {
		return i
	}
	return at
}
