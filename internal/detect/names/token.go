// SPDX-License-Identifier: Apache-2.0

package names

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// shape is how a token is written.
type shape uint8

const (
	none       shape = iota // beyond the text's ends
	lower                   // word
	title                   // Word
	upper                   // WORD
	initial                 // W
	mixed                   // McCoy, iPhone, ChristianBale
	numbered                // letters with digits
	uncased                 // letters of a script without case
	number                  // 12
	mention                 // @name
	hashtag                 // #name
	link                    // URL, e-mail
	stop                    // . ! ?
	newline                 // a break of lines
	comma                   // , ;
	colon                   // :
	hyphen                  // -
	quote                   // " ' and their kind
	paren                   // ( ) [ ]
	apostrophe              // 's n't
	symbol                  // all else
	dense                   // a letter of a script without spaces
	shapes
)

// Token is a word or a sign of a text: its bytes are Start to End.
type Token struct {
	Start, End int32
	hash       uint32 // of the folded word; the character itself where the shape is dense
	head, tail uint32 // hashes of the first and last three letters
	ending     uint32 // of the last two letters
	entry      Entry
	shape      shape
	parts      uint8 // what lists say of the names it is put together from; 0 is nothing
	foreign    bool  // not in Latin letters
	echo       bool  // begins like a mention in the text
	candidate  bool  // may be of a name
}

const (
	fnvSeed  = 2166136261
	fnvPrime = 16777619
)

// Classes of bytes.
const (
	isLower = 1 << iota
	isUpper
	isDigit
	isUnder
	isHigh // of a letter that is not ASCII
	isWord = isLower | isUpper | isDigit | isUnder | isHigh
)

var classes = func() (table [256]uint8) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z':
			table[c] = isLower
		case c >= 'A' && c <= 'Z':
			table[c] = isUpper
		case c >= '0' && c <= '9':
			table[c] = isDigit
		case c == '_':
			table[c] = isUnder
		case c >= utf8.RuneSelf:
			table[c] = isHigh
		}
	}
	return table
}()

// folds holds what letters below U+0250 are read as: in lower case and without accents.
var folds = sync.OnceValue(func() *[0x250]string {
	var table [0x250]string
	for r := range table {
		table[r] = string(span.Fold(nil, string(rune(r))))
	}
	return &table
})

// foldHash is FNV-1a of a word in lower case and without accents.
func foldHash(word string) uint32 {
	h := uint32(fnvSeed)
	for _, c := range span.Fold(nil, word) {
		h = (h ^ uint32(c)) * fnvPrime
	}
	return h
}

// tokenize appends the text's tokens.
func tokenize(dst []Token, b []byte) []Token {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == '\n':
			dst = append(dst, Token{Start: int32(i), End: int32(i + 1), shape: newline})
			i++
		case c <= ' ':
			i++
		case classes[c]&isWord != 0:
			dst, i = appendWord(dst, b, i)
		case (c == '@' || c == '#') && i+1 < len(b) && classes[b[i+1]]&isWord != 0:
			end := i + 1
			for end < len(b) && classes[b[end]]&isWord != 0 {
				end++
			}
			kind := mention
			if c == '#' {
				kind = hashtag
			}
			dst = append(dst, Token{Start: int32(i), End: int32(end), hash: uint32(c), shape: kind})
			i = end
		case c == '\'' && contraction(b, i) > 0:
			end := i + contraction(b, i)
			dst = append(dst, Token{Start: int32(i), End: int32(end), hash: fnvSeed ^ uint32(b[i+1]|0x20), shape: apostrophe})
			i = end
		default:
			dst = append(dst, Token{Start: int32(i), End: int32(i + 1), hash: uint32(c) * fnvPrime, shape: signs[c]})
			i++
		}
	}
	return dst
}

var signs = func() (table [256]shape) {
	for c := range table {
		table[c] = symbol
	}
	for _, group := range []struct {
		chars string
		shape shape
	}{{".!?", stop}, {",;", comma}, {":", colon}, {"-", hyphen}, {"\"'`", quote}, {"()[]", paren}} {
		for _, c := range []byte(group.chars) {
			table[c] = group.shape
		}
	}
	return table
}()

// contraction gives the length of 's, 're, 'll and their kind at an apostrophe, 0 for none.
func contraction(b []byte, i int) int {
	n := 1
	for n < 4 && i+n < len(b) && classes[b[i+n]]&isWord != 0 {
		n++
	}
	switch n {
	case 2:
		switch b[i+1] | 0x20 {
		case 's', 't', 'm', 'd':
			return n
		}
	case 3:
		switch string(b[i+1 : i+3]) {
		case "re", "ll", "ve", "RE", "LL", "VE":
			return n
		}
	}
	return 0
}

// appendWord reads the word at i, or the link that begins with it, and gives its end.
func appendWord(dst []Token, b []byte, i int) ([]Token, int) {
	if b[i] >= utf8.RuneSelf {
		if r, size := utf8.DecodeRune(b[i:]); isDense(r) || !unicode.IsLetter(r) {
			t := Token{Start: int32(i), End: int32(i + size), shape: symbol, hash: uint32(r) * fnvPrime}
			switch {
			case unicode.IsLetter(r):
				t.shape, t.hash = dense, uint32(r)
			case unicode.Is(unicode.Pi, r) || unicode.Is(unicode.Pf, r):
				t.shape = quote
			}
			if unicode.IsMark(r) || r == 0xfe0f || r == 0x200d {
				return dst, i + size
			}
			return append(dst, t), i + size
		}
	}
	t, end := readWord(b, i)
	if stop := linkEnd(b, i, end); stop > end {
		return append(dst, Token{Start: int32(i), End: int32(stop), shape: link}), stop
	}
	if n := end - i; n > 3 && end+1 < len(b) && b[end] == '\'' && b[end-1]|0x20 == 'n' && b[end+1]|0x20 == 't' { // do n't
		t, end = readWord(b[:end-1], i)
		dst = append(dst, t)
		return append(dst, Token{Start: int32(end), End: int32(end + 3), hash: fnvSeed ^ 't', shape: apostrophe}), end + 3
	}
	return append(dst, t), end
}

// linkEnd gives where a link that begins with the word from i to end does end: at a space. It gives end where none begins.
func linkEnd(b []byte, i, end int) int {
	if end >= len(b) {
		return end
	}
	word := b[i:end]
	switch {
	case b[end] == ':' && end+2 < len(b) && b[end+1] == '/' && b[end+2] == '/':
	case b[end] == '@' && end+1 < len(b) && classes[b[end+1]]&isWord != 0:
	case b[end] == '.' && (string(word) == "www" || string(word) == "WWW"):
	case b[end] != ' ' && mail(b[end:]):
	default:
		return end
	}
	for end < len(b) && b[end] > ' ' && b[end] < utf8.RuneSelf && b[end] != ',' && b[end] != ')' && b[end] != '"' {
		end++
	}
	return end
}

// mail reports whether an @ follows before a space: first.last@example.com.
func mail(b []byte) bool {
	for _, c := range b[:min(len(b), 40)] {
		if c == '@' {
			return true
		}
		if classes[c]&isWord == 0 && c != '.' && c != '-' && c != '+' {
			return false
		}
	}
	return false
}

// readWord reads letters and digits, and an apostrophe inside a name (O'Neill).
func readWord(b []byte, i int) (Token, int) {
	t := Token{Start: int32(i), hash: fnvSeed}
	var ring [4]uint32 // the last folded bytes
	var seen uint8
	n, uppers, count, first := 0, 0, 0, uint8(0)
	table := folds()
letters:
	for i < len(b) {
		c := b[i]
		class := classes[c]
		switch {
		case class&(isLower|isDigit|isUnder) != 0:
			ring[n&3] = uint32(c)
			t.hash = (t.hash ^ uint32(c)) * fnvPrime
			n++
			i++
		case class&isUpper != 0:
			ring[n&3] = uint32(c | 0x20)
			t.hash = (t.hash ^ uint32(c|0x20)) * fnvPrime
			uppers++
			n++
			i++
		case c == '\'' && count == 1 && uppers == 1 && i+1 < len(b) && classes[b[i+1]]&(isUpper|isHigh) != 0:
			i++
			continue
		case class&isHigh != 0:
			r, size := utf8.DecodeRune(b[i:])
			if isDense(r) || !unicode.IsLetter(r) && !unicode.IsMark(r) {
				break letters
			}
			i += size
			switch {
			case unicode.IsMark(r):
				continue
			case unicode.IsUpper(r):
				uppers++
				class = isUpper
			case !unicode.IsLower(r):
				class |= isUnder // no case
			default:
				class = isLower
			}
			if r < 0x250 {
				for _, f := range []byte(table[r]) {
					ring[n&3] = uint32(f)
					t.hash = (t.hash ^ uint32(f)) * fnvPrime
					n++
				}
			} else {
				t.foreign = t.foreign || r < 0x1e00 || r > 0x1eff // Vietnamese is Latin
				ring[n&3] = uint32(unicode.ToLower(r))
				var room [utf8.UTFMax]byte
				for _, f := range utf8.AppendRune(room[:0], unicode.ToLower(r)) {
					t.hash = (t.hash ^ uint32(f)) * fnvPrime
				}
				n++
			}
		default:
			break letters
		}
		if count == 0 {
			first = class
		}
		count++
		if count == 3 {
			t.head = t.hash
		}
		seen |= class
	}
	t.End = int32(i)
	t.shape = shapeOf(first, seen, uppers, count)
	t.ending = ring[(n-1)&3]<<8 ^ ring[(n-2)&3]
	t.tail = t.ending<<8 ^ ring[(n-3)&3]
	if count < 3 {
		t.head = t.hash
	}
	return t, i
}

// shapeOf gives the shape of a word with these classes of characters.
func shapeOf(first, seen uint8, uppers, letters int) shape {
	switch {
	case seen == isDigit:
		return number
	case seen&isDigit != 0:
		return numbered
	case seen&isHigh != 0:
		return uncased
	case uppers == 0:
		return lower
	case letters == 1:
		return initial
	case uppers == letters:
		return upper
	case uppers == 1 && first&isUpper != 0:
		return title
	}
	return mixed
}

// isDense reports a letter of a script that parts no words by spaces.
func isDense(r rune) bool {
	return r >= 0x2e80 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0x20000 && r <= 0x3ffff || r >= 0xe00 && r <= 0xeff || r >= 0x1780 && r <= 0x17ff
}
