// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// letters says how a byte of ASCII is folded; 0 is no letter.
var letters = func() (table [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		table[c], table[c-'a'+'A'] = c, c
	}
	return table
}()

// folds holds what U+0080 to U+024F are folded to, at most two bytes each.
var folds = sync.OnceValue(func() *[0x250][]byte {
	var table [0x250][]byte
	for r := rune(0x80); r < 0x250; r++ {
		if unicode.IsLetter(r) {
			table[r] = span.Fold(nil, string(r))
		}
	}
	return &table
})

// dense reports a letter of a script without spaces that addresses and terms are known in: Han, Kana.
func dense(r rune) bool {
	return r >= 0x3005 && r <= 0x3007 || r >= 0x3041 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xf900 && r <= 0xfaff || r >= 0x20000 && r <= 0x3ffff
}

// glyph reads a letter: its folded form, appended to dst, and its size; a size of 0 says that none stands there.
func glyph(dst, b []byte) (folded []byte, size int) {
	if c := letters[b[0]]; c != 0 {
		return append(dst, c), 1
	}
	if b[0] < utf8.RuneSelf {
		return dst, 0
	}
	r, size := utf8.DecodeRune(b)
	switch {
	case r < 0x250:
		if f := folds()[r]; len(f) > 0 {
			return append(dst, f...), size
		}
		return dst, 0
	case dense(r):
		return dst, 0
	case r >= 0x300 && r < 0x370 || unicode.Is(unicode.Mn, r):
		return dst, size
	case unicode.IsLetter(r):
		return utf8.AppendRune(dst, unicode.ToLower(r)), size
	}
	return dst, 0
}

const hashSeed = 14695981039346656037

// step is FNV-1a with 64 bits.
func step(h uint64, c byte) uint64 { return (h ^ uint64(c)) * 1099511628211 }

func hash(s string) uint64 {
	h := uint64(hashSeed)
	for i := range len(s) {
		h = step(h, s[i])
	}
	return h
}

// maxWord is how many bytes of a word are looked at.
const maxWord = 48

// word reads the letters from i on: their end and their hash when folded.
func word(b []byte, i int) (end int, h uint64) {
	h = hashSeed
	var room [utf8.UTFMax]byte
	for limit := min(len(b), i+maxWord); i < limit; {
		if c := letters[b[i]]; c != 0 {
			h = step(h, c)
			i++
			continue
		}
		if b[i] < utf8.RuneSelf {
			break
		}
		f, size := glyph(room[:0], b[i:])
		if size == 0 {
			break
		}
		for _, c := range f {
			h = step(h, c)
		}
		i += size
	}
	return i, h
}

// wordStart gives where the letters that end at i begin.
func wordStart(b []byte, i int) int {
	var room [utf8.UTFMax]byte
	for limit := max(0, i-maxWord); i > limit; {
		if letters[b[i-1]] != 0 {
			i--
			continue
		}
		if b[i-1] < utf8.RuneSelf {
			break
		}
		_, size := utf8.DecodeLastRune(b[:i])
		if _, n := glyph(room[:0], b[i-size:i]); n == 0 {
			break
		}
		i -= size
	}
	return i
}

// class of the word from i on, and its end.
func (l *lexicon) class(b []byte, i int) (end int, c class) {
	end, h := word(b, i)
	if end == i {
		return i, 0
	}
	return end, l.words.at(h)
}

// fold appends the letters of b, folded; each other byte is a space, and of two spaces one stays.
func fold(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		f, size := glyph(dst, b[i:])
		if size > 0 {
			dst, i = f, i+size
			continue
		}
		c := b[i]
		if c >= '0' && c <= '9' || c >= utf8.RuneSelf {
			dst = append(dst, c)
		} else if len(dst) > 0 && dst[len(dst)-1] != ' ' {
			dst = append(dst, ' ')
		}
		i++
	}
	return dst
}

// follows reports whether the rest of a phrase (folded, words parted by one space) stands from i on, and where it ends. In the
// text a space, a hyphen, an apostrophe, a slash or a period with or without a space parts words.
func follows(b []byte, i int, rest string) (end int, ok bool) {
	var room [utf8.UTFMax]byte
	for len(rest) > 0 {
		if i >= len(b) {
			return i, false
		}
		if rest[0] == ' ' {
			n := gap(b[i:])
			if n == 0 {
				return i, false
			}
			i, rest = i+n, rest[1:]
			continue
		}
		f, size := glyph(room[:0], b[i:])
		if size == 0 {
			f, size = append(f, b[i]), 1
		}
		if len(f) > len(rest) || rest[:len(f)] != string(f) {
			return i, false
		}
		i, rest = i+size, rest[len(f):]
	}
	return i, !inWord(b, i)
}

// gap gives the length of what parts two words at the beginning of b.
func gap(b []byte) int {
	switch {
	case b[0] == ' ' || b[0] == '-' || b[0] == '\'' || b[0] == '/':
		return 1
	case b[0] == '.' && len(b) > 1 && b[1] == ' ':
		return 2
	case b[0] == '.':
		return 1
	}
	return 0
}

// inWord reports a letter or a digit of a script with spaces at i.
func inWord(b []byte, i int) bool {
	if i >= len(b) {
		return false
	}
	var room [utf8.UTFMax]byte
	_, size := glyph(room[:0], b[i:])
	return size > 0 || digit(b[i])
}

// led reports whether a phrase of the meaning ends at end, where a word of hash h began at start.
func (l *lexicon) led(b []byte, start int, h uint64, mean meaning) (at int, ok bool) {
	for _, e := range l.leads[h] {
		if e.mean != mean {
			continue
		}
		if at, ok := preceded(b, start, e.rest); ok {
			return at, true
		}
	}
	return 0, false
}

// preceded is follows backwards: rest ends with the space that parts it from what begins at i.
func preceded(b []byte, i int, rest string) (start int, ok bool) {
	for len(rest) > 0 {
		cut := len(rest) - 1
		for cut > 0 && rest[cut-1] != ' ' {
			cut--
		}
		j := i
		for j > 0 && i-j < 2 && (b[j-1] == ' ' || b[j-1] == '-' || b[j-1] == '\'' || b[j-1] == '.' || b[j-1] == '/') {
			j--
		}
		if j == i {
			return i, false
		}
		begin := wordStart(b, j)
		if end, h := word(b, begin); end != j || h != hash(rest[cut:len(rest)-1]) {
			return i, false
		}
		i, rest = begin, rest[:cut]
	}
	return i, i == 0 || !digit(b[i-1])
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// upper reports a capital letter at i.
func upper(b []byte, i int) bool {
	if i >= len(b) {
		return false
	}
	if b[i] < utf8.RuneSelf {
		return b[i] >= 'A' && b[i] <= 'Z'
	}
	r, _ := utf8.DecodeRune(b[i:])
	return unicode.IsUpper(r)
}

// digits gives the end of the digits from i on and their value, up to nine of them.
func digits(b []byte, i int) (end, value int) {
	for end = i; end < len(b) && end < i+24 && digit(b[end]); end++ {
		if end < i+9 {
			value = value*10 + int(b[end]-'0')
		}
	}
	return end, value
}

// phraseAt gives the longest phrase of one of the meanings from i on.
func (l *lexicon) phraseAt(b []byte, i int, of ...meaning) (end int, mean meaning) {
	stopAt, h := word(b, i)
	if stopAt == i || !l.words.at(h).any(phrase) {
		return 0, 0
	}
	return l.longest(b, stopAt, h, of)
}

func (l *lexicon) longest(b []byte, after int, h uint64, of []meaning) (end int, mean meaning) {
	for _, e := range l.phrases[h] {
		if !contains(of, e.mean) {
			continue
		}
		if stop, ok := follows(b, after, e.rest); ok && stop > end {
			end, mean = stop, e.mean
		}
	}
	return end, mean
}

func contains(of []meaning, m meaning) bool {
	for _, x := range of {
		if x == m {
			return true
		}
	}
	return false
}
