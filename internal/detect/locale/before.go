// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// backWord is a word before a house number.
type backWord struct {
	start, end int
	class      class
	capital    bool
	number     bool
}

const maxBack = 7

// back holds the words before a house number on its line, the nearest first.
type back struct {
	words [maxBack]backWord
	count int
}

// read notes the words that end at i, over spaces, hyphens and points of abbreviations. A number may be
// the nearest where numbers is set: Calle 13 # 6-20.
func (k *back) read(l *lexicon, b []byte, i int, numbers bool) {
	for k.count = 0; k.count < maxBack && i > 0; k.count++ {
		if i > 2 && (literal(b, i-2, "ª") || literal(b, i-2, "º")) {
			i -= 2
		}
		w := backWord{start: wordStart(b, i), end: i}
		if w.start == i-1 && w.start > 0 && digit(b[w.start-1]) && numbers { // 6Y
			w.start = i
			i--
		}
		if w.start >= i {
			w.start = i
			for w.start > 0 && digit(b[w.start-1]) && i-w.start < 4 {
				w.start--
			}
			if w.start == i || k.count == 0 && !numbers {
				return
			}
			w.number, w.capital = true, true
		} else {
			_, w.class = l.class(b, w.start)
			w.capital = upper(b, w.start)
		}
		k.words[k.count] = w
		i = previous(b, w.start)
		if i == w.start {
			k.count++
			return
		}
	}
}

// previous gives the end of the word before i; i where none is.
func previous(b []byte, i int) int {
	switch {
	case i < 2:
		return i
	case b[i-1] == '-' || b[i-1] == '\'' || b[i-1] == '/':
		return i - 1
	case b[i-1] == '.':
		return i - 1
	case b[i-1] == ' ' && b[i-2] == '.':
		if j := wordStart(b, i-2); i-2-j > 4 || j == i-2 {
			return i
		}
		return i - 2
	case b[i-1] == ' ' && (b[i-2] == 0xba || b[i-2] == 0xb0 || b[i-2] == 0xaa) && i > 3: // Cr. 8ª
		return i - 3
	case b[i-1] == ' ':
		return i - 1
	}
	return i
}

// streetBefore reads Calle Mayor 5, Hauptstraße 12a, Rákóczi út 13 back from the number; end is the number's end. A number of
// four digits and more after a comma or a line break may be a postal code.
func (l *lexicon) streetBefore(b []byte, n number, end int) (site, bool) {
	s := site{end: end}
	p, comma, line := l.beforeNumber(b, n.start)
	hash := strings.Trim(string(b[p:n.start]), " ,\n") != ""
	if p == n.start || p == 0 {
		return s, false
	}
	if line || comma && n.len() >= 4 && end+2 < len(b) && b[end] == ' ' && upper(b, end+1) {
		if n.len() < 4 {
			return s, false
		}
		s.end, s.tail = p, p
	}
	dot := b[p-1] == '.'
	if dot {
		p--
	}
	var words back
	words.read(l, b, p, hash)
	if words.count == 0 {
		return s, false
	}
	w := words.words[0]
	if w.number {
		return s, words.prefixed(b, &s)
	}
	if !w.capital && w.class.any(stop) && !w.class.any(after|afterWeak) {
		return s, false
	}
	if words.prefixed(b, &s) || words.compound(l, b, &s) || words.suffixed(l, b, &s, dot) {
		return s, true
	}
	if s.tail != 0 || comma || hash || !words.capitals(l, b, &s) {
		return s, false
	}
	s.generic = true
	return s, true
}

// beforeNumber passes back over what may part a street from its number: ", ", " nº ", " # ".
func (l *lexicon) beforeNumber(b []byte, i int) (p int, comma, line bool) {
	p = back1(b, i)
	if p > 0 && b[p-1] == '#' {
		p = back1(b, p-1)
	}
	q := p
	if q > 2 && (literal(b, q-2, "º") || literal(b, q-2, "°")) {
		q -= 2
	} else if q > 0 && b[q-1] == '.' {
		q--
	}
	if start := wordStart(b, q); start < q && start > 1 {
		if _, c := l.class(b, start); c.any(mark) && (b[start-1] == ' ' || b[start-1] == ',') {
			p = back1(b, start)
		}
	}
	if p > 0 && (b[p-1] == ',' || b[p-1] == '\n') {
		comma, line = b[p-1] == ',', b[p-1] == '\n'
		p = back1(b, p-1)
		if p > 5 && (literal(b, p-3, "S/N") || literal(b, p-3, "s/n")) {
			p = back1(b, p-3)
			p = back1(b, p-b2i(b[p-1] == ','))
		}
	}
	return p, comma, line
}

// back1 passes back over up to two spaces.
func back1(b []byte, i int) int {
	for limit := i - 2; i > 0 && i > limit && b[i-1] == ' '; {
		i--
	}
	return i
}

// prefixed finds a street's first word: Calle, ul. The nearest is taken, but a surer one before it wins: Travessa do Campo Alegre.
func (k *back) prefixed(b []byte, s *site) (found bool) {
	for i := 1; i < k.count; i++ {
		w := k.words[i]
		initials := w.class.any(initial) && w.end-w.start == 1 && w.end < len(b) && (b[w.end] == '.' || b[w.end] == '/')
		if w.class.any(before) || w.capital && (w.class.any(beforeWeak) || initials) {
			if k.words[0].class.any(stop) && !k.words[0].capital {
				return false
			}
			strong := w.class.any(before) && (w.end-w.start > 2 || w.capital || k.words[0].capital)
			if strong || !found {
				s.start, s.lower, found = w.start, !w.capital, true
			}
			if strong {
				s.proof |= byStreet
				return true
			}
		}
		if !w.capital && !w.class.any(joiner) && (found || w.class.any(stop)) {
			break
		}
	}
	return found
}

// compound finds a word like Hauptstraße or gamla svedalavägen.
func (k *back) compound(l *lexicon, b []byte, s *site) bool {
	w := k.words[0]
	weak, ok := l.ends(b[w.start:w.end])
	if !ok || weak && !w.capital || w.class.any(stop) {
		return false
	}
	k.extend(l, b, s, 0)
	s.lower = !w.capital
	if !weak {
		s.proof |= byStreet
	}
	return true
}

// ends reports that a word ends like a street's name.
func (l *lexicon) ends(word []byte) (weak, ok bool) {
	if len(word) < 5 || len(word) > maxWord {
		return false, false
	}
	var room [2 * maxWord]byte
	w := fold(room[:0], word)
	weak = true
	for _, e := range l.suffixes[w[len(w)-1]] {
		if n := len(w) - len(e.text); n >= 2 && n+len(e.text) >= 6 && string(w[n:]) == e.text {
			ok = true
			weak = weak && (e.weak || n < 3)
		}
	}
	return weak, ok
}

// suffixed finds a street's last word, apart from its name: Villacher Strasse, Rákóczi út.
func (k *back) suffixed(l *lexicon, b []byte, s *site, dot bool) bool {
	w := k.words[0]
	strong := w.class.any(after) && (w.end-w.start > 3 || dot || w.end-w.start > 1 && w.end-w.start < 4 && !w.class.any(stop))
	if !strong && !(w.class.any(afterWeak) && w.capital) || k.count < 2 {
		return false
	}
	next := k.words[1]
	if next.class.any(stop) && !next.capital || !next.capital && w.capital || next.number {
		return false
	}
	k.extend(l, b, s, 1)
	s.lower = !next.capital
	if strong && (next.capital || w.end-w.start > 4) { // "tonight gate 8"
		s.proof |= byStreet
	}
	return true
}

// extend begins the street at word i, and takes in the capitalized words before it.
func (k *back) extend(l *lexicon, b []byte, s *site, i int) {
	s.start = k.words[i].start
	if l.placeLed(b, s.start) {
		return
	}
	for j := i + 1; j < min(k.count, i+4); j++ {
		w := k.words[j]
		switch {
		case w.number || w.class.any(lead) && !w.class.any(joiner):
			return
		case w.capital:
			s.start = w.start
		case !w.class.any(joiner):
			return
		}
	}
}

// capitals takes the capitalized words right before the number, or after words like "lives at" any.
func (k *back) capitals(l *lexicon, b []byte, s *site) bool {
	w := k.words[0]
	if w.class.month() != 0 || w.class.any(unit) {
		return false
	}
	if w.capital {
		k.extend(l, b, s, 0)
		return true
	}
	if w.class.any(stop) || w.end-w.start < 4 {
		return false
	}
	s.lower = true
	for i := range min(k.count, 4) {
		w := k.words[i]
		if w.number || w.class.any(stop) {
			return i > 0
		}
		s.start = w.start
	}
	return true
}

// corner appends "the corner of" two streets.
func (l *lexicon) corner(dst []span.Found, t *span.Text, at, end int) []span.Found {
	b := t.Bytes
	i := skip(b, end)
	first := l.crossing(b, i)
	if first == i {
		return dst
	}
	j := skip(b, first)
	after, c := l.class(b, j)
	if !c.any(joiner|stop) || after == j {
		return dst
	}
	i = skip(b, after)
	second := l.crossing(b, i)
	if second == i || i == after {
		return dst
	}
	if w := wordStart(b, at-b2i(at > 0)); at > 0 && (b[at-1] == ' ' || b[at-1] == '\'') && w < at-1 && at-w < 5 {
		if _, c := l.class(b, w); c.any(stop|joiner) && !literal(b, w, "at") && !literal(b, w, "on") && !literal(b, w, "in") {
			at = w
		}
	}
	return append(dst, span.Found{Start: at, End: second, Kind: span.Address, Reason: span.Pattern, Score: .85})
}

// crossing reads one of two streets: words and numbers, capitalized or with a number; i where none stands there.
func (l *lexicon) crossing(b []byte, i int) int {
	end, known := i, false
	for range 6 {
		stopAt, c := l.class(b, i)
		switch {
		case stopAt == i && digitAt(b, i):
			stopAt, _ = digits(b, i)
			stopAt = ordinal(b, stopAt)
			known = true
		case stopAt == i || c.any(stop) && !c.any(after|afterWeak):
			return pick(known, end, i)
		case upper(b, i) || c.any(after|afterWeak|before):
			known = true
		}
		end = stopAt
		next := nextWord(b, end, end-i <= 4)
		if next == end {
			break
		}
		i = next
	}
	return pick(known, end, i)
}

func pick(ok bool, yes, no int) int {
	if ok {
		return yes
	}
	return no
}
