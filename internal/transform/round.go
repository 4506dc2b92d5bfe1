// SPDX-License-Identifier: Apache-2.0

package transform

import "fmt"

// Rounding widens numbers by at most this many zeros, so that 1e999999999 cannot fill the memory.
// All of IEEE 754's doubles fit.
const maxZeros = 400

const maxPlaces = 30

type roundNumber struct{ places int }

// NewRoundNumber rounds numbers, and strings that hold a JSON number, to a number of decimal places from -30 to 30;
// -2 rounds to hundreds. Halves go away from zero. The digits of the text are rounded, never a binary approximation,
// so the result is exact for any length. Always as many decimals as places are written, however many the value had,
// without an exponent, and never -0: equal results have equal bytes. Numbers stay numbers, strings stay strings.
func NewRoundNumber(places int) (Technique, error) {
	if places < -maxPlaces || places > maxPlaces {
		return nil, fmt.Errorf("round: %d decimal places; use %d to %d", places, -maxPlaces, maxPlaces)
	}
	return roundNumber{places}, nil
}

func (t roundNumber) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	var d decimal
	if !d.of(v) || d.point+t.places > len(d.whole)+len(d.fraction)+maxZeros {
		return dst, Misfit
	}
	dst = appendQuote(dst, v.Kind)
	dst = d.appendRounded(dst, t.places)
	return appendQuote(dst, v.Kind), Done
}

// appendQuote keeps strings strings: it stands before and after a number.
func appendQuote(dst []byte, k Kind) []byte {
	if k == String {
		return append(dst, '"')
	}
	return dst
}

// appendRounded appends the number to the given decimal places. One digit more than asked decides the last one;
// what comes behind it cannot.
func (d *decimal) appendRounded(dst []byte, places int) []byte {
	if n, _, ok := d.scaled(places + 1); ok {
		return appendFixed(dst, d.negative, (n+5)/10, places)
	}
	return d.appendRoundedLong(dst, places)
}

// appendRoundedLong does the same digit by digit, for numbers that fit no machine word; these never round to zero.
// Digit point-1 is the last before the decimal point; digits below 0 are zeros but for a one that is carried there.
func (d *decimal) appendRoundedLong(dst []byte, places int) []byte {
	kept := d.point + places
	bump := d.bump(kept)
	point := kept - max(places, 0)
	if d.negative {
		dst = append(dst, '-')
	}
	for i := min(point-1, 0, bump); i < kept; i++ {
		if i == point {
			dst = append(dst, '.')
		}
		switch {
		case i > bump || i < 0 && i < bump:
			dst = append(dst, '0')
		case i < 0:
			dst = append(dst, '1')
		case i == bump:
			dst = append(dst, d.digit(i)+1)
		default:
			dst = append(dst, d.digit(i))
		}
	}
	for range -places {
		dst = append(dst, '0')
	}
	return dst
}

// bump gives the digit that is one more when the number is rounded to its first kept digits: those behind it become zeros.
// It is kept when the number is rounded down, and -1 when a one is put before all digits.
func (d *decimal) bump(kept int) int {
	if d.digit(kept) < '5' {
		return kept
	}
	i := kept - 1
	for i >= 0 && d.digit(i) == '9' {
		i--
	}
	return i
}
