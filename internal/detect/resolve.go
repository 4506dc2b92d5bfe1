// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// resolve makes findings in the original of what was found in the view: where they overlap the surest stays, then the longest, then
// the first kind.
func (s *Scanner) resolve() {
	if len(s.found)+len(s.fixed) == 0 {
		return
	}
	sorted(s.found)
	for i := 0; i < len(s.found); {
		end, j := s.found[i].End, i+1
		for j < len(s.found) && s.found[j].Start < end {
			end = max(end, s.found[j].End)
			j++
		}
		s.cluster(s.found[i:j])
		i = j
	}
	if len(s.fixed) > 0 {
		s.overlay()
	}
	s.restore()
}

// maxCluster is how many overlapping findings are compared each with each; of more the better neighbor stays.
const maxCluster = 64

// cluster appends what stays of findings that overlap, in order.
func (s *Scanner) cluster(c []span.Found) {
	first := len(s.out)
	if len(c) == 1 || len(c) > maxCluster {
		for _, f := range c {
			if n := len(s.out); n > first && s.out[n-1].End > f.Start {
				if better(f, s.out[n-1].Found) > 0 {
					continue
				}
				s.out = s.out[:n-1]
			}
			s.out = append(s.out, Finding{f, -1})
		}
		return
	}
	yieldNames(c)
	slices.SortFunc(c, better)
	for _, f := range c {
		if !slices.ContainsFunc(s.out[first:], func(o Finding) bool { return f.Start < o.End && o.Start < f.End }) {
			s.out = append(s.out, Finding{f, -1})
		}
	}
	inOrder(s.out[first:])
}

// yieldNames puts names behind what they are part of: a street, an address of mail.
func yieldNames(c []span.Found) {
	for i := range c {
		if f := &c[i]; f.Kind == span.Person {
			for _, o := range c {
				if o.Kind != span.Person && o.Start <= f.Start && f.End <= o.End && o.End-o.Start > f.End-f.Start {
					f.Score = min(f.Score, o.Score-.01)
				}
			}
		}
	}
}

// better is negative where a is to stay rather than b.
func better(a, b span.Found) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	case a.End-a.Start != b.End-b.Start:
		return b.End - b.Start - (a.End - a.Start)
	case a.Kind != b.Kind:
		return int(a.Kind) - int(b.Kind)
	}
	return a.Start - b.Start
}

func inOrder(f []Finding) {
	slices.SortFunc(f, func(a, b Finding) int { return a.Start - b.Start })
}

// overlay puts identities and listed words over what was found: they win where they overlap; what holds one and more stays whole
// and takes its reference, so that nothing of it is left.
func (s *Scanner) overlay() {
	inOrder(s.fixed)
	s.spare = s.spare[:0]
	o := 0
	for i, f := range s.fixed {
		if i > 0 && f.Start < s.fixed[i-1].End { // of two the first wins, the longer where they begin together
			if f.End > s.fixed[i-1].End {
				s.fixed[i].Start = s.fixed[i-1].End
				f = s.fixed[i]
			} else {
				s.fixed[i] = s.fixed[i-1]
				continue
			}
		}
		for o < len(s.out) && s.out[o].End <= f.Start {
			s.append(s.out[o])
			o++
		}
		held := false
		for o < len(s.out) && s.out[o].Start < f.End && !held {
			out := &s.out[o]
			switch {
			case out.Start <= f.Start && out.End >= f.End && out.End-out.Start > f.End-f.Start:
				out.Reason |= f.Reason
				out.Ref = max(out.Ref, f.Ref)
				held = true
			case out.Reason&(span.Self|span.Listed) != 0: // it holds another one already
				out.End = f.End
				held = true
			default:
				o++
			}
		}
		if !held {
			s.append(f)
		}
	}
	for _, f := range s.out[min(o, len(s.out)):] {
		s.append(f)
	}
	s.out, s.spare = s.spare, s.out
}

// restore gives findings their place in the original.
func (s *Scanner) restore() {
	v := &s.view
	if len(v.edits) == 0 && utf8.Valid(v.orig) {
		return
	}
	kept, inTags := s.out[:0], false
	for _, f := range s.out {
		if v.crosses(f.Start, f.End) {
			continue
		}
		inTags = inTags || len(v.parts) > 0 && f.Start >= int(v.parts[0])
		f.Start, f.End = v.origin(f.Start, f.End)
		f.Start, f.End = runeStart(v.orig, f.Start), runeEnd(v.orig, f.End)
		if f.Start < f.End && (len(kept) == 0 || inTags || kept[len(kept)-1].End <= f.Start) {
			kept = append(kept, f)
		}
	}
	s.out = kept
	if inTags {
		s.split()
	}
}

// split orders findings of attributes among those of the text; where their tag lies within a finding, that is parted around it.
func (s *Scanner) split() {
	inOrder(s.out)
	s.spare = s.spare[:0]
	for i := 0; i < len(s.out); {
		f := s.out[i]
		for i++; i < len(s.out) && s.out[i].Start < f.End; i++ {
			tag, part := s.view.tagAt(s.out[i].Start), f
			if tag.Start <= f.Start && f.End <= tag.End { // both in one tag
				tag = Piece{s.out[i].Start, s.out[i].End}
			}
			part.End = min(max(tag.Start, f.Start), f.End)
			s.append(part)
			s.append(s.out[i])
			f.Start = max(f.Start, tag.End, s.out[i].End)
		}
		s.append(f)
	}
	s.out, s.spare = s.spare, s.out
}

// append adds a finding to spare where it is not empty and overlaps none before.
func (s *Scanner) append(f Finding) {
	if n := len(s.spare); f.Start < f.End && (n == 0 || s.spare[n-1].End <= f.Start) {
		s.spare = append(s.spare, f)
	}
}

// runeStart moves i to where the rune around it begins.
func runeStart(b []byte, i int) int {
	for n := 1; n < utf8.UTFMax && i >= n && i < len(b) && !utf8.RuneStart(b[i]); n++ {
		if _, size := utf8.DecodeRune(b[i-n:]); size > n {
			return i - n
		}
	}
	return i
}

// runeEnd moves i to where the rune around it ends.
func runeEnd(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	if start := runeStart(b, i); start < i {
		_, size := utf8.DecodeRune(b[start:])
		return start + size
	}
	return i
}
