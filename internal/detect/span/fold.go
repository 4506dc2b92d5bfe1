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

// appendFold appends a letter in lower case and without accents; nothing for a combining mark, which is passed over, or no letter.
func appendFold(dst []byte, r rune) []byte {
	switch {
	case r < 0x250:
		return append(dst, folded[r]...)
	case !unicode.IsLetter(r):
		return dst
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}

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
