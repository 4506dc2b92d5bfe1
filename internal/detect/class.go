// SPDX-License-Identifier: Apache-2.0

package detect

// Classes of bytes: bits.
const (
	digit uint8 = 1 << iota
	lower
	upper
	hexLetter // a to f in either case
	under
	high // part of a rune beyond ASCII
	local
	inURL
)

// Classes that belong together.
const (
	letter = lower | upper
	alnum  = letter | digit
	wordy  = alnum | under // a word of ASCII
)

// class gives the classes of each byte.
var class = func() (table [256]uint8) {
	for i := range table {
		c := byte(i)
		switch {
		case c >= '0' && c <= '9':
			table[i] = digit
		case c >= 'a' && c <= 'z':
			table[i] = lower
		case c >= 'A' && c <= 'Z':
			table[i] = upper
		case c == '_':
			table[i] = under
		case c >= 0x80:
			table[i] = high
		}
		if c|32 >= 'a' && c|32 <= 'f' {
			table[i] |= hexLetter
		}
		if c > ' ' && c < 0x7f {
			table[i] |= inURL
		}
	}
	for c := range table {
		if table[c]&wordy != 0 {
			table[c] |= local
		}
	}
	for _, c := range []byte("!#$%&'*+-/=?^`{|}~.") { // RFC 5322, 3.2.3
		table[c] |= local
	}
	for _, c := range []byte("<>\"`{}|\\^") { // RFC 3986 has them encoded
		table[c] &^= inURL
	}
	return table
}()

// isIn reports whether the byte at i is of a class; beyond the ends it is of none.
func isIn(b []byte, i int, classes uint8) bool {
	return i >= 0 && i < len(b) && class[b[i]]&classes != 0
}

// at gives the byte at i; beyond the ends 0.
func at(b []byte, i int) byte {
	if i >= 0 && i < len(b) {
		return b[i]
	}
	return 0
}

// run gives the end of the run of classes from i on, at most limit bytes.
func run(b []byte, i int, classes uint8, limit int) int {
	end := min(len(b), i+limit)
	for i < end && class[b[i]]&classes != 0 {
		i++
	}
	return i
}

// allHex reports that a word is of hexadecimal digits.
func allHex(b []byte) bool {
	for _, c := range b {
		if class[c]&(digit|hexLetter) == 0 {
			return false
		}
	}
	return len(b) > 0
}

func lowered(c byte) byte {
	if class[c]&upper != 0 {
		return c | 32
	}
	return c
}

// hasPrefixFold reports whether b begins with a prefix of lower-case ASCII, in any case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lowered(b[i]) != prefix[i] {
			return false
		}
	}
	return true
}
