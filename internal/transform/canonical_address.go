// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// idnaProfile maps the domain of an e-mail address to ASCII as a look-up in the DNS would (UTS #46, non-transitional).
var idnaProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(true))

// Bounds of a domain in bytes. Spelled out it may be longer than in the DNS; ToASCII takes time in the square of a label's length.
const (
	longestDomain        = 253
	longestForeignDomain = 1 << 10
	longestForeignLabel  = 256
)

// asciiDomain gives the ASCII form of a domain with more than ASCII in it.
func asciiDomain(domain []byte) (string, bool) {
	if len(domain) > longestForeignDomain {
		return "", false
	}
	for label := range bytes.SplitSeq(domain, []byte{'.'}) {
		if len(label) > longestForeignLabel {
			return "", false
		}
	}
	ascii, err := idnaProfile.ToASCII(string(domain))
	return ascii, err == nil && len(strings.TrimSuffix(ascii, ".")) <= longestDomain
}

// canonicalEmail takes one bare address. What stands before the @ is folded too: providers that tell case apart there are
// unknown, and people write their own address both ways. Dots at the end of the domain say nothing and go. Other dots and
// +tags stay: what they mean differs from provider to provider.
func canonicalEmail(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	start, at := len(dst), -1
	dst = append(dst, text...)
	address := dst[start:]
	for i, c := range address {
		switch {
		case c >= utf8.RuneSelf:
			return canonicalForeignEmail(dst[:start], text)
		case !addressByte(c):
			return dst[:start], false
		case c == '@':
			at = i
		case 'A' <= c && c <= 'Z':
			address[i] = c + 'a' - 'A'
		}
	}
	if address = bytes.TrimRight(address, "."); at <= 0 || at >= len(address)-1 {
		return dst[:start], false
	}
	return dst[:start+len(address)], true
}

// addressByte refuses what makes lists and display names, and space.
func addressByte(c byte) bool {
	return c > ' ' && c != 0x7f && c != '<' && c != '>' && c != ',' && c != ';'
}

// canonicalForeignEmail takes addresses with more than ASCII in them.
func canonicalForeignEmail(dst, text []byte) ([]byte, bool) {
	at := bytes.LastIndexByte(text, '@')
	if at <= 0 || at == len(text)-1 {
		return dst, false
	}
	domain, ok := asciiDomain(text[at+1:])
	domain = strings.TrimRight(domain, ".")
	if !ok || domain == "" {
		return dst, false
	}
	address := append(append(fold(text[:at]), '@'), domain...)
	for _, r := range string(address) {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r < utf8.RuneSelf && !addressByte(byte(r)) {
			return dst, false
		}
	}
	return append(dst, address...), true
}

// Bounds of a telephone number in digits (E.164, section 6); local numbers may be as short as a service number.
const (
	shortestPhone      = 7
	shortestLocalPhone = 3
	longestPhone       = 15
)

// canonicalPhone takes a number with + or 00 as international (E.164) and any other as local: bare digits, without a
// guess at the country. A local number therefore equals the same local number only, not the international one.
func canonicalPhone(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if len(text) >= 4 && bytes.EqualFold(text[:4], []byte("tel:")) {
		text = text[4:]
	}
	start, international := len(dst), false
	for len(text) > 0 {
		c, size := text[0], 1
		switch {
		case '0' <= c && c <= '9':
			dst = append(dst, c)
			if !international && string(dst[start:]) == "00" {
				dst, international = append(dst[:start], '+'), true
			}
		case c == '+' && len(dst) == start:
			dst, international = append(dst, '+'), true
		case c == '(' && international && bytes.HasPrefix(text, []byte("(0)")):
			size = 3 // +49 (0)30: this zero is dialed inside the country only
		case c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')' || c == '\t':
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(text)
			if !unicode.IsSpace(r) && !unicode.Is(unicode.Pd, r) && !unicode.Is(unicode.Cf, r) {
				return dst, false
			}
		default:
			return dst, false
		}
		text = text[size:]
	}
	if international {
		n := len(dst) - start - 1
		return dst, n >= shortestPhone && n <= longestPhone && dst[start+1] != '0'
	}
	n := len(dst) - start
	return dst, n >= shortestLocalPhone && n <= longestPhone
}

// canonicalIP writes one address as netip does; addresses with a port or prefix length are misfits.
func canonicalIP(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if isDottedQuad(text) {
		return append(dst, text...), true
	}
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		return dst, false
	}
	return addr.WithZone("").Unmap().AppendTo(dst), true
}

// isDottedQuad tells whether text is an IPv4 address, which has one spelling.
func isDottedQuad(text []byte) bool {
	fields, value, digits := 1, 0, 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			if digits > 0 && value == 0 {
				return false // a leading zero
			}
			value, digits = value*10+int(c-'0'), digits+1
			if value > 255 {
				return false
			}
		case c == '.':
			if digits == 0 {
				return false
			}
			fields, value, digits = fields+1, 0, 0
		default:
			return false
		}
	}
	return fields == 4 && digits > 0
}
