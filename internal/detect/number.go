// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// maxCard is the longest card number, ISO/IEC 7812.
const maxCard = 19

// card finds a payment card number at i, whose first group of digits ends at j; it gives its end, 0 for none.
func (s *Scanner) card(i, j int) int {
	t := s.text.Bytes
	if c := at(t, i-1); class[c]&(wordy) != 0 || c == '+' || c == '$' || c == '#' || c == '/' || (c == '.' || c == '-' || c == ',') && isIn(t, i-2, digit) {
		return 0
	}
	var digits [maxCard + 1]byte
	if j-i >= 12 { // one group
		if j-i > maxCard || class[at(t, j)]&wordy != 0 || fraction(t, j) || at(t, j) == '@' {
			return 0
		}
		return s.cardOf(i, j, digits[:copy(digits[:], t[i:j])], true)
	}
	sep, common := cardGap(t, j)
	if j-i > 8 || len(sep) == 0 {
		return 0
	}
	var groups, ends [maxCard]int
	n, count := copy(digits[:], t[i:j]), 1
	groups[0], ends[0] = n, j
	for count < len(ends) && bytes.HasPrefix(t[j:], sep) && isIn(t, j+len(sep), digit) {
		next := j + len(sep)
		stop := run(t, next, digit, 15)
		if n+stop-next > maxCard || isIn(t, stop, wordy) {
			break
		}
		n += copy(digits[n:], t[next:stop])
		groups[count], ends[count] = stop-next, stop
		count++
		j = stop
	}
	for ; count > 1; count-- {
		if n >= 12 {
			usual := cardLayout(groups[:count])
			if !common && !usual {
				return 0
			}
			if end := s.cardOf(i, ends[count-1], digits[:n], usual); end > 0 {
				return end
			}
		}
		n -= groups[count-1]
	}
	return 0
}

// cardGap gives what stands between the first two groups of digits, one to three separators, and whether cards print it so.
func cardGap(t []byte, i int) (gap []byte, common bool) {
	j := i
	for j < len(t) && j-i < 3 && bytes.IndexByte([]byte(" -./|,\t\n"), t[j]) >= 0 {
		j++
	}
	if j == i || !isIn(t, j, digit) {
		return nil, false
	}
	return t[i:j], j == i+1 && (t[i] == ' ' || t[i] == '-' || t[i] == '.')
}

// cardOf judges digits that stand from i to end, in one group or one of the usual layouts, or not.
func (s *Scanner) cardOf(i, end int, digits []byte, usual bool) int {
	if digits[0] == '0' || !luhn(digits) || same(digits) {
		return 0
	}
	issued := issuer(digits)
	score, why := float32(.97), span.Pattern|span.Validator
	if !issued || !usual || len(digits) < 14 {
		if !issued && digits[0] == '2' { // its ranges are parted among few
			return 0
		}
		if !s.text.Field && !s.text.Near(cues().card, i, end, 48) {
			return 0
		}
		score, why = .85, why|span.Context
	}
	s.addFor(why, i, end, span.Card, score, "")
	return end
}

// fraction reports a decimal point or comma with digits at i.
func fraction(t []byte, i int) bool {
	return (at(t, i) == '.' || at(t, i) == ',') && isIn(t, i+1, digit)
}

func same(digits []byte) bool {
	for _, c := range digits {
		if c != digits[0] {
			return false
		}
	}
	return true
}

// luhn is ISO/IEC 7812-1, annex B.
func luhn(digits []byte) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// cardLayout reports the groups that cards print.
func cardLayout(groups []int) bool {
	if len(groups) > 8 {
		return len(groups) >= 14 // one digit at a time
	}
	shape := 0
	for _, n := range groups {
		shape = shape*10 + n
	}
	switch shape {
	case 4444, 465, 464, 44443, 4441, 4443, 88, 4412, 484, 4448, 6424, 412, 456, 555, 613, 4442:
		return true
	}
	return false
}

// issuer reports a number within a range and of a length that a network issues.
func issuer(d []byte) bool {
	n := len(d)
	p := int(d[0]-'0')*1000 + int(d[1]-'0')*100 + int(d[2]-'0')*10 + int(d[3]-'0')
	switch {
	case d[0] == '4': // Visa
		return n == 13 || n == 16 || n == 19
	case p >= 5100 && p <= 5599, p >= 2221 && p <= 2720: // Mastercard
		return n == 16
	case p/100 == 34, p/100 == 37: // American Express
		return n == 15
	case p/100 == 36, p/100 == 38, p/100 == 39, p >= 3000 && p <= 3059, p == 3095: // Diners Club
		return n >= 14
	case p >= 3528 && p <= 3589: // JCB
		return n >= 16
	case p == 2131, p == 1800: // JCB, older
		return n == 15
	case p == 6011, p >= 6440 && p <= 6599, p/100 == 62, p/100 == 81, p/100 == 60, p == 6521, p/100 == 82: // Discover, UnionPay, RuPay
		return n >= 16
	case p >= 2200 && p <= 2204: // Mir
		return n >= 16
	case p/100 == 50, p >= 5600 && p <= 5899, p/100 == 63, p/100 == 67, p/100 == 68, p/100 == 69: // Maestro, Dankort, Elo, Verve; shorter ones want a cue word
		return n >= 16
	case p == 9792, p >= 6500 && p <= 6509: // Troy
		return n == 16
	case p/1000 == 1: // UATP
		return n == 15
	}
	return false
}

// ibans holds the structure of the national part by country: pairs of a length and n (digits), a (letters) or c (either), from the
// SWIFT registry of ISO 13616.
var ibans = map[[2]byte]string{
	k("AD"): "8n12c", k("AE"): "19n", k("AL"): "8n16c", k("AO"): "21n", k("AT"): "16n", k("AZ"): "4a20c", k("BA"): "16n", k("BE"): "12n", k("BF"): "2c22n",
	k("BG"): "4a6n8c", k("BH"): "4a14c", k("BI"): "23n", k("BJ"): "2c22n", k("BR"): "23n1a1c", k("BY"): "4c4n16c", k("CF"): "23n", k("CG"): "23n",
	k("CH"): "5n12c", k("CI"): "2a22n", k("CM"): "23n", k("CR"): "18n", k("CV"): "21n", k("CY"): "8n16c", k("CZ"): "20n", k("DE"): "18n", k("DJ"): "23n",
	k("DK"): "14n", k("DO"): "4c20n", k("DZ"): "22n", k("EE"): "16n", k("EG"): "25n", k("ES"): "20n", k("FI"): "14n", k("FK"): "2a12n", k("FO"): "14n",
	k("FR"): "10n11c2n", k("GA"): "23n", k("GB"): "4a14n", k("GE"): "2a16n", k("GI"): "4a15c", k("GL"): "14n", k("GQ"): "23n", k("GR"): "7n16c",
	k("GT"): "24c", k("GW"): "2c19n", k("HN"): "4a20n", k("HR"): "17n", k("HU"): "24n", k("IE"): "4a14n", k("IL"): "19n", k("IQ"): "4a15n",
	k("IR"): "22n", k("IS"): "22n", k("IT"): "1a10n12c", k("JO"): "4a4n18c", k("KM"): "23n", k("KW"): "4a22c", k("KZ"): "3n13c", k("LB"): "4n20c",
	k("LC"): "4a24c", k("LI"): "5n12c", k("LT"): "16n", k("LU"): "3n13c", k("LV"): "4a13c", k("LY"): "21n", k("MA"): "24n", k("MC"): "10n11c2n",
	k("MD"): "20c", k("ME"): "18n", k("MG"): "23n", k("MK"): "3n10c2n", k("ML"): "2c22n", k("MN"): "16n", k("MR"): "23n", k("MT"): "4a5n18c",
	k("MU"): "4a19n3a", k("MZ"): "21n", k("NE"): "2a22n", k("NI"): "4a20n", k("NL"): "4a10n", k("NO"): "11n", k("OM"): "3n16c", k("PK"): "4a16c",
	k("PL"): "24n", k("PS"): "4a21c", k("PT"): "21n", k("QA"): "4a21c", k("RO"): "4a16c", k("RS"): "18n", k("RU"): "14n15c", k("SA"): "2n18c",
	k("SC"): "4a20n3a", k("SD"): "14n", k("SE"): "20n", k("SI"): "15n", k("SK"): "20n", k("SM"): "1a10n12c", k("SN"): "2a22n", k("SO"): "19n",
	k("ST"): "21n", k("SV"): "4a20n", k("TD"): "23n", k("TG"): "2a22n", k("TL"): "19n", k("TN"): "20n", k("TR"): "6n16c", k("UA"): "6n19c",
	k("VA"): "18n", k("VG"): "4a16n", k("XK"): "16n", k("YE"): "4a4n18c",
}

func k(country string) [2]byte { return [2]byte{country[0], country[1]} }

// iban finds an account number of ISO 13616 at i; it gives its end, 0 for none.
func (s *Scanner) iban(i int) int {
	t := s.text.Bytes
	shape, ok := ibans[[2]byte{t[i] &^ 32, t[i+1] &^ 32}]
	if !ok || class[at(t, i-1)]&wordy != 0 {
		return 0
	}
	j := i + 4
	mod := int(t[i+2]-'0')*10 + int(t[i+3]-'0')
	country := int(t[i]&^32-'A'+10)*100 + int(t[i+1]&^32-'A'+10)
	rest := 0
	for len(shape) > 0 {
		n := int(shape[0] - '0')
		if shape = shape[1:]; shape[0] <= '9' {
			n, shape = n*10+int(shape[0]-'0'), shape[1:]
		}
		want := digit | letter
		switch shape[0] {
		case 'n':
			want = digit
		case 'a':
			want = letter
		}
		shape = shape[1:]
		for range n {
			j = ibanGap(t, j)
			if !isIn(t, j, want) {
				return 0
			}
			if c := t[j]; c <= '9' {
				rest = (rest*10 + int(c-'0')) % 97
			} else {
				rest = (rest*100 + int(c&^32-'A'+10)) % 97
			}
			j++
		}
	}
	if rest = (rest*1000000 + country*100 + mod) % 97; rest != 1 || isIn(t, j, wordy) || at(t, j) == '@' {
		return 0
	}
	s.addFor(span.Pattern|span.Validator, i, j, span.IBAN, .98, "")
	return j
}

// ibanGap passes at most three separators between groups.
func ibanGap(t []byte, i int) int {
	for range 3 {
		if i >= len(t) || bytes.IndexByte([]byte(" -./_,\t\n"), t[i]) < 0 {
			break
		}
		i++
	}
	return i
}

// bank finds other account and routing numbers of digits, all of which need their own cue word; it gives the end, 0 for none.
func (s *Scanner) bank(i, j int) int {
	t := s.text.Bytes
	if j-i > 17 || class[at(t, i-1)]&wordy != 0 || at(t, i-1) == '+' || at(t, i-1) == '$' {
		return 0
	}
	end, n := j, j-i
	for (at(t, end) == '-' || at(t, end) == ' ') && isIn(t, end+1, digit) && end-i < 24 {
		stop := run(t, end+1, digit, 18)
		n, end = n+stop-end-1, stop
	}
	if n < 6 || isIn(t, end, wordy) || fraction(t, end) {
		return 0
	}
	switch {
	case n == 9 && s.text.Near(cues().routing, i, end, 32) && routing(t[i:end]):
		s.add(i, end, span.Bank, .9, "aba")
	case n == 9 && s.text.Field && end-i == 11 && at(t, i+4) == '-' && routing(t[i:end]):
		s.add(i, end, span.Bank, .8, "aba")
	case n == 6 && end-i == 8 && j-i == 2 && s.text.Before(cues().sort, i, 24):
		s.add(i, end, span.Bank, .8, "sort code")
	case n == 8 && s.text.Before(cues().sort, i, 24):
		s.add(i, end, span.Bank, .7, "bank code")
	case n >= 7 && n <= 20 && s.text.Before(cues().account, i, 28):
		s.add(i, end, span.Bank, .6, "account")
	default:
		return 0
	}
	return end
}

// routing is the check of the American Bankers Association: weights 3, 7, 1.
func routing(b []byte) bool {
	sum, n := 0, 0
	for _, c := range b {
		if class[c]&digit != 0 {
			sum += int(c-'0') * [3]int{3, 7, 1}[n%3]
			n++
		}
	}
	first := int(b[0]-'0')*10 + int(b[1]-'0')
	return sum%10 == 0 && (first <= 12 || first >= 21 && first <= 32 || first >= 61 && first <= 72 || first == 80)
}

// bic finds a business identifier code, ISO 9362: a word of eight or eleven capitals and digits beside its cue word.
func (s *Scanner) bic(i, j int) int {
	t := s.text.Bytes[i:j]
	if len(t) != 8 && len(t) != 11 {
		return 0
	}
	for k, c := range t {
		if class[c]&upper == 0 && (k < 6 || class[c]&digit == 0) {
			return 0
		}
	}
	if !s.text.Near(cues().bic, i, j, 32) {
		return 0
	}
	s.add(i, j, span.Bank, .8, "bic")
	return j
}
