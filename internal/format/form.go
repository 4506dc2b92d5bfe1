// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"

	"github.com/nymstream/nymstream/internal/event"
)

// maxFormFields bounds what a form may name: looking for names that come twice compares each with those before it.
const maxFormFields = 512

// formDecoder makes an object of strings of a=b&c=d. A name that comes twice is refused: readers disagree on which one counts.
type formDecoder struct{ maxBytes int }

func (d formDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	start := len(dst)
	if rec.Value == nil {
		return dst, poison(event.Malformed, "")
	}
	if len(rec.Value) > d.maxBytes {
		return dst, poison(event.TooLarge, "")
	}
	var space [32][2]int
	names := space[:0]
	var scratch [256]byte
	text := scratch[:0]
	dst = append(dst, '{')
	for rest := rec.Value; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if len(names) > 0 {
			dst = append(dst, ',')
		}
		at := len(dst)
		var err error
		if dst, text, err = appendFormText(dst, text, name); err != nil {
			return dst[:start], err
		}
		for _, other := range names {
			if bytes.Equal(dst[other[0]:other[1]], dst[at:]) {
				return dst[:start], poison(event.DuplicateKey, "")
			}
		}
		if names = append(names, [2]int{at, len(dst)}); len(names) > maxFormFields {
			return dst[:start], poison(event.TooLarge, "")
		}
		dst = append(dst, ':')
		if dst, text, err = appendFormText(dst, text, value); err != nil {
			return dst[:start], err
		}
		if len(dst)-start > d.maxBytes {
			return dst[:start], poison(event.TooLarge, "")
		}
	}
	return append(dst, '}'), nil
}

// appendFormText appends an encoded name or value as a JSON string; text is room that is given back.
func appendFormText(dst, text, encoded []byte) (_, _ []byte, err error) {
	text = text[:0]
	for i := 0; i < len(encoded); i++ {
		switch c := encoded[i]; c {
		case '+':
			text = append(text, ' ')
		case '%':
			if i+2 >= len(encoded) {
				return dst, text, poison(event.Undecodable, "")
			}
			high, low := hexDigit(encoded[i+1]), hexDigit(encoded[i+2])
			if high < 0 || low < 0 {
				return dst, text, poison(event.Undecodable, "")
			}
			text = append(text, byte(high<<4|low))
			i += 2
		default:
			text = append(text, c)
		}
	}
	dst, ok := appendText(dst, text)
	if !ok {
		return dst, text, poison(event.InvalidUTF8, "")
	}
	return dst, text, nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
