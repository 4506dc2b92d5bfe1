// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"strings"
	"unicode/utf8"
)

// extensions begin the number of an extension, in lower case; longer ones first.
var extensions = [...]string{
	"extension", "extensión", "extensao", "extensão", "durchwahl", "apparaat", "interno", "poste", "anexo", "ramal", "toestel", "доб.", "доб", "ext.", "ext",
	"wewn.", "wew.", "dw.", "dw", "int.", "内线", "內線", "分机", "分機", "转", "轉", "내선", "x.", "x", "#",
}

// begin holds a bit for each ASCII byte that may begin one.
var begin = func() (set [2]uint64) {
	for _, w := range extensions {
		for _, c := range []byte{w[0], w[0] &^ 0x20} {
			if c < utf8.RuneSelf && (letter(c) || c == w[0]) {
				set[c/64] |= 1 << (c % 64)
			}
		}
	}
	return set
}()

const maxExtension = 7 // digits (RFC 3966 sets no limit; libphonenumber takes so many behind "x")

// extension gives where the extension behind a number that ends at b[end-1] ends; end where there is none.
func extension(b []byte, end int) int {
	i := end
	for i < min(end+2, len(b)) && (b[i] == ' ' || b[i] == ',' || b[i] == ';') {
		i++
	}
	if i == len(b) || b[i] < utf8.RuneSelf && begin[b[i]/64]&(1<<(b[i]%64)) == 0 {
		return end
	}
	word := 0
	for _, w := range extensions {
		if len(b)-i > len(w) && folded(b[i:i+len(w)], w) {
			word = len(w)
			break
		}
	}
	if word == 0 {
		return end
	}
	spaced := i > end
	i += word
	for n := 0; n < 2 && i < len(b) && (b[i] == ' ' || b[i] == '=' || b[i] == ':' || b[i] == '.'); n++ {
		i++
	}
	first := i
	for i < len(b) && digit(b[i]) && i-first <= maxExtension {
		i++
	}
	switch {
	case i == first || i-first > maxExtension, i < len(b) && (letter(b[i]) || b[i] == '_' || b[i] == '@'):
		return end
	case spaced && word == 1 && i-first < 2: // "x 2" and "#1" have other meanings
		return end
	}
	return i
}

// folded reports whether text is the lower-case word but for case (of ASCII).
func folded(text []byte, word string) bool {
	if text[0]|0x20 != word[0]|0x20 {
		return false
	}
	return strings.EqualFold(string(text), word)
}
