// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// age reads a number as a person's age where a phrase before or after it says so. The finding is the number alone.
func (l *lexicon) age(t *span.Text, n number) (span.Found, bool) {
	found := span.Found{Start: n.start, End: n.end, Kind: span.Age, Reason: span.Context, Score: .9}
	b := t.Bytes
	if n.value < 1 || n.value > 120 || n.len() > 3 || n.start > 0 && strings.IndexByte("$#@%+-/*", b[n.start-1]) >= 0 {
		return found, false
	}
	after := n.end
	if after < len(b) && (b[after] == ' ' || b[after] == '-') {
		after++
	}
	mean := l.unitAfter(b, after)
	if mean == ageAfter || l.withSex(b, n) {
		return found, true
	}
	before, h := leadBefore(b, n.start)
	if h == 0 || l.words.at(h)&lead == 0 {
		return found, false
	}
	is := func(m meaning) bool { _, ok := l.led(b, before, h, m); return ok }
	switch {
	case mean == ageUnit && is(ageLead):
	case l.closed(b, n.end, true) && is(ageBefore):
		found.Score = .8
	case n.value > 9 && l.closed(b, n.end, false) && is(ageLone):
		found.Score = .7
	default:
		return found, false
	}
	return found, true
}

func (l *lexicon) unitAfter(b []byte, i int) meaning {
	if i >= len(b) {
		return 0
	}
	if b[i] < utf8.RuneSelf {
		_, mean := l.phraseAt(b, i, ageAfter, ageUnit)
		return mean
	}
	for _, s := range []string{"岁", "歲", "歳", "才", "周岁", "週歲"} {
		if literal(b, i, s) {
			return ageAfter
		}
	}
	_, mean := l.phraseAt(b, i, ageAfter, ageUnit)
	return mean
}

// withSex reads (34F), [19/m].
func (l *lexicon) withSex(b []byte, n number) bool {
	if n.start == 0 || b[n.start-1] != '(' && b[n.start-1] != '[' || n.len() != 2 || n.end >= len(b) {
		return false
	}
	i := n.end
	if b[i] == '/' || b[i] == ' ' {
		i++
	}
	end, mean := l.phraseAt(b, i, sex)
	return mean == sex && end < len(b) && (b[end] == ')' || b[end] == ']' || b[end] == ',')
}

// leadBefore gives where the word before i begins, and its hash; a space, a colon or an equals sign may stand between.
func leadBefore(b []byte, i int) (start int, h uint64) {
	end := i
	for end > 0 && i-end < 3 && strings.IndexByte(" :=\n", b[end-1]) >= 0 {
		end--
	}
	start = wordStart(b, end)
	if start == end || end == i {
		return start, 0
	}
	_, h = word(b, start)
	return start, h
}

// closed reports that a clause may end after a number, or that it goes on with a word that no counted thing is. Where function
// words do, loose is set.
func (l *lexicon) closed(b []byte, i int, loose bool) bool {
	if i >= len(b) {
		return true
	}
	switch b[i] {
	case '.', ',', ':':
		return !digitAt(b, i+1)
	case '!', '?', ';', ')', ']', '\n', '"', '|':
		return true
	case ' ':
	default:
		return b[i] >= 0xe2 // punctuation and signs beyond ASCII, scripts without spaces
	}
	if i+1 >= len(b) || b[i+1] == ' ' || b[i+1] == '|' || b[i+1] == '(' {
		return true
	}
	end, h := word(b, i+1)
	if _, mean := l.phraseAt(b, i+1, ageAnd); mean != 0 {
		return true
	}
	return end > i+1 && loose && l.words.at(h)&stop != 0 && l.words.at(h)&unit == 0
}
