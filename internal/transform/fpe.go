// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Alphabet names the characters that format-preserving encryption replaces; it leaves all others where they are.
type Alphabet uint8

const (
	Digits       Alphabet = iota + 1 // 0-9
	Hex                              // 0-9 a-f; capitals become small
	Letters                          // a-z; capitals become small
	Alphanumeric                     // 0-9 A-Z a-z
)

var alphabets = map[Alphabet]string{
	Digits: "0123456789", Hex: "0123456789abcdef", Letters: "abcdefghijklmnopqrstuvwxyz",
	Alphanumeric: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}

type fpe struct {
	class    string
	alphabet string
	index    [256]int16 // of each character in the alphabet; -1: it stays
}

// NewFPE encrypts the characters of an alphabet with FF1 (NIST SP 800-38G), so that a telephone number stays one in shape: as many
// digits, the same signs between them. Letters and digits of no alphabet make the value a misfit: they would stay as they are. Equal values of one class stay equal within the recipient's epoch, whosever they are,
// and erasing a person does not erase them. Values with fewer than a million others of their length are misfits. Of numbers
// only integers fit; their first digit does not become 0.
func NewFPE(class string, a Alphabet) (Technique, error) {
	t := &fpe{class: class, alphabet: alphabets[a]}
	if t.alphabet == "" {
		return nil, fmt.Errorf("fpe: unknown alphabet")
	}
	for c := range t.index {
		lower := c
		if a == Hex || a == Letters {
			lower = int(strings.ToLower(string(rune(c)))[0])
		}
		t.index[c] = int16(strings.IndexByte(t.alphabet, byte(lower)))
	}
	return t, nil
}

func (t *fpe) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	number := v.Kind == Number
	if !number && v.Kind != String {
		return dst, Misfit
	}
	for _, r := range string(v.Text) { // what is no separator is encrypted, or does not leave
		if (unicode.IsLetter(r) || unicode.IsNumber(r)) && (r >= utf8.RuneSelf || t.index[r] < 0) {
			return dst, Misfit
		}
	}
	s.text = append(s.text[:0], v.Text...)
	s.wire = s.wire[:0]
	for _, c := range s.text {
		if at := t.index[c]; at >= 0 {
			s.wire = append(s.wire, byte(at))
		} else if number && c != '-' {
			return dst, Misfit
		}
	}
	key := s.Domain.FF1(t.class, len(t.alphabet))
	if !key.Fits(len(s.wire)) || number && t.alphabet != alphabets[Digits] {
		return dst, Misfit
	}
	t.encrypt(key, s.wire, number)
	next := 0
	for i, c := range s.text {
		if t.index[c] >= 0 {
			s.text[i] = t.alphabet[s.wire[next]]
			next++
		}
	}
	if number {
		return append(dst, s.text...), Done
	}
	return AppendString(dst, s.text), Done
}

// encrypt walks on from numbers that would begin with 0: among the numbers that do not it is a permutation all the same.
func (t *fpe) encrypt(key *keyring.FF1, numerals []byte, number bool) {
	for key.Encrypt(numerals); number && numerals[0] == 0; {
		key.Encrypt(numerals)
	}
}
