// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// words finds phrases in the text.
func (s *Scanner) words(p *phrases, why span.Reason) {
	if len(p.list) == 0 {
		return
	}
	t := s.text.Bytes
	for i := 0; i < len(t); i++ {
		c := t[i]
		if c < utf8.RuneSelf {
			if class[c]&alnum == 0 || i > 0 && class[t[i-1]]&wordy != 0 {
				continue
			}
			if next := at(t, i+1); next < utf8.RuneSelf { // most words are ruled out here
				if class[next]&alnum == 0 {
					next = ' '
				}
				if !p.pairs.has(pair(lowered(c), lowered(next))) {
					continue
				}
			}
		}
		if !p.atWord(t, i) {
			continue
		}
		which, end := p.find(t, i)
		if which < 0 {
			continue
		}
		w := p.list[which]
		f := Finding{Found: span.Found{Start: i, End: end, Kind: w.kind, Reason: why, Score: 1}, Ref: int(w.ref)}
		f.signs(t)
		s.fixed = append(s.fixed, f)
		i = end - 1
	}
}

// signs takes '@' and '#' into a handle, or what is written as one.
func (f *Finding) signs(t []byte) {
	switch at(t, f.Start-1) {
	case '@':
		if f.Kind == span.Handle || f.Kind == span.Person {
			f.Start--
			f.Kind = span.Handle
		}
	case '#':
		if f.Kind == span.Handle || f.Kind == span.Person {
			f.Start--
			f.Kind = span.Hashtag
		}
	}
}

// join makes one finding of parts of one name that stand side by side, from the n-th on.
func (s *Scanner) join(n int) {
	t, kept := s.text.Bytes, s.fixed[:n]
	for _, f := range s.fixed[n:] {
		if len(kept) > n {
			last := &kept[len(kept)-1]
			if last.Ref == f.Ref && last.Kind == f.Kind && f.Kind == span.Person && joins(t[last.End:f.Start]) {
				last.End = f.End
				continue
			}
		}
		kept = append(kept, f)
	}
	s.fixed = kept
}

// joins reports what may stand between parts of a name: a space, a hyphen, an initial.
func joins(between []byte) bool {
	if len(between) > 4 || bytes.IndexByte(between, '\n') >= 0 {
		return false
	}
	letters := 0
	for _, c := range between {
		switch {
		case class[c]&upper != 0:
			letters++
		case c != ' ' && c != '.' && c != '-' && c != '\'':
			return false
		}
	}
	return letters == 0 || letters == 1 && between[0] == ' ' && len(between) > 2
}

// phones finds telephone numbers of the event, digit by digit.
func (s *Scanner) phones() {
	t := s.text.Bytes
	for i := 0; i < len(t); i++ {
		if class[t[i]]&digit == 0 || i > 0 && isIn(t, i-1, alnum) {
			continue
		}
		if end, ref := s.self.numberAt(t, i); end > 0 {
			start := i
			for start > 0 && (t[start-1] == '+' || t[start-1] == '(') {
				start--
			}
			f := span.Found{Start: start, End: end, Kind: span.Phone, Reason: span.Self, Score: 1}
			s.fixed = append(s.fixed, Finding{f, ref})
			i = end
		}
	}
}

// numberAt gives the end of one of the numbers at i, written in any groups, and whose it is; 0 for none.
func (v *selves) numberAt(t []byte, i int) (end, ref int) {
	var room [20]byte
	digits, gap := room[:0], 0
	for ; i < len(t) && gap < 4 && len(digits) < len(room); i++ {
		c := t[i]
		switch {
		case class[c]&digit != 0:
			if (c != '0' || len(digits) > 0) && (c != '0' || at(t, i-1) != '(' || at(t, i+1) != ')') {
				digits = append(digits, c)
			}
			gap = 0
			if !isIn(t, i+1, digit) {
				if r := v.whose(digits); r >= 0 {
					end, ref = i+1, r
				}
			}
		case bytes.IndexByte([]byte(" .-/()"), c) < 0:
			return end, ref
		default:
			gap++
		}
	}
	return end, ref
}

// whose gives whose number these digits are, with or without the code of the country; -1 for nobody's.
func (v *selves) whose(digits []byte) int {
	for _, n := range v.numbers {
		own := v.digits[n.from:n.to]
		short, long := own, digits
		if len(short) > len(long) {
			short, long = long, short
		}
		if len(short) >= leastDigits && len(long)-len(short) <= 4 && bytes.HasSuffix(long, short) {
			return int(n.ref)
		}
	}
	return -1
}
