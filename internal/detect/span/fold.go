// SPDX-License-Identifier: Apache-2.0

package span

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ascii folds ASCII letters to lower case; 0 is no letter.
var ascii = func() (table [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		table[c], table[c-'a'+'A'] = c, c
	}
	return table
}()

// folded holds what letters of U+0080 to U+024F are read as: without accents, in lower case.
var folded = func() (table [0x250]string) {
	special := map[rune]string{'ß': "ss", 'æ': "ae", 'Æ': "ae", 'ø': "o", 'Ø': "o", 'đ': "d", 'Đ': "d", 'ł': "l", 'Ł': "l", 'œ': "oe", 'Œ': "oe", 'ı': "i", 'þ': "th", 'Þ': "th", 'ð': "d", 'Ð': "d"}
	for r := rune(0); r < 0x250; r++ {
		if s, ok := special[r]; ok {
			table[r] = s
			continue
		}
		if unicode.IsLetter(r) {
			base := []rune(norm.NFD.String(string(r)))[0]
			table[r] = string(unicode.ToLower(base))
		}
	}
	return table
}()

// greek and additional hold what letters of U+0370 to U+03FF (a sigma at the end of a word as any other) and of U+1E00 to U+1FFF
// (Vietnamese, Greek with breathings) are read as.
var greek, additional = plainLetters(0x370, 0x400), plainLetters(0x1e00, 0x2000)

func plainLetters(from, to rune) []rune {
	table := make([]rune, to-from)
	for i := range table {
		table[i] = unicode.ToLower([]rune(norm.NFD.String(string(from + rune(i))))[0])
		if table[i] == 'ς' {
			table[i] = 'σ'
		}
	}
	return table
}

// appendFold appends a letter in lower case and without accents; nothing for a combining mark, which is passed over, or no letter.
func appendFold(dst []byte, r rune) []byte {
	switch {
	case r < 0x250:
		return append(dst, folded[r]...)
	case !unicode.IsLetter(r):
		return dst
	case r >= 0x370 && r < 0x400:
		return utf8.AppendRune(dst, greek[r-0x370])
	case r >= 0x1e00 && r < 0x2000:
		return utf8.AppendRune(dst, additional[r-0x1e00])
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}

// AppendFold appends a letter in lower case and without accents. For what is no letter it appends nothing.
func AppendFold(dst []byte, r rune) []byte { return appendFold(dst, r) }

// Mark reports a combining mark, which folding passes over.
func Mark(r rune) bool { return mark(r) }

// Dense reports a letter of a script that writes words without spaces.
func Dense(r rune) bool { return dense(r) }

// Fold appends text in lower case and without accents, letter by letter; what is no letter stays.
func Fold(dst []byte, text string) []byte {
	for _, r := range text {
		before := len(dst)
		if dst = appendFold(dst, r); len(dst) == before && !mark(r) {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func mark(r rune) bool { return r >= 0x300 && unicode.Is(unicode.M, r) }

// letter reports a letter of a script that parts words by spaces.
func letter(r rune) bool { return unicode.IsLetter(r) && !dense(r) }

// dense reports a letter of a script that writes words without spaces: Han, Kana, Thai, Lao, Khmer; Hangul, whose particles
// follow a word without one, too.
func dense(r rune) bool {
	return r >= 0x2e80 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0x20000 && r <= 0x3ffff || r >= 0xe00 && r <= 0xeff || r >= 0x1780 && r <= 0x17ff
}
