// SPDX-License-Identifier: Apache-2.0

// Package locale finds in text what each language writes in its own way: dates of birth, ages, coordinates, postal addresses, and
// words of health and of money.
package locale

import "github.com/nymstream/nymstream/internal/detect/span"

// Numeric appends what stands around a number whose first digit is at `at`: a date, an age, a pair of coordinates, an address, an
// amount. A finding may begin before at (a street before its number) but always covers it. It looks at most at a few hundred
// bytes around.
func Numeric(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	if at > 0 && (letters[b[at-1]] != 0 || digit(b[at-1]) || within(b, at)) {
		return dst
	}
	end, value := digits(b, at)
	n := number{start: at, end: end, value: value}
	if end+1 < len(b) && b[end] == ':' && digit(b[end+1]) { // a time
		return dst
	}
	if end < len(b) {
		if found, ok := coordinates(t, n); ok {
			return append(dst, found)
		}
	}
	if found, ok := birth(t, n); ok {
		return append(dst, found)
	}
	l := words()
	if found, ok := l.age(t, n); ok {
		return append(dst, found)
	}
	if found, ok := l.address(t, n); ok {
		return append(dst, found)
	}
	if found, ok := l.amount(t, n); ok {
		return append(dst, found)
	}
	return dst
}

// number is a run of digits.
type number struct{ start, end, value int }

func (n number) len() int { return n.end - n.start }

// within reports that the digits at `at` go on a number that began before: 3.14, 1990-02.
func within(b []byte, at int) bool {
	if at < 2 || !digit(b[at-2]) {
		return false
	}
	switch b[at-1] {
	case '.', ',', '-', '/', ':', '\'':
		return true
	}
	return false
}

// Word appends what begins at the word at `at`: an address without a number before it, words of health and of money. In a script
// without spaces it reads the whole run of letters once, from its first letter.
func Word(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	l := words()
	end, h := word(b, at)
	if end == at {
		return l.run(dst, t, at)
	}
	if end < len(b) && digit(b[end]) {
		return postcode(dst, t, at)
	}
	if !l.begins(h) {
		return dst
	}
	return l.term(dst, t, at, end, h)
}
