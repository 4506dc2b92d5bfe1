// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// Find appends the telephone number that begins at t.Bytes[at], a digit, '+' or '(' at the beginning of a token. Scores below .5 are
// guesses that want a reason from elsewhere.
func Find(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	if short(b, at) {
		return dst
	}
	joined, ok := begins(b, at)
	if !ok {
		return dst
	}
	var n number
	if !n.scan(b, at) {
		return dst
	}
	c := candidate{number: &n, text: t, joined: joined}
	if ok = c.international(); !ok && !n.plus && !n.abroad {
		ok = c.national()
	}
	if !ok {
		return dst
	}
	return append(dst, span.Found{Start: at, End: c.end, Kind: span.Phone, Reason: c.reason, Score: c.score})
}

// short rules out at once what has no digits for a number: most of what stands in texts.
func short(b []byte, at int) bool {
	i := at
	for i < len(b) && digit(b[i]) {
		i++
	}
	switch n := i - at; {
	case n == 0: // '+' or '('
		return i+4 > len(b)
	case n > maxDigits:
		return true
	case n > 5:
		return false
	}
	if i+2 >= len(b) {
		return true
	}
	switch b[i] {
	case ' ':
		return !digit(b[i+1]) && b[i+1] != '(' && b[i+1] != '-' && b[i+1] != '/'
	case '-', '.', '/':
		return !digit(b[i+1]) && b[i+1] != '('
	case '(', ')':
		return false
	}
	return true
}

// candidate is a number that is being judged.
type candidate struct {
	*number
	text   *span.Text
	joined bool // digits and a space precede it

	end    int
	score  float32
	reason span.Reason
}

// bounded reports whether the number may end behind group g, and where it does with its extension.
func (c *candidate) bounded(g int, loose bool) (end int, extended, ok bool) {
	b, last := c.text.Bytes, c.groups[g].end
	if g == c.size-1 {
		if end = extension(b, last); end > last {
			return end, true, ends(b, end, true)
		}
	}
	return last, false, ends(b, last, loose)
}

// international judges a number with its calling code, behind '+', 00 or 011, or "(0)".
func (c *candidate) international() bool {
	skip := 0
	switch {
	case c.plus || c.abroad:
		if c.digits[0] == 0 && c.digits[1] == 0 {
			skip = 2
		}
	case c.digits[0] == 0 && c.digits[1] == 0:
		skip = 2
	case c.digits[0] == 0 && c.digits[1] == 1 && c.digits[2] == 1:
		skip = 3
	default:
		return false
	}
	if skip > 0 && c.joined && !c.apart(c.size) {
		return false
	}
	var sure, likely int // groups up to which the number is valid or possible; 0: none
	for _, trunkZero := range [...]bool{false, true} {
		v, p := c.world(skip, trunkZero)
		sure, likely = max(sure, v), max(likely, p)
	}
	bare := skip > 0 && c.size == 1 // zeros that begin an identifier
	switch {
	case sure > 0 && bare && !c.cue(near):
		return c.accept(sure-1, .6, span.Pattern|span.Validator)
	case sure > 0:
		return c.accept(sure-1, .97, span.Pattern|span.Validator)
	}
	digits := int(c.groups[c.size-1].digits) - skip
	switch {
	case likely > 0 && (c.plus && digits >= 8 || c.size > 1 && digits >= 9 || !bare && c.alone() || c.cue(near)):
		return c.accept(likely-1, .9, span.Pattern)
	case c.plus && digits >= 8 && digits <= 15 && c.cue(near):
		return c.accept(c.size-1, .6, span.Pattern|span.Context)
	}
	return false
}

// world walks the plan of international numbers from the digit skip on and gives by how many groups a valid and a possible number
// is made, 0 for none. trunkZero passes over a zero behind the calling code, which is dialed within the country only.
func (c *candidate) world(skip int, trunkZero bool) (sure, likely int) {
	p := numbering()
	state, zero := p.world, -1
	if trunkZero {
		if zero = skip + callingCode(c.digits[skip], c.digits[skip+1]); zero >= maxDigits || c.digits[zero] != 0 {
			return 0, 0
		}
	}
	g := 0
	for i := skip; i < int(c.groups[c.size-1].digits) && state != 0; i++ {
		if i != zero {
			state = p.next[state][c.digits[i]]
		}
		for int(c.groups[g].digits) < i+1 {
			g++
		}
		if int(c.groups[g].digits) != i+1 || p.ends[state] == 0 {
			continue
		}
		if _, _, ok := c.bounded(g, true); !ok {
			continue
		}
		if p.ends[state]&valid != 0 {
			sure = g + 1
		}
		if p.ends[state]&possible != 0 && g == c.size-1 {
			likely = g + 1
		}
	}
	return sure, likely
}

// accept takes the number up to group g.
func (c *candidate) accept(g int, score float32, reason span.Reason) bool {
	end, _, ok := c.bounded(g, true)
	c.end, c.score, c.reason = end, score, reason
	return ok
}

// alone reports whether the text holds nothing but the number.
func (c *candidate) alone() bool {
	b := c.text.Bytes
	end := extension(b, c.groups[c.size-1].end)
	return blank(b[:c.start]) && blank(b[end:])
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\n' && c != '.' {
			return false
		}
	}
	return true
}

// Reach of cue words in bytes, before and behind.
const (
	near   = 40
	beside = 14
)

// cues are the meanings of words beside numbers.
type cues struct {
	phone span.Cue // a telephone
	weak  span.Cue // perhaps a telephone
	not   span.Cue // a number of something else
}

var words = sync.OnceValue(func() cues {
	d := span.Cues()
	return cues{phone: d.Must("phone"), weak: d.Must("phone.weak"), not: d.Must("phone.not")}
})

// cue reports whether a word that tells of telephones stands within reach.
func (c *candidate) cue(reach int) bool {
	return c.text.Field || c.text.Near(words().phone, c.start, c.groups[c.size-1].end, reach)
}
