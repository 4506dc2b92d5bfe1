// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/locale"
	"github.com/nymstream/nymstream/internal/detect/nationalid"
	"github.com/nymstream/nymstream/internal/detect/phone"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// leaf appends what begins at a byte of the text, or around it.
type leaf func(dst []span.Found, t *span.Text, at int) []span.Found

// leaves are the recognizers of other packages.
var leaves = struct{ phone, id, numeric, word leaf }{phone.Find, nationalid.Find, locale.Numeric, locale.Word}

// localKinds are the kinds that package locale finds.
const localKinds = 1<<span.Birth | 1<<span.Age | 1<<span.Geo | 1<<span.Address | 1<<span.Health | 1<<span.Finance

// locale looks at the word of letters at i, unless it goes on another one. It gives where a sure finding ends, 0 for none.
func (s *Scanner) locale(i int) int {
	if s.d.kinds&localKinds == 0 || i > 0 && s.text.Bytes[i-1] >= utf8.RuneSelf && s.afterLetter(i) {
		return 0
	}
	n := len(s.found)
	s.found = leaves.word(s.found, &s.text, i)
	if len(s.found) == n {
		return 0
	}
	return s.strong(n)
}

// afterLetter reports a letter of the same script before i.
func (s *Scanner) afterLetter(i int) bool {
	r, _ := utf8.DecodeLastRune(s.text.Bytes[:i])
	next, _ := utf8.DecodeRune(s.text.Bytes[i:])
	return unicode.IsLetter(r) && span.Dense(r) == span.Dense(next)
}
