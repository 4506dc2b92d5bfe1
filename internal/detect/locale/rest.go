// SPDX-License-Identifier: Apache-2.0

package locale

import "strings"

// rest reads what follows a street: units, postal codes, places, regions, countries, on the same line or the next ones. It gives
// the end of the last part that is sure.
func (l *lexicon) rest(b []byte, from int, lower bool) (end int, p proof) {
	end = from
	last, seen := proof(0), proof(0) // the part before; a place that a postal code makes sure
	unsure, code := false, proof(0)
	for i, part := from, 0; part < 10; part++ {
		j, sep := separator(b, i, part == 0)
		if sep == 0 || j >= len(b) {
			break
		}
		if e := l.unitAt(b, j); e > j {
			i, end, last = e, e, byUnit
			if !terse(b, j) {
				p |= last
			}
			continue
		}
		if e := l.postalAt(b, j, last); e > j && !(unsure && yearly(b, j, e)) {
			i, end, last, unsure = e, e, byPostcode, false
			p |= last | seen | code
			if e-j > 4 {
				p |= byCode
			}
			continue
		}
		e, c, count := l.place(b, j, lower && sep != ' ')
		if count == 0 {
			break
		}
		i, code = e, 0
		if count == 1 && e-j <= 3 && upper(b, e-1) {
			code = byRegion // where a postal code follows
		}
		switch known := c.any(region | country); {
		case e-j <= 3 && !upper(b, j):
			last = byPlace
			continue
		case known:
			end, last = e, byRegion
		case sep == ',' || sep == '-' || sep == ' ' && last&(byUnit|byPostcode) != 0:
			end, last = e, byPlace
		case sep == '\n' && last&byPostcode != 0:
			if p&byPlace != 0 {
				return end, p
			}
			end, last = e, byPlace
		default: // sure only with a postal code or a region after it
			last, unsure = byPlace, true
			if sep != ' ' {
				seen = byPlace
			}
			continue
		}
		p |= last
	}
	return end, p
}

// terse reports a word of one or two letters without a point at i, which proves nothing: 3 of 14.
func terse(b []byte, i int) bool {
	end, _ := word(b, i)
	return end-i > 0 && end-i < 3 && !(end < len(b) && b[end] == '.')
}

// yearly reports four digits that may be a year.
func yearly(b []byte, i, end int) bool {
	stopAt, value := digits(b, i)
	return stopAt == end && end-i == 4 && value >= 1900 && value <= 2035
}

// separator passes over what may part two parts of an address and gives its main sign; 0 where none stands there.
func separator(b []byte, i int, first bool) (next int, sep byte) {
	limit := min(len(b), i+12)
	if first && i+1 < limit && b[i] == '.' && (b[i+1] == ' ' || b[i+1] == ',' || b[i+1] == '\n') {
		i++
	}
	lines := 0
	for ; i < limit; i++ {
		switch c := b[i]; c {
		case ' ', '\t', '\r':
			if sep == 0 {
				sep = ' '
			}
		case ',', '\n':
			if c == '\n' {
				lines++
			}
			if sep != ',' {
				sep = c
			}
		case '-', '/', '|':
			if sep == ',' || i == 0 || b[i-1] != ' ' || i+1 >= len(b) || b[i+1] != ' ' {
				return i + b2i(c == '-' && sep == 0 && !first), pickByte(sep == 0 && c == '-' && !first && sixDigits(b, i+1), '-')
			}
			sep = '-'
		case '>':
			if sep != '\n' {
				return i, 0
			}
		default:
			return i, pickByte(lines < 3, sep)
		}
	}
	return i, 0
}

// sixDigits reports an Indian postal code at i, which a hyphen joins to its place.
func sixDigits(b []byte, i int) bool {
	end, _ := digits(b, i)
	return end-i == 6
}

func pickByte(ok bool, yes byte) byte {
	if ok {
		return yes
	}
	return 0
}

// unitAt reads a number within a house at i: Apt. 864, Piso 8, 3rd floor, 2º B, #5. It gives i where none stands there.
func (l *lexicon) unitAt(b []byte, i int) int {
	if digitAt(b, i) {
		end, value := digits(b, i)
		stopAt := ordinal(b, end)
		if value == 0 || value > 99 || stopAt == end {
			return i
		}
		j := skip(b, stopAt)
		if e, c := l.class(b, j); e > j && (c.any(unit) || e == j+1 && upper(b, j)) {
			return e
		}
		return i
	}
	if b[i] == '#' {
		end, _ := digits(b, i+1)
		return pick(end > i+1, end, i)
	}
	if literal(b, i, "s/n") || literal(b, i, "S/N") {
		return i + 3
	}
	end, c := l.class(b, i)
	if !c.any(unit) || end-i == 1 && !upper(b, i) {
		return i
	}
	for limit := min(len(b), end+4); end < limit && strings.IndexByte(" .#:", b[end]) >= 0; {
		end++
	}
	stopAt, _ := digits(b, end)
	if stopAt > end {
		stopAt, _ = house(b, stopAt)
		return stopAt
	}
	if e, _ := word(b, end); e == end+1 && !inWord(b, e) && upper(b, end) {
		return e
	}
	return i
}

// postalAt reads a postal code at i; last is what was read before it. It gives i where none stands there.
func (l *lexicon) postalAt(b []byte, i int, last proof) int {
	if e := max(britishAt(b, i), irish(b, i)); e > i {
		return e
	}
	j := i
	for j < len(b) && j < i+2 && b[j] >= 'A' && b[j] <= 'Z' {
		j++
	}
	if j > i && (j >= len(b) || b[j] != '-') {
		return i
	}
	if j > i {
		j++
	}
	end, _ := digits(b, j)
	end = codeEnd(b, j, end, last)
	if end > j && !inWord(b, end) && !(end+1 < len(b) && (b[end] == '-' || b[end] == '.' || b[end] == '/' || b[end] == ' ' && end-j < 5) && digit(b[end+1])) {
		return end
	}
	return i
}

// codeEnd gives the end of a postal code whose first digits are b[i:end]; i where they are none.
func codeEnd(b []byte, i, end int, last proof) int {
	more := func(sep byte, n int) int { // further digits after a separator
		if end < len(b) && b[end] == sep {
			if e, _ := digits(b, end+1); e-end-1 == n {
				return e
			}
		}
		return 0
	}
	switch end - i {
	case 2:
		return max(i, more('-', 3))
	case 3:
		return max(i, more(' ', 2))
	case 4:
		if e := max(more('-', 3), dutch(b, end)); e > 0 {
			return e
		}
		alone := end+2 < len(b) && (b[end] == ',' && upper(b, end+2) || b[end] == '\n' && upper(b, end+1)) && !yearly(b, i, end)
		return pick(alone || last&(byPlace|byRegion) != 0 || end < len(b) && b[end] == ' ' && upper(b, end+1), end, i)
	case 5:
		return max(end, more('-', 4), more('-', 3))
	case 6:
		return end
	case 7, 8:
		return pick(last&(byPlace|byRegion) != 0 || end < len(b) && b[end] == ' ' && upper(b, end+1), end, i)
	}
	return i
}

// dutch reads the two letters of a Dutch postal code after its digits.
func dutch(b []byte, i int) int {
	j := skip(b, i)
	if j+1 < len(b) && b[j] >= 'A' && b[j] <= 'Z' && b[j+1] >= 'A' && b[j+1] <= 'Z' && !inWord(b, j+2) {
		return j + 2
	}
	return 0
}

// place reads the words of a place at i, with the classes they have together: Ancona (AN), Thomasville, northern ireland.
func (l *lexicon) place(b []byte, i int, lower bool) (end int, c class, count int) {
	if b[i] == '(' {
		e, _ := word(b, i+1)
		if e-i-1 == 2 && e < len(b) && b[e] == ')' {
			return e + 1, region, 1
		}
		return i, 0, 0
	}
	if e, first := l.class(b, i); e < len(b) && first.month() != 0 && (b[e] == ',' || digitAt(b, e+1)) {
		return i, 0, 0
	}
	end, count = l.names(b, i, 5, lower)
	if count == 0 {
		if e, c := l.class(b, i); e > i && e-i <= 3 && !c.any(stop) && e < len(b) && (b[e] == '\n' || b[e] == ' ' && digitAt(b, e+1)) { // the code of a region
			return e, 0, 1
		}
		return i, 0, 0
	}
	for j := i; j < end; {
		e, of := l.class(b, j)
		c |= of & (region | country)
		j = max(e, j+1)
	}
	if code := wordStart(b, end); count > 1 && end-code == 2 && upper(b, code) && upper(b, code+1) {
		c |= region
	}
	if literal(b, end, " (") { // a province, a part of a country
		if e, _ := word(b, end+2); e < len(b) && b[e] == ')' && (e == end+4 || c.any(country)) {
			return e + 1, c | region, count
		}
	}
	return end, c, count
}
