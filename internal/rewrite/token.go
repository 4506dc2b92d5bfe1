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

// text finds the closing quote of a string whose first byte is at i. Eight bytes at a time, until one of them
// is a quote, a backslash, a control or not ASCII (BenchmarkRead: half the time of a byte loop).
func (s *scanner) text(i int) (end int, escaped bool) {
	p := s.payload
	for {
		for uint(i)+8 <= uint(len(p)) {
			x := binary.LittleEndian.Uint64(p[i:])
			q, b := x^quotes, x^slashes
			special := ((q-low7)&^q | (b-low7)&^b | (x-controls)&^x | x) & high
			if special != 0 {
				i += bits.TrailingZeros64(special) >> 3
				break
			}
			i += 8
		}
		for uint(i) < uint(len(p)) && p[i] != '"' && p[i] != '\\' && p[i] >= 0x20 && p[i] < utf8.RuneSelf {
			i++
		}
		if uint(i) >= uint(len(p)) {
			return s.fail(event.Malformed, i), false
		}
		switch c := p[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			escaped = true
			if i = s.escape(i); i < 0 {
				return failed, false
			}
		case c < 0x20:
			return s.fail(event.Malformed, i), false
		default:
			_, n := utf8.DecodeRune(p[i:])
			if n == 1 {
				return s.fail(event.InvalidUTF8, i), false
			}
			i += n
		}
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

func (s *scanner) number(i int) int {
	p := s.payload
	if p[i] == '-' {
		i++
	}
	if uint(i) < uint(len(p)) && p[i] == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return failed
	}
	if uint(i) < uint(len(p)) && p[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return failed
		}
	}
	if uint(i) < uint(len(p)) && p[i]|0x20 == 'e' {
		i++
		if uint(i) < uint(len(p)) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		return s.digits(i)
	}
	return i
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
