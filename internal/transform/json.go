// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// AppendString appends text as a JSON string (RFC 8259, section 7). Quotation marks, backslashes and control characters
// below U+0020 are escaped, everything else stays as it is, so that one text has one spelling.
// text must be valid UTF-8.
func AppendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, text)
	return append(dst, '"')
}

// appendEscaped appends what stands between the quotes.
func appendEscaped(dst, text []byte) []byte {
	for {
		n := unescapedPrefix(text)
		dst = append(dst, text[:n]...)
		if n == len(text) {
			return dst
		}
		dst = appendEscape(dst, text[n])
		text = text[n+1:]
	}
}

// unescapedPrefix counts the bytes before the first that needs an escape. It looks at eight bytes at a time:
// (w-n)&^w has the high bit set in the lowest byte that is less than n, n up to 0x80; bytes above it may be falsely set.
func unescapedPrefix(text []byte) int {
	const (
		ones   = 0x0101010101010101
		highs  = 0x80 * ones
		spaces = ' ' * ones
		quotes = '"' * ones
		slants = '\\' * ones
	)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		q, s := w^quotes, w^slants
		if found := ((w-spaces)&^w | (q-ones)&^q | (s-ones)&^s) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

const hexDigits = "0123456789abcdef"

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendUnescaped appends the text that a JSON string stands for; raw is what stands between its quotes, already validated.
// From raw that is not valid it still makes valid UTF-8 of the escapes: half a surrogate pair is U+FFFD, an unknown escape stays as it is.
func AppendUnescaped(dst, raw []byte) []byte {
	for {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 || n+1 == len(raw) {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:n]...)
		raw = raw[n:]
		if raw[1] == 'u' {
			r, size := unicodeEscape(raw)
			dst = utf8.AppendRune(dst, r)
			raw = raw[size:]
			continue
		}
		dst = appendUnescape(dst, raw[1])
		raw = raw[2:]
	}
}

func appendUnescape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\', '/':
		return append(dst, c)
	case 'b':
		return append(dst, '\b')
	case 'f':
		return append(dst, '\f')
	case 'n':
		return append(dst, '\n')
	case 'r':
		return append(dst, '\r')
	case 't':
		return append(dst, '\t')
	}
	return append(dst, '\\', c)
}

// unicodeEscape reads \uXXXX, or two of them that make a pair, and tells how many bytes it read.
func unicodeEscape(raw []byte) (rune, int) {
	r := hexEscape(raw)
	if r < 0 {
		return utf8.RuneError, 2
	}
	if r < 0xd800 || r > 0xdfff {
		return r, 6
	}
	low := hexEscape(raw[6:])
	if r > 0xdbff || low < 0xdc00 || low > 0xdfff {
		return utf8.RuneError, 6
	}
	return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12
}

// hexEscape gives the code unit of the \uXXXX that raw begins with, or -1.
func hexEscape(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range raw[2:6] {
		d := hexDigit(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

// hexDigit gives the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20-'a' < 6:
		return int(c|0x20-'a') + 10
	}
	return -1
}
