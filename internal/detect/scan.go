// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// Scanner finds personal data in one text after another.
type Scanner struct {
	d      *Detector
	view   view
	text   span.Text
	found  []span.Found // in the view, of at least the least score
	fixed  []Finding    // in the view: identities of the event, and what the policy lists
	out    []Finding
	spare  []Finding
	pieces []Piece
	self   selves
	folded []byte

	domainTried, secretTried, numeralTried int // up to where names and tokens were looked at in vain
}

// FindWith is Find for a text whose author, sender and the like are known: their identities are found wherever they occur, and
// are Self of what they lie in.
func (s *Scanner) FindWith(text []byte, m Markup, self []Identity) []Finding {
	s.view.reset(text, m)
	s.text.Reset(s.view.bytes, s.d.field)
	s.found, s.fixed, s.out = s.found[:0], s.fixed[:0], s.out[:0]
	s.domainTried, s.secretTried, s.numeralTried = 0, 0, 0
	for _, p := range s.view.mentions {
		s.add(p.Start, p.End, span.Handle, .99, "mention")
	}
	s.pass()
	if s.d.names != nil && s.d.kinds.has(span.Person) {
		n := len(s.found)
		s.found = s.d.names.Find(s.found, &s.text)
		s.strong(n)
	}
	s.listed()
	s.identities(self)
	s.resolve()
	return s.out
}

// Pieces gives the parts of a finding of the last text that are text: what lies between them is markup, which is to stay. The
// result is valid until the next call.
func (s *Scanner) Pieces(f Finding) []Piece {
	s.pieces = s.view.pieces(s.pieces[:0], f.Start, f.End)
	return s.pieces
}

// add notes a finding that its shape, or a check, gave.
func (s *Scanner) add(start, end int, k span.Kind, score float32, subtype string) {
	s.addFor(span.Pattern, start, end, k, score, subtype)
}

// addFor is add for more reasons than a shape.
func (s *Scanner) addFor(why span.Reason, start, end int, k span.Kind, score float32, subtype string) {
	if s.d.kinds.has(k) && score >= s.d.minScore {
		s.found = append(s.found, span.Found{Start: start, End: end, Kind: k, Reason: why, Score: score, Subtype: subtype})
	}
}

// sure is the score from which on nothing else is looked for within a finding.
const sure = .8

// certain is the score from which on no identifier is looked for in place of another number.
const certain = .9

// strong drops the findings from n on that are not sure enough or not asked for; it gives where the last that is quite sure ends.
func (s *Scanner) strong(n int) (end int) {
	kept := s.found[:n]
	for _, f := range s.found[n:] {
		if f.Score < s.d.minScore || !s.d.kinds.has(f.Kind) || f.Start < 0 || f.End > len(s.text.Bytes) || f.Start >= f.End {
			continue
		}
		if f.Score >= sure {
			end = max(end, f.End)
		}
		kept = append(kept, f)
	}
	s.found = kept
	return end
}

// triggers are signs at which something may be found.
var triggers = func() (table [256]bool) {
	for _, c := range []byte("@:=+([{-#") {
		table[c] = true
	}
	return table
}()

// pass goes over the text once; it is kept in one loop for speed.
func (s *Scanner) pass() {
	t := s.text.Bytes
	for i := 0; i < len(t); {
		c := t[i]
		if class[c]&(wordy|high) == 0 {
			if triggers[c] {
				i = s.sign(i)
			} else {
				i++
			}
			continue
		}
		if c >= utf8.RuneSelf {
			i = s.high(i)
			continue
		}
		flags, j := uint8(0), i
		for ; j < len(t) && class[t[j]]&wordy != 0; j++ {
			flags |= class[t[j]]
		}
		if flags&digit != 0 {
			i = max(j, s.number(i, j, flags))
		} else {
			i = max(j, s.word(i, j, flags))
		}
	}
}

// sign looks at a trigger and gives where to go on.
func (s *Scanner) sign(i int) int {
	t := s.text.Bytes
	next := at(t, i+1)
	end := 0
	switch t[i] {
	case '@':
		return s.atSign(i)
	case ':':
		switch {
		case next == '/' && at(t, i+2) == '/':
			end = s.url(i)
		case next == ':':
			end = s.ipv6(i)
		default:
			end = s.assignment(i)
		}
	case '=':
		end = s.assignment(i)
	case '(', '[', '{':
		if end = s.spelledEmail(i); end == 0 {
			end = s.broken(i)
		}
		if end == 0 && t[i] == '(' && class[next]&digit|class[at(t, i+2)]&digit != 0 {
			end = s.leaf(leaves.phone, span.Phone, i)
		}
	case '+':
		if class[next]&digit != 0 || next == '(' {
			end = s.leaf(leaves.phone, span.Phone, i)
		}
	case '-':
		if next == '-' {
			end = s.pem(i)
		}
	case '#':
		end = s.hashtag(i)
	}
	return max(end, i+1)
}

// word looks at a word without digits, t[i:j], and gives where to go on.
func (s *Scanner) word(i, j int, flags uint8) int {
	t := s.text.Bytes
	end := 0
	switch next := at(t, j); next {
	case '.':
		if isIn(t, j+1, alnum|high) {
			end = s.bareURL(i, j)
		}
	case ':', '-':
		if j-i <= 4 && allHex(t[i:j]) && at(t, j+1) != ' ' {
			if next == ':' {
				end = s.mac(i)
				if end == 0 {
					end = s.ipv6(i)
				}
			} else {
				end = s.mac(i)
			}
		} else if j-i == 8 && next == '-' {
			end = s.uuid(i)
		}
		if end == 0 && next == '-' && hyphened(t, j) {
			end = s.bareURL(i, j)
		}
	case '/':
		if j-i == 1 && t[i]|32 == 'u' {
			end = s.reddit(i)
		}
	}
	if end == 0 && (j-i >= 12 || tokenStarts[t[i]] && tokenFollows(at(t, j))) {
		if j-i >= 25 {
			end = s.wallet(i, j)
		}
		if end == 0 && (j-i == 12 || j-i == 16) && allHex(t[i:j]) {
			end = s.mac(i)
		}
		if end == 0 {
			end = s.secret(i)
		}
	}
	if end == 0 && flags&(upper|lower) == upper && (j-i == 8 || j-i == 11) {
		end = s.bic(i, j)
	}
	if end == 0 && j-i <= maxNumeral {
		if what := named[outline(t[i:j])]; what != 0 {
			end = s.namedWord(i, j, what)
		}
	}
	if end > 0 {
		return end
	}
	if j-i <= 6 && isIn(t, j+1, digit) && (at(t, j) == '-' || at(t, j) == '.' || flags&upper != 0 && at(t, j) == ' ' || at(t, j) == '/') {
		end = s.leaf(leaves.id, span.NationalID, i)
	}
	return max(end, s.locale(i))
}

// hyphened reports that words parted by hyphens go on from j to a point within a name.
func hyphened(t []byte, j int) bool {
	stop := min(len(t), j+maxLabel)
	for j < stop && (class[t[j]]&wordy != 0 || t[j] == '-') {
		j++
	}
	return at(t, j) == '.' && isIn(t, j+1, alnum|high)
}

// maxLabel is the longest label of a domain name, RFC 1035.
const maxLabel = 63

// tokenStarts has the first letters of tokenForms.
var tokenStarts = func() (table [256]bool) {
	for c := range tokens {
		table[c] = len(tokens[c]) > 0 || c == 'e'
	}
	return table
}()

func tokenFollows(c byte) bool {
	return c == '-' || c == '.' || c == '+' || c == '/' || c == '~' || c == '$'
}

// number looks at a word with digits, t[i:j], and gives where to go on.
func (s *Scanner) number(i, j int, flags uint8) int {
	t := s.text.Bytes
	next := at(t, j)
	if next == '@' {
		return j
	}
	var end int
	if j-i == 8 && next == '-' {
		if end = s.uuid(i); end > 0 {
			return end
		}
	}
	if flags&(letter|under) == 0 {
		end = s.digits(i, j, next)
	} else {
		end = s.mixed(i, j, next, flags)
	}
	if end > 0 {
		if n := len(s.found); n > 0 && s.found[n-1].Start == i && s.found[n-1].Score < certain {
			end = max(end, s.leaf(leaves.id, span.NationalID, i))
		}
		return end
	}
	if flags&under != 0 {
		return j
	}
	if class[t[i]]&digit != 0 {
		if end = s.leaf(leaves.numeric, span.Birth, i); end == 0 {
			end = s.leaf(leaves.phone, span.Phone, i)
		}
	}
	end = max(end, s.leaf(leaves.id, span.NationalID, i))
	if end == 0 && s.d.kinds.has(span.Bank) && flags&letter == 0 {
		end = s.bank(i, j)
	}
	if class[t[i]]&letter != 0 {
		end = max(end, s.locale(i))
	}
	return end
}

// digits looks at a number.
func (s *Scanner) digits(i, j int, next byte) int {
	t, end := s.text.Bytes, 0
	switch {
	case next == '.' && j-i <= 3:
		end = s.ipv4(i)
	case next == ':' && j-i <= 4:
		if end = s.mac(i); end == 0 {
			end = s.ipv6(i)
		}
	case next == ':' && j-i >= 8 && j-i <= 17 && at(t, j+1) == 'A':
		end = s.bot(i, j)
	}
	if end == 0 && (next == '-' || next == '.' || next == ' ' || j-i >= 12) && (j-i == 2 || j-i == 4 || j-i == 6 || j-i == 12 || j-i == 16) {
		end = s.mac(i)
	}
	if end == 0 && (j-i >= 12 || isIn(t, j+1, digit) || j-i == 4 && (isIn(t, j+2, digit) || isIn(t, j+3, digit))) {
		end = s.card(i, j)
	}
	if end == 0 && next == '.' && isIn(t, j+1, alnum) && letters(t[j:min(len(t), j+4)]) {
		end = s.bareURL(i, j)
	}
	if end == 0 && j-i >= 16 {
		end = s.secret(i)
	}
	return end
}

// mixed looks at a word of digits and letters.
func (s *Scanner) mixed(i, j int, next byte, flags uint8) int {
	t, end := s.text.Bytes, 0
	if j-i >= 4 && class[t[i]]&class[t[i+1]]&letter != 0 || j-i >= 4 && class[t[i]]&letter != 0 && class[t[i+1]]&letter != 0 {
		if class[t[i+2]]&digit != 0 && class[t[i+3]]&digit != 0 && s.d.kinds.has(span.IBAN) {
			end = s.iban(i)
		}
	}
	if end == 0 && j-i <= 16 && allHex(t[i:j]) {
		if end = s.mac(i); end == 0 && next == ':' && j-i <= 4 {
			end = s.ipv6(i)
		}
	}
	if end == 0 && j-i >= 25 {
		end = s.wallet(i, j)
	}
	if end == 0 && (j-i >= 12 || tokenStarts[t[i]] && tokenFollows(next) || j-i >= 3 && (next == '+' || next == '/' || next == '~')) {
		end = s.secret(i)
	}
	if end == 0 && next == '.' && isIn(t, j+1, alnum|high) || next == '-' && flags&under == 0 && isIn(t, j+1, alnum) && end == 0 {
		end = s.bareURL(i, j)
	}
	if end == 0 && flags&upper != 0 && (j-i == 8 || j-i == 11) {
		end = s.bic(i, j)
	}
	return end
}

// high passes the runes beyond ASCII from i on.
func (s *Scanner) high(i int) int {
	t := s.text.Bytes
	if c := t[i]; (c == 0xe5 || c == 0xe3) && i+6 <= len(t) {
		if end := s.densePassword(i); end > 0 {
			return end
		}
	}
	if isIn(t, i, high) && hanDigit(t, i) {
		if end := s.hanNumber(i); end > 0 {
			return end
		}
	}
	end := max(i+1, s.locale(i))
	for end < len(t) && !utf8.RuneStart(t[end]) && end < i+utf8.UTFMax {
		end++
	}
	return end
}

// leaf calls a recognizer at i and gives where the last finding that is quite sure ends; 0 for none.
func (s *Scanner) leaf(find leaf, k span.Kind, i int) int {
	if find == nil || k != span.Birth && !s.d.kinds.has(k) {
		return 0
	}
	n := len(s.found)
	s.found = find(s.found, &s.text, i)
	if len(s.found) == n {
		return 0
	}
	return s.strong(n)
}

// sorted orders by where findings begin.
func sorted(f []span.Found) {
	slices.SortFunc(f, func(a, b span.Found) int { return a.Start - b.Start })
}
