// SPDX-License-Identifier: Apache-2.0

package locale

import "github.com/nymstream/nymstream/internal/detect/span"

// britishAt reads at i a postal code that begins with a letter: of the United Kingdom (BS 7666), Canada or Ireland. It gives i
// where none stands there.
func britishAt(b []byte, i int) int {
	out := i
	for out < len(b) && out < i+2 && b[out] >= 'A' && b[out] <= 'Z' {
		out++
	}
	area := b[i:out]
	if out == i || !digitAt(b, out) {
		return pick(literal(b, i, "GIR 0AA"), i+7, pick(literal(b, i, "GIR0AA"), i+6, i))
	}
	out++
	if out < len(b) && (digit(b[out]) && !british(b, out) || b[out] >= 'A' && b[out] <= 'Z') {
		out++
	}
	in := skip(b, out)
	if british(b, in) && known(area) && !inWord(b, in+3) {
		return in + 3
	}
	return canadian(b, i)
}

// british reports the second half of a code: a digit and two letters, of which some do not occur.
func british(b []byte, i int) bool {
	return i+2 < len(b) && digit(b[i]) && inward(b[i+1]) && inward(b[i+2])
}

func inward(c byte) bool {
	return c >= 'A' && c <= 'Z' && c != 'C' && c != 'I' && c != 'K' && c != 'M' && c != 'O' && c != 'V'
}

// canadian reads K1J 2L9 at i, and the Irish D02 AF30.
func canadian(b []byte, i int) int {
	if !shape(b, i, "A0A") && !shape(b, i, "A00") && !shape(b, i, "A0W") {
		return i
	}
	j := skip(b, i+3)
	if shape(b, i, "A0A") && shape(b, j, "0A0") && !inWord(b, j+3) {
		return j + 3
	}
	if j == i+4 && digitAt(b, i+2) && (shape(b, j, "AA00") || shape(b, j, "A0A0") || shape(b, j, "AA0A") || shape(b, j, "A000") || shape(b, j, "A00A")) && !inWord(b, j+4) {
		return j + 4
	}
	return i
}

// irish reads an Irish code at i within an address: D02 AF30, with or without the space.
func irish(b []byte, i int) int {
	if !shape(b, i, "A00") && !shape(b, i, "A0W") {
		return i
	}
	j, letters := skip(b, i+3), 0
	for k := range 4 {
		if j+k >= len(b) || !digit(b[j+k]) && !upper(b, j+k) || b[j+k] >= 0x80 {
			return i
		}
		letters += b2i(!digit(b[j+k]))
	}
	return pick(letters > 0 && !inWord(b, j+4), j+4, i)
}

// shape compares with a picture: A a capital letter, 0 a digit, W the letter W.
func shape(b []byte, i int, picture string) bool {
	if i+len(picture) > len(b) {
		return false
	}
	for k := range len(picture) {
		c := b[i+k]
		switch picture[k] {
		case 'A':
			if c < 'A' || c > 'Z' {
				return false
			}
		case '0':
			if !digit(c) {
				return false
			}
		default:
			if c != picture[k] {
				return false
			}
		}
	}
	return true
}

// areas of the United Kingdom, by their letters.
const areas = " AB AL B BA BB BD BF BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE "

func known(area []byte) bool {
	for i := 1; i+len(area) < len(areas); i++ {
		if areas[i-1] == ' ' && areas[i:i+len(area)] == string(area) && areas[i+len(area)] == ' ' {
			return true
		}
	}
	return false
}

// postal reads digits that a word for postal codes leads to.
func (l *lexicon) postal(t *span.Text, n number) (span.Found, bool) {
	if n.len() < 4 || n.len() > 7 || n.start < 4 || !l.postalLed(t.Bytes, n.start) {
		return span.Found{}, false
	}
	end := max(n.end, l.postalAt(t.Bytes, n.start, byPlace))
	return span.Found{Start: n.start, End: end, Kind: span.Address, Reason: span.Pattern | span.Context, Score: .7, Subtype: "postcode"}, true
}

func (l *lexicon) postalLed(b []byte, i int) bool {
	end := i
	for end > 0 && i-end < 3 && (b[end-1] == ' ' || b[end-1] == ':') {
		end--
	}
	_, c := l.class(b, wordStart(b, end))
	return end < i && c.any(postal) || literal(b, max(0, end-6), "邮编") || literal(b, max(0, end-6), "郵編")
}

// postcode appends a postal code that begins with a letter; one without its space only in a field.
func postcode(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	if !upper(b, at) || at > 0 && inWord(b, at-1) {
		return dst
	}
	end := britishAt(b, at)
	if end == at {
		return dst
	}
	spaced := false
	for _, c := range b[at:end] {
		spaced = spaced || c == ' '
	}
	if !spaced && !t.Field && !(at == 0 && end == len(b)) && !t.Near(postalCue(), at, end, 24) {
		return dst
	}
	return append(dst, span.Found{Start: at, End: end, Kind: span.Address, Reason: span.Pattern, Score: .6, Subtype: "postcode"})
}
