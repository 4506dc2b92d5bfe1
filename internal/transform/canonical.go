// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Canonicalization spells every form of one identifier alike, so that it has one pseudonym. The rules below are version 1;
// a keyring pins the version it began with, and a change of any rule is a new version. They promise that a canonical form
// is its own canonical form, and ASCII input takes no allocation.
//
//	acc obj grp app plc   whole decimal numbers without leading zeros; else the text
//	hdl                   trimmed, without leading @, case-folded
//	eml                   trimmed, case-folded, domain in ASCII (IDNA, non-transitional)
//	phn                   + and digits; without + or 00 the bare digits: a local number, which equals no E.164 number
//	ipa                   as netip writes it: IPv4 where mapped, without zone
//	dev cke hsh           trimmed; UUIDs and long hexadecimal numbers in lower case
//	all others            the text
//
// "The text" means in Unicode normalization form C. A JSON number counts as an identifier only as a whole number
// (-?digits): it is taken digit by digit, so that 2⁵³+1 stays what it is and `id` 123 and `id_str` "123" are one person.
// 1.0 and 1e3 are misfits: who writes an identifier as a fraction may have rounded it already, and two people would
// become one. An empty identifier names nobody and is a misfit too.

// canonicalRule appends the canonical form of text to dst, or reports that text is no such identifier.
type canonicalRule func(dst, text []byte) ([]byte, bool)

// canonicalRules gives the rule for an identity type.
func canonicalRules(identityType string) canonicalRule {
	switch identityType {
	case "acc", "obj", "grp", "app", "plc":
		return canonicalNumberOrText
	case "hdl":
		return canonicalHandle
	case "eml":
		return canonicalEmail
	case "phn":
		return canonicalPhone
	case "ipa":
		return canonicalIP
	case "dev", "cke", "hsh":
		return canonicalToken
	}
	return canonicalText
}

// appendCanonical appends the canonical form of v.
func appendCanonical(dst []byte, rule canonicalRule, v *Value) ([]byte, bool) {
	start := len(dst)
	switch v.Kind {
	case String:
		dst, ok := rule(dst, v.Text)
		return dst, ok && len(dst) > start
	case Number:
		if !isInteger(v.Text) {
			return dst, false
		}
		dst, ok := rule(dst, v.Text)
		return dst, ok && len(dst) > start
	}
	return dst, false
}

// canonicalText is the text in Unicode normalization form C.
func canonicalText(dst, text []byte) ([]byte, bool) {
	if isASCII(text) {
		return append(dst, text...), true
	}
	return norm.NFC.Append(dst, text...), true
}

func canonicalNumberOrText(dst, text []byte) ([]byte, bool) {
	if dst, ok := appendInteger(dst, text); ok {
		return dst, true
	}
	return canonicalText(dst, text)
}

// appendInteger appends a whole decimal number without leading zeros, or nothing.
func appendInteger(dst, text []byte) ([]byte, bool) {
	if !isInteger(text) {
		return dst, false
	}
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	if negative && text[0] != '0' {
		dst = append(dst, '-')
	}
	return append(dst, text...), true
}

// isInteger tells whether text is -?digits.
func isInteger(text []byte) bool {
	if len(text) > 1 && text[0] == '-' {
		text = text[1:]
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

// canonicalHandle folds case, since no platform lets two people differ in it.
func canonicalHandle(dst, text []byte) ([]byte, bool) {
	start := len(dst)
	text = bytes.TrimSpace(text)
	if isASCII(text) {
		for len(text) > 0 && (text[0] == '@' || text[0] == ' ' || '\t' <= text[0] && text[0] <= '\r') {
			text = text[1:]
		}
		return appendLower(dst, text), len(text) > 0
	}
	folded := bytes.TrimSpace(fold(text))
	for len(folded) > 0 {
		rest := bytes.TrimSpace(bytes.TrimLeft(folded, "@"))
		if len(rest) == len(folded) {
			break
		}
		folded = rest
	}
	dst = append(dst, folded...)
	return dst, len(dst) > start
}

// canonicalToken is for identifiers that programs make: devices, cookies, hashes.
func canonicalToken(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	start := len(dst)
	if dst, ok := appendUUID(dst, text); ok {
		return dst, true
	}
	if len(text) >= longHex {
		if dst, ok := appendLowerHex(dst, text); ok {
			return dst, true
		}
	}
	return canonicalText(dst[:start], text)
}

// longHex is how many digits a hexadecimal number must have to be one not by chance: 64 bits.
const longHex = 16

// appendUUID appends a UUID, 8-4-4-4-12 digits, in lower case.
func appendUUID(dst, text []byte) ([]byte, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return dst, false
	}
	ok := true
	for i, digits := range [...]int{8, 4, 4, 4, 12} {
		if i > 0 {
			dst, text = append(dst, '-'), text[1:]
		}
		var hex bool
		dst, hex = appendLowerHex(dst, text[:digits])
		ok, text = ok && hex, text[digits:]
	}
	return dst, ok
}

// appendLowerHex appends hexadecimal digits in lower case, or reports that there is something else.
func appendLowerHex(dst, text []byte) ([]byte, bool) {
	start, foreign := len(dst), byte(0)
	dst = append(dst, text...)
	appended := dst[start:]
	for i, c := range appended {
		c = lowerHex[c]
		appended[i] = c
		foreign |= (c - 1) >> 7
	}
	return dst, foreign == 0
}

// lowerHex gives each hexadecimal digit in lower case, and 0 for everything else.
var lowerHex = func() (t [256]byte) {
	for i := range 16 {
		t[hexDigits[i]], t["0123456789ABCDEF"[i]] = hexDigits[i], hexDigits[i]
	}
	return t
}()

func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.NativeEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendLower(dst, ascii []byte) []byte {
	start := len(dst)
	dst = append(dst, ascii...)
	for i, c := range dst[start:] {
		if 'A' <= c && c <= 'Z' {
			dst[start+i] = c + 'a' - 'A'
		}
	}
	return dst
}

// fold undoes differences of case and composition (Unicode definition D145, composed).
func fold(text []byte) []byte {
	folded := cases.Fold().Bytes(norm.NFD.Bytes(text))
	return norm.NFC.Bytes(bytes.Map(foldCherokee, folded))
}

// foldCherokee makes up for golang.org/x/text, which swaps the cases of Cherokee where CaseFolding.txt leads both to the capital.
func foldCherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 8
	}
	return r
}
