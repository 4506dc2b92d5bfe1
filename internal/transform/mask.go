// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"unicode/utf8"
)

// End is one end of a text.
type End uint8

const (
	AtEnd End = iota
	AtStart
)

// stars stand for what is masked. There are always eight: their number would give the length away.
const stars = "********"

type mask struct {
	keep int
	at   End
}

// NewMask keeps the first or last keep characters (code points) of a text and puts eight stars in place of the others, however many
// they are. A text of keep characters or fewer is masked whole. Numbers are masked as the text they are; the result is a string.
func NewMask(keep int, at End) (Technique, error) {
	if keep < 0 || at > AtStart {
		return nil, fmt.Errorf("mask: cannot keep %d characters", keep)
	}
	return mask{keep, at}, nil
}

func (t mask) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if v.Kind != String && v.Kind != Number {
		return dst, Misfit
	}
	dst = append(dst, '"')
	if t.at == AtStart {
		if n := firstCharacters(v.Text, t.keep); n < len(v.Text) {
			dst = appendEscaped(dst, v.Text[:n])
		}
		dst = append(dst, stars...)
	} else {
		dst = append(dst, stars...)
		if n := lastCharacters(v.Text, t.keep); n < len(v.Text) {
			dst = appendEscaped(dst, v.Text[len(v.Text)-n:])
		}
	}
	return append(dst, '"'), Done
}

// firstCharacters gives the length in bytes of the first n code points, or of the whole text when it has no more.
func firstCharacters(text []byte, n int) int {
	if len(text) <= n {
		return len(text)
	}
	size := 0
	for ; n > 0 && size < len(text); n-- {
		_, one := utf8.DecodeRune(text[size:])
		size += one
	}
	return size
}

// lastCharacters does the same for the last n.
func lastCharacters(text []byte, n int) int {
	if len(text) <= n {
		return len(text)
	}
	size := 0
	for ; n > 0 && size < len(text); n-- {
		_, one := utf8.DecodeLastRune(text[:len(text)-size])
		size += one
	}
	return size
}
