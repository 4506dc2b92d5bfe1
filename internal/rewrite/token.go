// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

const (
	low7     = 0x0101010101010101
	high     = 0x8080808080808080
	quotes   = 0x2222222222222222
	slashes  = 0x5c5c5c5c5c5c5c5c
	controls = 0x2020202020202020
)

// special marks, by its high bit, the first byte of eight that is a quote, a backslash, a control or not ASCII;
// what it says of the bytes behind that one may be wrong. A subtraction sets the high bit of a byte that is too small
// for it; it also sets and clears those of bytes that are not ASCII, which x marks anyway.
func special(x uint64) uint64 {
	return (((x ^ quotes) - low7) | ((x ^ slashes) - low7) | (x - controls) | x) & high
}

// text finds the closing quote of a string whose first byte is at i. Eight bytes at a time, until one of them
// is special (BenchmarkRead).
func (s *scanner) text(i int) (end int, escaped bool) {
	p := s.payload
	for uint(i)+8 <= uint(len(p)) {
		found := special(binary.LittleEndian.Uint64(p[i:]))
		if found == 0 {
			i += 8
			continue
		}
		if i += bits.TrailingZeros64(found) >> 3; p[i] == '"' {
			return i, escaped
		}
		if i = s.uncommon(i); i < 0 {
			return failed, false
		}
		escaped = escaped || p[i-1] < utf8.RuneSelf // an escape ends in ASCII
	}
	for uint(i) < uint(len(p)) {
		switch c := p[i]; {
		case c == '"':
			return i, escaped
		case c >= 0x20 && c != '\\' && c < utf8.RuneSelf:
			i++
			continue
		}
		if i = s.uncommon(i); i < 0 {
			return failed, false
		}
		escaped = escaped || p[i-1] < utf8.RuneSelf
	}
	return s.fail(event.Malformed, i), false
}

// uncommon checks the escape, or the characters that are not ASCII, at i and gives the position behind.
func (s *scanner) uncommon(i int) int {
	switch c := s.payload[i]; {
	case c == '\\':
		return s.escape(i)
	case c < 0x20:
		return s.fail(event.Malformed, i)
	}
	return s.foreign(i)
}

// foreign checks the characters from i on that are not ASCII and gives the position behind them.
func (s *scanner) foreign(i int) int {
	p := s.payload
	end := i + 1
	for uint(end)+8 <= uint(len(p)) && binary.LittleEndian.Uint64(p[end:])&high == high {
		end += 8
	}
	for uint(end) < uint(len(p)) && p[end] >= utf8.RuneSelf {
		end++
	}
	if utf8.Valid(p[i:end]) {
		return end
	}
	for {
		_, n := utf8.DecodeRune(p[i:])
		if n == 1 {
			return s.fail(event.InvalidUTF8, i)
		}
		i += n
	}
}

// escape checks the escape at i and gives the position behind it. A surrogate stands only in a pair.
func (s *scanner) escape(i int) int {
	p := s.payload
	if i+1 >= len(p) {
		return s.fail(event.Malformed, i)
	}
	switch p[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(event.Malformed, i)
	}
	unit, ok := hex4(p[i+2:])
	if !ok {
		return s.fail(event.Malformed, i)
	}
	if unit&0xf800 != 0xd800 {
		return i + 6
	}
	if unit >= 0xdc00 || i+8 > len(p) || p[i+6] != '\\' || p[i+7] != 'u' {
		return s.fail(event.InvalidUTF8, i)
	}
	if low, ok := hex4(p[i+8:]); !ok || low&0xfc00 != 0xdc00 {
		return s.fail(event.InvalidUTF8, i)
	}
	return i + 12
}

func hex4(p []byte) (unit uint16, ok bool) {
	if len(p) < 4 {
		return 0, false
	}
	for _, c := range p[:4] {
		switch {
		case c-'0' < 10:
			c -= '0'
		case c|0x20-'a' < 6:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	return unit, true
}

func (s *scanner) digits(i int) int {
	start := i
	for uint(i) < uint(len(s.payload)) && s.payload[i]-'0' < 10 {
		i++
	}
	if i == start {
		return s.fail(event.Malformed, i)
	}
	return i
}

// number reads a number, and tells whether it has neither a point nor an exponent.
func (s *scanner) number(i int) (end int, whole bool) {
	p := s.payload
	if p[i] == '-' {
		i++
	}
	if uint(i) < uint(len(p)) && p[i] == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return failed, false
	}
	if uint(i) >= uint(len(p)) || p[i] != '.' && p[i]|0x20 != 'e' {
		return i, true
	}
	if p[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return failed, false
		}
	}
	if uint(i) < uint(len(p)) && p[i]|0x20 == 'e' {
		i++
		if uint(i) < uint(len(p)) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		i = s.digits(i)
	}
	return i, false
}

// word reads true, false or null.
func (s *scanner) word(i int) (int, kind) {
	p := s.payload[i:]
	switch {
	case len(p) >= 4 && string(p[:4]) == "true":
		return i + 4, kind(transform.True)
	case len(p) >= 4 && string(p[:4]) == "null":
		return i + 4, kind(transform.Null)
	case len(p) >= 5 && string(p[:5]) == "false":
		return i + 5, kind(transform.False)
	}
	return s.fail(event.Malformed, i), 0
}
