// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// appendMasked appends what was found with an asterisk for every character but space and punctuation; of a secret, which may
// consist of punctuation, for every one.
func appendMasked(dst []byte, k span.Kind, what []byte) []byte {
	for i := 0; i < len(what); {
		r, size := utf8.DecodeRune(what[i:])
		switch {
		case unseen(r):
		case k != span.Secret && (unicode.IsSpace(r) || unicode.IsPunct(r) || r < utf8.RuneSelf && unicode.IsSymbol(r)):
			dst = appendEscaped(dst, what[i:i+size])
		default:
			dst = append(dst, '*')
		}
		i += size
	}
	return dst
}

// surrogates are what stands for findings whose shape says nothing: names and addresses that are reserved for examples
// (RFC 2606, RFC 5737, RFC 3849, RFC 7042).
var surrogates = [span.Kinds]string{
	span.Email: "someone@example.invalid", span.URL: "https://example.invalid/", span.Handle: "@someone", span.Hashtag: "#someone",
	span.Person: "Someone", span.Address: "1 Some Street", span.IP: "192.0.2.0", span.MAC: "00-00-5E-00-53-00",
	span.Secret: "secret",
}

// appendSurrogate appends something of the shape of what was found that cannot be anybody's: with zeros for digits, which no
// telephone number, card, account or national identifier consists of, and x for letters.
func appendSurrogate(dst []byte, k span.Kind, what []byte) []byte {
	if k == span.IP && !hasDot(what) {
		return append(dst, "2001:db8::"...)
	}
	if s := surrogates[k]; s != "" {
		return append(dst, s...)
	}
	for i := 0; i < len(what); {
		r, size := utf8.DecodeRune(what[i:])
		switch {
		case unicode.IsNumber(r):
			dst = append(dst, '0')
		case unicode.IsUpper(r):
			dst = append(dst, 'X')
		case unicode.IsLetter(r), r >= utf8.RuneSelf && unicode.IsSymbol(r):
			dst = append(dst, 'x')
		case !unicode.IsMark(r) && !unseen(r):
			dst = appendEscaped(dst, what[i:i+size])
		}
		i += size
	}
	return dst
}

func hasDot(text []byte) bool {
	for _, c := range text {
		if c == '.' {
			return true
		}
	}
	return false
}
