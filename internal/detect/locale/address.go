// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// site is a part of an address that was read, from its first byte to its last.
type site struct {
	start, end int
	lower      bool // written in lower case: words of places are, too
	proof      proof
	generic    bool // words and a number that only what stands around them makes an address
	loose      bool // words after a number that only a unit or a postal code makes one
	tail       int  // where the rest begins; the end where it is zero
}

// proof says what speaks for an address beyond a street and a number: bits.
type proof uint8

const (
	byStreet proof = 1 << iota // a word for streets that has no other sense
	byUnit
	byPostcode
	byCode   // a postal code of five signs or more
	byPlace  // a place after a comma
	byRegion // a state, a country
	byLead   // "lives at"
	byFrame  // a number before the street and one after it
)

const maxHouse = 6 // digits of a house number

// address reads a postal address around a number: a house number, a postal code or a box.
func (l *lexicon) address(t *span.Text, n number) (span.Found, bool) {
	b := t.Bytes
	if n.len() > maxHouse || n.start > 0 && !mayFollow(b, n.start) || !l.promising(b, n) {
		return span.Found{}, false
	}
	if found, ok := l.postal(t, n); ok {
		return found, true
	}
	s, ok := l.boxed(b, n)
	if !ok {
		s, ok = l.street(b, n)
	}
	if !ok {
		return span.Found{}, false
	}
	s.start = l.numberBefore(b, &s)
	s.start = l.roomBefore(b, s.start)
	s.start = l.crossed(b, s.start)
	from := s.tail
	if from == 0 {
		from = s.end
	}
	end, proof := l.rest(b, from, s.lower)
	s.end, s.proof = max(s.end, end), s.proof|proof
	if l.placeLed(b, s.start) {
		s.proof |= byLead
	}
	found := span.Found{Start: s.start, End: s.end, Kind: span.Address, Reason: span.Pattern, Score: .8}
	return found, s.holds() || t.Field && !s.generic
}

// promising rules out most numbers by the words beside them: nothing there is capitalized or a word of addresses.
func (l *lexicon) promising(b []byte, n number) bool {
	const telling = before | beforeWeak | after | afterWeak | initial | mark | unit | lead | postal
	if n.start > 1 && b[n.start-1] == ' ' {
		p := n.start - 1
		start := wordStart(b, p)
		if start == p { // a sign: a comma, nº
			return true
		}
		end, c := l.class(b, start)
		if upper(b, start) || c.any(telling) {
			return true
		}
		if _, ok := l.ends(b[start:end]); ok {
			return true
		}
		if start > 1 && !c.any(stop) {
			if _, c := l.class(b, wordStart(b, start-1)); c.any(lead) {
				return true
			}
		}
	} else if n.start > 0 && b[n.start-1] != '(' && b[n.start-1] != ' ' {
		return true
	}
	i := n.end
	for i < len(b) && i < n.end+8 && (b[i] == ' ' || digit(b[i]) || b[i] == ',') || i == n.end && inWord(b, i) || i < len(b) && i < n.end+8 && (b[i] == '/' || b[i] == '-') {
		i++
	}
	end, c := l.class(b, i)
	if upper(b, i) || c.any(telling) || end == i && i < len(b) && b[i] == '\n' {
		return true
	}
	if end == i || c.any(stop) {
		return false
	}
	for range 2 {
		next, c := l.class(b, skip(b, end))
		if c.any(after | unit) {
			return true
		}
		end = next
	}
	return false
}

// mayFollow reports that a number at i is not part of a price, a hash or a formula.
func mayFollow(b []byte, i int) bool {
	switch b[i-1] {
	case '$', '%', '@', '=', '_', '+', '*', '&', '<', '>', '\\', '~', '^':
		return false
	}
	r, _ := utf8.DecodeLastRune(b[:i])
	return r != '€' && r != '£' && r != '¥' && r != '°'
}

// holds weighs the proof.
func (s *site) holds() bool {
	p := s.proof
	switch {
	case p&byStreet != 0:
		return true
	case s.loose:
		return p&byUnit != 0 || p&byPostcode != 0 && p&(byPlace|byRegion) != 0 && p&(byCode|byLead|byRegion) != 0
	case p&(byLead|byUnit) != 0:
		return true
	case s.generic:
		return !s.lower && p&byPostcode != 0 && p&(byPlace|byRegion) != 0 || p&byFrame != 0 && p&byPlace != 0
	}
	return p&(byPostcode|byRegion) != 0 || p&byFrame != 0 && p&byPlace != 0
}

// street reads a house number with the street after it or before it.
func (l *lexicon) street(b []byte, n number) (site, bool) {
	end, ok := house(b, n.end)
	if !ok {
		return site{}, false
	}
	if s, ok := l.unitFirst(b, n, end); ok {
		return s, true
	}
	s, known := l.streetBefore(b, n, end)
	if after, ok := l.streetAfter(b, n.start, end); ok {
		if known && s.tail == 0 && (s.proof&byStreet != 0 || l.placeLed(b, s.start)) {
			after.start = s.start
		}
		if !known || s.proof&byStreet == 0 || after.proof&byStreet != 0 {
			return after, true
		}
	}
	if !known || s.generic && !l.placeLed(b, s.start) {
		if s, ok := l.unknown(b, n.start, end); ok {
			return s, true
		}
	}
	if known && s.tail == 0 {
		s.end = inner(b, l.direction(b, s.end))
	}
	return s, known
}

// house gives the end of a house number whose first digits end at i: 12, 12a, 12-14, 5/6, 4 bis.
func house(b []byte, i int) (end int, ok bool) {
	for range 2 {
		if i < len(b) && letters[b[i]] != 0 && !inWord(b, i+1) {
			i++
		}
		if i+1 < len(b) && (b[i] == '-' || b[i] == '/') && digit(b[i+1]) {
			i, _ = digits(b, i+1)
		}
	}
	for _, s := range []string{" bis", " ter", " quater"} {
		if literal(b, i, s) && !inWord(b, i+len(s)) {
			i += len(s)
			break
		}
	}
	return i, !inWord(b, i) && !(i+1 < len(b) && (b[i] == ':' || b[i] == '%') && (digit(b[i+1]) || b[i] == '%'))
}

// streetAfter reads 221B Baker Street and 12, rue de la Paix from the number on.
func (l *lexicon) streetAfter(b []byte, start, end int) (site, bool) {
	s := site{start: start, end: end}
	i := end
	comma := i < len(b) && b[i] == ','
	if comma {
		i++
	}
	if i >= len(b) || b[i] != ' ' {
		return s, false
	}
	i = skip(b, skip(b, i))
	if digitAt(b, i) && !comma {
		after, _ := digits(b, i)
		if after, ok := house(b, after); ok && after+1 < len(b) && after-i <= maxHouse && b[after] == ' ' {
			s.proof, i = byFrame, after+1
		}
	}
	first, c := l.class(b, i)
	if c.any(before|beforeWeak) || c.any(initial) && first < len(b) && first == i+1 && (b[first] == '.' || b[first] == '/') {
		if l.name(b, &s, i, first, c) {
			return s, true
		}
	}
	if l.named(b, &s, i) {
		if comma { // "in 2011, Wall Street"
			s.proof &^= byStreet
			s.loose = true
		}
		return s, true
	}
	return s, false
}

// unknown reads a number and capitalized words up to a comma, a line's end or a unit.
func (l *lexicon) unknown(b []byte, start, end int) (site, bool) {
	s := site{start: start, loose: true}
	i := skip(b, end)
	if _, c := l.class(b, i); c.month() != 0 {
		return s, false
	}
	if j, _ := digits(b, i); j > i && j-i <= maxHouse && i > end { // a second number
		i = skip(b, j)
	}
	if i == end || !upper(b, i) {
		return s, false
	}
	end, count := l.names(b, i, 4, false)
	j, sep := separator(b, end, false)
	s.end = end
	return s, count > 0 && sep != 0 && j < len(b) && (sep != ' ' || l.unitAt(b, j) > j)
}

// unitFirst reads Flat 1, Turner Mountain from the unit's number on, where no house number follows.
func (l *lexicon) unitFirst(b []byte, n number, end int) (site, bool) {
	s := site{end: end}
	s.start = l.unitBefore(b, n.start)
	if s.start == n.start {
		return s, false
	}
	i, sep := separator(b, end, false)
	if sep != ',' && sep != '\n' || !upper(b, i) {
		return s, false
	}
	s.loose = true
	if l.named(b, &s, i) {
		s.proof = 0
		return s, true
	}
	room := s.start
	s, ok := l.unknown(b, i-1, i-1)
	s.start = room
	return s, ok
}

// unitBefore gives where a word for a unit before i begins; i where none stands there.
func (l *lexicon) unitBefore(b []byte, i int) int {
	end := back1(b, i)
	if end == i || end == 0 {
		return i
	}
	if b[end-1] == '.' {
		end--
	}
	start := wordStart(b, end)
	if _, c := l.class(b, start); start < end && c.any(unit) && end-start > 2 {
		return start
	}
	return i
}

// inner takes in a number within the house that follows its number: 640 037.
func inner(b []byte, i int) int {
	if i+1 < len(b) && b[i] == ' ' && digit(b[i+1]) {
		if end, _ := digits(b, i+1); end-i <= 5 && end < len(b) && (b[end] == ',' || b[end] == '\n') {
			return end
		}
	}
	return i
}

// name reads the name after a street's first word, and a number after it.
func (l *lexicon) name(b []byte, s *site, start, first int, c class) bool {
	if first < len(b) && (b[first] == '.' || b[first] == '/') {
		first++
	}
	s.lower = !upper(b, start)
	end, count := l.names(b, skip(b, first), 5, s.lower || c.any(before))
	if count == 0 || end <= first {
		return false
	}
	s.end = end
	if c.any(before) {
		s.proof |= byStreet
	}
	if s.end+1 < len(b) && b[s.end] == ' ' && digit(b[s.end+1]) {
		after, _ := digits(b, s.end+1)
		if after, ok := house(b, after); ok && after-s.end <= maxHouse {
			s.end = after
			s.proof |= byFrame
		}
	}
	return true
}

// named reads words up to a street's last word.
func (l *lexicon) named(b []byte, s *site, i int) bool {
	best, strong := 0, false
	for k := range 6 {
		end, c := l.class(b, i)
		capital := upper(b, i)
		if end == i && digitAt(b, i) && k < 2 {
			end, _ = digits(b, i)
			if end = ordinal(b, end); digit(b[end-1]) {
				break
			}
			capital = true
		}
		if end == i || !capital && (c.any(stop) && !(k > 0 && c.any(after)) || k > 2) {
			break
		}
		if capital && s.lower {
			break
		}
		s.lower = !capital && !c.any(joiner)
		if k > 0 && c.any(after) && (capital && end-i > 1 || end-i > 3) {
			best, strong = end, true
		} else if k > 0 && c.any(afterWeak) && capital && !strong {
			best = end
		}
		i = nextWord(b, end, end-i <= 4)
		if i == end {
			break
		}
	}
	if best == 0 {
		return false
	}
	if strong {
		s.proof |= byStreet
	}
	s.end = l.direction(b, best)
	return true
}

// nextWord gives where the word after end begins; end where something else stands there.
func nextWord(b []byte, end int, short bool) int {
	switch {
	case end+1 >= len(b):
		return end
	case b[end] == ' ' || b[end] == '-' || b[end] == '\'':
		return end + 1
	case b[end] == '.' && b[end+1] == ' ' && short:
		return end + 2
	}
	return end
}

// direction takes in N, SW, East after a street, and the point of an abbreviation.
func (l *lexicon) direction(b []byte, i int) int {
	if i < len(b) && b[i] == '.' && (i+1 == len(b) || b[i+1] == ' ' || b[i+1] == ',' || b[i+1] == '\n') && i > 3 && (b[i-3] == ' ' || b[i-4] == ' ') {
		i++
	}
	for _, s := range []string{" N", " S", " E", " W", " NE", " NW", " SE", " SW", " North", " South", " East", " West", " Norte", " Sur", " Este", " Oeste"} {
		if end := i + len(s); literal(b, i, s) && !inWord(b, end) && !literal(b, end, "°") && !literal(b, end, "º") {
			return end
		}
	}
	return i
}

// names reads up to limit words of a name from i on: capitalized, with small words between; where lower is set, any words but
// those that no name holds.
func (l *lexicon) names(b []byte, i, limit int, lower bool) (end, count int) {
	end = i
	for count < limit && i < len(b) {
		stopAt, c := l.class(b, i)
		if digitAt(b, i) && count > 0 { // 1ª Seção
			stopAt, _ = digits(b, i)
			stopAt = pick(ordinal(b, stopAt) > stopAt && b[stopAt] != '.', ordinal(b, stopAt), i)
			c = joiner
		}
		if stopAt == i || digitAt(b, stopAt) {
			break
		}
		switch {
		case count > 0 && c.any(unit) && l.unitAt(b, i) > i:
			return end, count
		case upper(b, i):
			count++
			end = stopAt
		case c.any(joiner) && (count > 0 || lower):
		case lower && !c.any(stop):
			count++
			end = stopAt
		default:
			return end, count
		}
		next := nextWord(b, stopAt, stopAt-i <= 3)
		if next == stopAt {
			break
		}
		i = next
	}
	return end, count
}

// numberBefore takes in a number that stands alone before a street.
func (l *lexicon) numberBefore(b []byte, s *site) int {
	i := s.start
	if i < 2 || b[i-1] != ' ' || !digit(b[i-2]) {
		return i
	}
	j := i - 1
	for j > 0 && digit(b[j-1]) {
		j--
	}
	if i-j > maxHouse || j > 0 && b[j-1] != ' ' && b[j-1] != '\n' && b[j-1] != ':' {
		return i
	}
	s.proof |= byFrame
	return l.unitBefore(b, j)
}

// roomBefore takes in a unit before a house number: Suite 809, 2 Grant Street.
func (l *lexicon) roomBefore(b []byte, i int) int {
	end := i
	for end > 0 && i-end < 3 && (b[end-1] == ' ' || b[end-1] == ',' || b[end-1] == '\n') {
		end--
	}
	if end == i || end == 0 {
		return i
	}
	start := end
	for start > 0 && end-start < 5 && digit(b[start-1]) {
		start--
	}
	if start == end {
		return i
	}
	return pick(l.unitBefore(b, start) < start, l.unitBefore(b, start), i)
}

// crossed takes in the other street of "Pine and 12 Main Street" where words like "lives at" lead to it.
func (l *lexicon) crossed(b []byte, i int) int {
	if i < 5 || b[i-1] != ' ' {
		return i
	}
	and := wordStart(b, i-1)
	if !literal(b, and, "and ") && !literal(b, and, "& ") || and < 2 || b[and-1] != ' ' {
		return i
	}
	start := wordStart(b, and-1)
	if start > 1 && b[start-1] == '-' {
		start = wordStart(b, start-1)
	}
	return pick(upper(b, start) && l.placeLed(b, start), start, i)
}

// placeLed reports that words like "lives at" stand before i.
func (l *lexicon) placeLed(b []byte, i int) bool {
	end := i
	for end > 0 && i-end < 8 && (b[end-1] == ' ' || b[end-1] == ':' || b[end-1] == '\n' || b[end-1] == '"' || b[end-1] == ',') {
		end--
	}
	start := wordStart(b, end)
	if start == end {
		return false
	}
	_, h := word(b, start)
	_, ok := l.led(b, start, h, placeLead)
	return ok
}
