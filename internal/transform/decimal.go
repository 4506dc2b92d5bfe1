// SPDX-License-Identifier: Apache-2.0

package transform

import "bytes"

// decimal is an exact view of a JSON number: ±0.d₀d₁d₂… × 10^point, where d₀ is not zero.
// Its digits stay in the token; zero has none. A number has as many spellings as it likes and one value.
type decimal struct {
	negative bool
	whole    []byte // digits before the decimal point of the token
	fraction []byte // digits after it
	point    int
}

// farExponent stands for every exponent that is larger: no token is long enough to make up for it.
const farExponent = 1 << 29

// of reads a number, or a string that holds nothing but one (RFC 8259, section 6).
func (d *decimal) of(v *Value) bool {
	return (v.Kind == Number || v.Kind == String) && d.parse(v.Text)
}

func (d *decimal) parse(text []byte) bool {
	*d = decimal{}
	if len(text) > 0 && text[0] == '-' {
		d.negative, text = true, text[1:]
	}
	d.whole, text = digits(text)
	if len(d.whole) == 0 || d.whole[0] == '0' && len(d.whole) > 1 {
		return false
	}
	if len(text) > 0 && text[0] == '.' {
		if d.fraction, text = digits(text[1:]); len(d.fraction) == 0 {
			return false
		}
	}
	d.point = len(d.whole)
	if len(text) > 0 {
		exponent, ok := parseExponent(text)
		if !ok {
			return false
		}
		d.point += exponent
	}
	if d.whole[0] == '0' {
		d.trim()
	}
	return true
}

// trim drops the zeros before the first other digit.
func (d *decimal) trim() {
	significant := bytes.TrimLeft(d.fraction, "0")
	d.point -= len(d.whole) + len(d.fraction) - len(significant)
	d.whole, d.fraction = nil, significant
	if d.zero() {
		d.point = 0
	}
}

// digits splits text after its leading digits.
func digits(text []byte) (head, rest []byte) {
	i := 0
	for i < len(text) && text[i]-'0' < 10 {
		i++
	}
	return text[:i], text[i:]
}

// parseExponent reads what stands behind the digits, from the e on.
func parseExponent(text []byte) (int, bool) {
	if text[0]|0x20 != 'e' {
		return 0, false
	}
	negative := false
	text = text[1:]
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative, text = text[0] == '-', text[1:]
	}
	ds, rest := digits(text)
	if len(ds) == 0 || len(rest) > 0 {
		return 0, false
	}
	n := 0
	for _, c := range ds {
		if n = n*10 + int(c-'0'); n > farExponent {
			n = farExponent
			break
		}
	}
	if negative {
		n = -n
	}
	return n, true
}

func (d *decimal) zero() bool { return len(d.whole)+len(d.fraction) == 0 }

// digit gives dᵢ; beyond the last digit there are zeros.
func (d *decimal) digit(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	if i -= len(d.whole); i < len(d.fraction) {
		return d.fraction[i]
	}
	return '0'
}

// wellKept is how many digits always fit an int64.
const wellKept = 18

// scaled gives the magnitude in units of 10^-places, cut off; exact tells whether nothing was.
// It reports false for more than 18 digits.
func (d *decimal) scaled(places int) (n int64, exact, ok bool) {
	if d.zero() {
		return 0, true, true
	}
	keep := max(d.point+places, 0)
	if keep > wellKept {
		return 0, false, false
	}
	w := min(keep, len(d.whole))
	f := min(keep-w, len(d.fraction))
	for _, c := range d.whole[:w] {
		n = n*10 + int64(c-'0')
	}
	for _, c := range d.fraction[:f] {
		n = n*10 + int64(c-'0')
	}
	for range keep - w - f {
		n *= 10
	}
	return n, onlyZeros(d.whole[w:]) && onlyZeros(d.fraction[f:]), true
}

func onlyZeros(ds []byte) bool {
	for _, c := range ds {
		if c != '0' {
			return false
		}
	}
	return true
}

// floor gives the greatest number of units of 10^-places that is not above the value. It reports false for more than 18 digits.
func (d *decimal) floor(places int) (int64, bool) {
	n, exact, ok := d.scaled(places)
	if d.negative {
		n = -n
		if !exact {
			n--
		}
	}
	return n, ok
}

// appendFixed appends n units of 10^-places, places from -30 to 30, with all decimals and never as -0.
func appendFixed(dst []byte, negative bool, n int64, places int) []byte {
	if n == 0 {
		negative, places = false, max(places, 0)
	}
	var text [wellKept + maxPlaces + 4]byte
	i, rest := len(text), uint64(n)
	for range -places {
		i--
		text[i] = '0'
	}
	for range places {
		i--
		text[i] = byte('0' + rest%10)
		rest /= 10
	}
	if places > 0 {
		i--
		text[i] = '.'
	}
	for more := true; more; more = rest != 0 {
		i--
		text[i] = byte('0' + rest%10)
		rest /= 10
	}
	if negative {
		i--
		text[i] = '-'
	}
	return append(dst, text[i:]...)
}
