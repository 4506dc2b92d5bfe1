// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"unicode"
	"unicode/utf8"
)

// begins reports whether a number may begin at b[at]: no word, sum, path or longer number is cut. joined says that digits and a
// space precede it.
func begins(b []byte, at int) (joined, ok bool) {
	if at == 0 {
		return false, true
	}
	before := byte(' ')
	if at > 1 {
		before = b[at-2]
	}
	c := b[at-1]
	switch {
	case letter(c):
		return false, b[at] == '+'
	case digit(c):
		return false, false
	case c == ' ':
		return digit(before), true
	case c == '(':
		return false, !closes(b, at)
	case c == '-' || c == '.' || c == ',' || c == ':' || c == '/' || c == ')':
		return false, !digit(before) && (c != '-' && c != '/' || !letter(before))
	case c == '+' || c == '@' || c == '#' || c == '$' || c == '%' || c == '_' || c == '^' || c == '~' || c == '&':
		return false, false
	case c >= utf8.RuneSelf:
		r, _ := utf8.DecodeLastRune(b[max(0, at-utf8.UTFMax):at])
		return false, !unicode.Is(unicode.Sc, r) && r != '№' && (!unicode.IsLetter(r) || r >= 0x0e00)
	}
	return false, true
}

// closes reports whether only digits stand between b[at] and a closing parenthesis: the number began before.
func closes(b []byte, at int) bool {
	for i := at; i < min(at+6, len(b)); i++ {
		if b[i] == ')' {
			return true
		}
		if !digit(b[i]) {
			return false
		}
	}
	return false
}

// ends reports whether a number may end before b[end]: no word, decimal, time, sum or longer number is cut. loose takes a number
// that a space or slash parts from further digits.
func ends(b []byte, end int, loose bool) bool {
	if end == len(b) {
		return true
	}
	after := byte(' ')
	if end+1 < len(b) {
		after = b[end+1]
	}
	switch c := b[end]; {
	case letter(c), digit(c), c == '_', c == '@', c == '%', c == '=', c == '$', c == '\'':
		return false
	case c == '-' && letter(after): // a word, and no more of an identifier
		return end+3 < len(b) && letter(b[end+2]) && letter(b[end+3])
	case c == '/' && loose:
		return true
	case c == ',' && digit(after): // a list, but no decimal
		return end+5 < len(b) && digit(b[end+2]) && digit(b[end+3]) && digit(b[end+4]) && digit(b[end+5])
	case c == '-' || c == '.' || c == ':' || c == '/' || c == '+' || c == '*':
		return !digit(after)
	case c == ' ':
		return (loose || !digit(after)) && !money(b[end+1:])
	case c >= utf8.RuneSelf:
		r, _ := utf8.DecodeRune(b[end:])
		return !money(b[end:]) && r != '°' && (!unicode.IsLetter(r) || r >= 0x0e00)
	}
	return true
}

// money reports a currency sign, or a sign of a share.
func money(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return r == '%' || r >= utf8.RuneSelf && unicode.Is(unicode.Sc, r) || r == '$' && (len(b) == 1 || !letter(b[1]))
}

// otherwise reports groups of another meaning: a date, an address of the Internet, years, hours, a decimal, a sum with separators of
// thousands, a US social security number, a round sum.
func (n *number) otherwise(size int) bool {
	same := size > 1 && n.parted(n.groups[1].gap, size)
	gap := n.groups[1].gap
	switch {
	case size > 3 && n.parted('.', 4) && n.digits[0] != 0 && max(n.value(0), n.value(1), n.value(2), n.value(3)) < 256:
		return true
	case n.dated(size), n.years(size), n.round(size):
		return true
	case n.groups[0].paren || !same:
		return size > 1 && !n.groups[0].paren && !n.groups[1].paren && n.pairs(size) // hours, results
	case size == 2 && gap == '.', size > 2 && gap == '/':
		return true
	}
	return gap == '.' && n.thousands(size) || gap == '-' && n.sized(size, 3, 2, 4)
}

// years reports groups that are all years.
func (n *number) years(size int) bool {
	for g := range size {
		if n.len(g) != 4 || !year(n.value(g)) {
			return false
		}
	}
	return size > 1
}

// round reports a number that ends with three zeros and is short, or in groups of thousands.
func (n *number) round(size int) bool {
	end := int(n.groups[size-1].digits)
	if end < 4 || n.digits[end-1]|n.digits[end-2]|n.digits[end-3] != 0 {
		return false
	}
	return size == 1 && end < 8 || n.len(0) < 3 && n.thousands(size)
}

// pairs reports up to four groups of up to two digits.
func (n *number) pairs(size int) bool {
	for g := range size {
		if n.len(g) > 2 {
			return false
		}
	}
	return size < 5
}

// mixed reports groups that signs of three kinds part, or dots and others, as identifiers are written.
func (n *number) mixed(size int) bool {
	kinds, dots := 0, false
	for g := 1; g < size; g++ {
		gap := n.groups[g].gap
		dots = dots || gap == '.'
		for h := 1; ; h++ {
			if h == g {
				kinds++
			}
			if n.groups[h].gap == gap {
				break
			}
		}
	}
	return kinds > 2 || kinds > 1 && dots
}

// dated reports a date at the beginning: day, month and year parted by the same sign, in any usual order.
func (n *number) dated(size int) bool {
	if size < 3 || n.groups[1].gap != n.groups[2].gap || n.groups[1].gap == ' ' || size > 3 && n.groups[3].gap == n.groups[1].gap {
		return false
	}
	a, b, c := n.value(0), n.value(1), n.value(2)
	if n.len(1) > 2 {
		return false
	}
	if n.len(0) == 4 {
		return n.len(2) <= 2 && a >= 1000 && a < 2200 && monthDay(b, c)
	}
	if n.len(0) > 2 || n.len(2) != 2 && n.len(2) != 4 || n.len(2) == 4 && !year(c) {
		return false
	}
	return monthDay(a, b) || monthDay(b, a)
}

func monthDay(m, d int) bool { return m >= 1 && m <= 12 && d >= 1 && d <= 31 }

func year(v int) bool { return v >= 1800 && v < 2200 }

// thousands reports groups of three digits behind a first of one to three that is no zero.
func (n *number) thousands(size int) bool {
	for g := 1; g < size; g++ {
		if n.len(g) != 3 {
			return false
		}
	}
	return size > 1 && n.len(0) <= 3 && n.digits[0] != 0
}
