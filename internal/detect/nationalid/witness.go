// SPDX-License-Identifier: Apache-2.0

package nationalid

import (
	"math/bits"
	"strings"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// level is how much the words around say that an identifier stands here.
type level int8

const (
	unknown  level = iota - 1 // not yet read
	nothing                   // or the words name something else
	numbered                  // "number"
	hinted                    // "document", "registration"
	named                     // "passport", "tax id"
)

// What a finding scores, by what the words say: kept rule, shape with letters, shape of digits in its usual layout, shape of digits.
var (
	keptScore   = [...]float32{.4, .45, .8, .9}
	mixedScore  = [...]float32{.2, .45, .6, .75}
	laidScore   = [...]float32{.2, .5, .6, .75}
	digitsScore = [...]float32{.1, .2, .45, .65}
)

// plate is the cue that nothing else stands in for.
const plate = "id.plate"

// witness judges the readings of a token by their shape and the words around it.
type witness struct {
	x     *index
	t     *span.Text
	token *token
	level level
}

// add compiles a rule.
func (x *index) add(r rule, words *span.Dictionary) {
	for _, pattern := range strings.Split(r.shape, "|") {
		for _, p := range expand(pattern) {
			s := compile(r, p)
			if s.cue != "" {
				s.near = words.Must(s.cue)
			}
			if s.letters == 0 {
				x.put(0, s)
			}
			if s.digits != 1<<s.n-1 {
				x.put(1, s)
			}
		}
	}
}

func (x *index) put(side int, s shape) {
	if s.trust > cued {
		x.strong[side][s.n].put(s)
	}
	x.rest[side][s.n].put(s)
}

// shelf holds shapes, and beside each other what rules most of them out.
type shelf struct {
	masks  []mask
	shapes []shape
}

// mask has the positions that must be letters and digits.
type mask struct{ letters, digits uint32 }

func (f *shelf) put(s shape) {
	f.masks, f.shapes = append(f.masks, mask{s.letters, s.digits}), append(f.shapes, s)
}

func (m mask) admits(letters uint32) bool {
	return letters&m.letters == m.letters && letters&m.digits == 0
}

// judge gives the best that the first n symbols can be.
func (w *witness) judge(n int) (best found) {
	letters := w.token.letters & (1<<n - 1)
	side := min(1, int(letters))
	v := w.token.value
	v.n = n
	strong := &w.x.strong[side][n]
	for i, m := range strong.masks {
		if !m.admits(letters) || w.token.lower && !w.t.Field {
			continue
		}
		s := &strong.shapes[i]
		if score := w.stands(s, n); score > 0 && s.fits(&v) {
			return w.found(s, n, score, 0)
		}
	}
	field := w.t.Field && w.whole(n)
	if w.dateLike(n) || !field && letters == 0 && w.around(n) == nothing {
		return best
	}
	rest := &w.x.rest[side][n]
	for i, m := range rest.masks {
		if !m.admits(letters) {
			continue
		}
		s := &rest.shapes[i]
		if !s.fits(&v) {
			continue
		}
		if score, why := w.score(s, n, letters, field); score > best.Score {
			best = w.found(s, n, score, why)
		}
		if best.Score >= .9 {
			break
		}
	}
	return best
}

// stands gives the score of a shape whose first n symbols need no words around them; 0 where they do.
func (w *witness) stands(s *shape, n int) float32 {
	grouped := w.token.seps&(1<<n-1) != 0
	switch {
	case s.laidOut(w.token), s.trust == alone && (s.check != nil || !grouped):
		return .92
	case s.trust != firm || grouped || !w.whole(n):
		return 0
	case w.token.sym[0] == 0 && !w.t.Field: // a telephone's as well
		return .53
	}
	return .92
}

func (w *witness) found(s *shape, n int, score float32, why span.Reason) found {
	why |= span.Pattern
	if s.check != nil {
		why |= span.Validator
	}
	return found{Start: w.token.start, End: w.token.closed(w.t.Bytes, n), Kind: span.NationalID, Reason: why, Score: score, Subtype: s.subtype}
}

// score says how sure a shape is that does not stand alone, and whether words around it say so.
func (w *witness) score(s *shape, n int, letters uint32, field bool) (float32, span.Reason) {
	laidOut := s.laidOut(w.token)
	if field {
		return s.bare(w.token, letters != 0, laidOut), 0
	}
	l := w.around(n)
	if l < named && s.cue != "" && w.t.Near(s.near, w.token.start, w.token.end(n), reachCue) {
		l = named
	}
	why := span.Reason(0)
	if l > nothing {
		why = span.Context
	}
	switch {
	case s.cue == plate && l == nothing && !w.token.lower && (s.check != nil || laidOut) && w.whole(n):
		return .5, why
	case s.cue != "" && l < named, s.cue == plate && !w.t.Near(s.near, w.token.start, w.token.end(n), reachCue):
		return 0, why
	case s.check != nil && l == numbered && letters == 0 && !laidOut && w.scattered(n):
		return 0, why
	case s.trust >= firm && s.check != nil && l == numbered && w.token.sym[0] > 0:
		return .7, why
	case s.check != nil && l == nothing && letters != 0 && w.whole(n), s.check != nil && l == numbered && w.token.sym[0] > 0:
		return .55, why
	case s.check != nil:
		return keptScore[l], why
	case letters != 0 && l == nothing && w.whole(n) && (laidOut || w.token.seps&(1<<n-1) == 0):
		return .5, why
	case letters != 0 && laidOut && l == named:
		return .85, why
	case letters != 0:
		return mixedScore[l], why
	case laidOut:
		return laidScore[l], why
	}
	return digitsScore[l], why
}

// bare gives the score of a shape that is a field's value. Digits in other groups than the shape's may be those of a telephone.
func (s *shape) bare(t *token, letters, laidOut bool) float32 {
	groups := t.seps & (1<<s.n - 1)
	switch {
	case s.check != nil && (letters || groups == 0 || groups == s.seps):
		return .9
	case s.check != nil:
		return .75
	case laidOut:
		return .82
	case letters || groups == 0:
		return .6
	}
	return .5
}

// around reads the words around the token once.
func (w *witness) around(n int) level {
	if w.level > unknown {
		return w.level
	}
	start, end := w.token.start, w.token.end(n)
	switch {
	case w.t.Before(w.x.sure, start, reachClose):
		w.level = named
	case w.t.Before(w.x.other, start, reachOther):
		w.level = nothing
	case w.t.Before(w.x.sure, start, reachSure), w.t.Near(w.x.sure, start, end, reachAfter):
		w.level = named
	case w.t.Near(w.x.id, start, end, reachCue):
		w.level = hinted
	case w.t.Before(w.x.number, start, reachNumber):
		w.level = numbered
	default:
		w.level = nothing
	}
	return w.level
}

// unshaped accepts what follows the name of a document though no shape fits: digits in groups, or a group that holds some.
func (w *witness) unshaped(best found) found {
	k := w.token
	n := k.n
	for cuts := k.cuts; cuts != 0; { // the longest with digits at its end
		n = bits.Len32(cuts)
		cuts &^= 1 << (n - 1)
		if k.letters>>(n-1)&1 == 0 || k.seps&(1<<n-1) == 0 {
			break
		}
	}
	digits := k.digits(n)
	least := 5
	switch {
	case w.t.Field:
		least = 3
	case k.letters&(1<<n-1) == 0:
		least = 6
	}
	if n < 5 || n > 20 || digits < least || digits*2 < n || continues(w.t.Bytes, k.end(n)) || w.dateLike(n) {
		return best
	}
	if k.seps != 0 && k.letters>>(bits.TrailingZeros32(k.seps)-1)&1 != 0 && k.digits(bits.TrailingZeros32(k.seps)) == 0 && !w.t.Field {
		return best // begins with a word
	}
	f := found{Start: k.start, End: k.closed(w.t.Bytes, n), Kind: span.NationalID, Reason: span.Pattern | span.Context, Score: .5}
	switch {
	case w.t.Field && w.whole(n):
		f.Reason, f.Score = span.Pattern, .4
	case w.around(n) < named || !w.t.Before(w.x.sure, k.start, reachSure):
		return best
	}
	if f.Score <= best.Score {
		return best
	}
	return f
}

// whole reports whether the first n symbols are all of the text.
func (w *witness) whole(n int) bool {
	b := w.t.Bytes
	for _, c := range b[:w.token.start] {
		if c != ' ' {
			return false
		}
	}
	for _, c := range b[w.token.closed(b, n):] {
		if c != ' ' && c != '\n' {
			return false
		}
	}
	return true
}

// scattered reports that the first n symbols stand in groups of one or two, as lists of numbers do.
func (w *witness) scattered(n int) bool {
	seps := w.token.seps & (1<<n - 1)
	return seps != 0 && n <= 2*(ones(seps)+1)
}

// dateLike reports digits that are rather a date, a time, an address of the Internet or a decimal number.
func (w *witness) dateLike(n int) bool {
	k := w.token
	if k.letters&(1<<n-1) != 0 {
		return false
	}
	var size [5]int
	groups, last, sep, octets := 0, 0, byte(0), true
	for i := 1; i <= n; i++ {
		if i < n && k.seps>>i&1 == 0 {
			continue
		}
		if groups == len(size) {
			return false
		}
		if i < n {
			if sep != 0 && sep != k.sep[i] {
				return false
			}
			sep = k.sep[i]
		}
		size[groups] = i - last
		octets = octets && k.number(last, i) <= 255
		last = i
		groups++
	}
	switch {
	case groups == 1 && n == 8:
		return w.level != named && !w.t.Field && k.number(0, 4) >= 1900 && k.number(0, 4) <= 2100 && dated(k.number(4, 6), k.number(6, 8), nil)
	case groups == 2:
		return sep == '.' && size[1] <= 3 || sep == ':' || sep == '-' && size[0] == 4 && (size[1] == 4 || size[1] == 2 && following(k.number(0, 4), k.number(4, 6)))
	case groups == 3:
		return sep != ' ' && (size[0] == 4 && size[1] <= 2 && size[2] <= 2 || size[0] <= 2 && size[1] <= 2 && (size[2] == 4 || n <= 6)) || sep == ':'
	case groups == 4:
		return sep == '.' && octets
	}
	return false
}

// following reports a year and the last two digits of the next: 2020-21.
func following(year, next int) bool { return year >= 1800 && year < 2100 && (year+1)%100 == next }

func ones(mask uint32) int { return bits.OnesCount32(mask) }
