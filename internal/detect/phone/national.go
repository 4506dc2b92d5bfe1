// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"bytes"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// Scores of national numbers by what their looks alone tell.
const (
	extended  = .75 // an extension behind a number
	areaCode  = .75 // an area code in parentheses before a number of that region
	hyphened  = .7  // ddd-ddd-dddd and ddd.ddd.dddd that the North American plan has
	withTrunk = .6  // the trunk prefix, and groups as a region prints them
	spaced    = .5  // ddd ddd dddd that the North American plan has
	printed   = .4  // groups as a region prints them
	digits    = .3  // digits only
)

// national judges a number without calling code: by its looks, the plans of all regions and the words around it.
func (c *candidate) national() bool {
	size, ends, asPrinted := c.written()
	total := int(c.groups[size-1].digits)
	end, ext, ok := c.bounded(size-1, ends != 0 && size > 1)
	if !ok || total > 15 || total < 7 && (total < 5 || c.len(0) < 2 || c.len(0) == 5) || c.otherwise(size) && (ends == 0 || !c.dotted(size)) {
		return false
	}
	if !asPrinted && size > 1 && (total > 13 || c.len(size-1) == 1 || c.mixed(size)) {
		return false
	}
	c.end, c.reason = end, span.Pattern
	c.score = c.looks(size, ends, asPrinted, ext)
	if ends != 0 {
		c.reason |= span.Validator
	}
	if c.joined && !c.apart(size) {
		return false
	}
	c.weigh(size, total, ends, asPrinted)
	return c.score >= digits
}

// written walks the plan of national numbers. It gives by how many groups the longest number is made, its ends there, and whether
// its groups are those that a region prints. Otherwise all digits together may make one; ends are 0 where they do not, either.
func (c *candidate) written() (size int, ends uint8, printed bool) {
	p := numbering()
	state, last := p.national, c.size-1
	for g := range c.size {
		if g > 0 {
			state = p.next[state][separator]
		}
		state = p.walk(state, c.digits[c.before(g):c.groups[g].digits])
		if e := p.ends[state]; e != 0 && (g == last || c.cut(g)) {
			size, ends = g+1, e
		}
		if state == 0 {
			break
		}
	}
	if size == c.size {
		return size, ends, true
	}
	whole := p.ends[p.walk(p.national, c.digits[:c.groups[last].digits])]
	if whole != 0 && c.len(last) > 1 && (size == 0 || c.parted(' ', c.size)) {
		return c.size, whole, false
	}
	if size > 0 {
		return size, ends, true
	}
	if sure, _ := c.world(0, false); sure == c.size { // the calling code without '+'
		return c.size, plain, false
	}
	return c.size, 0, false
}

// cut reports whether the groups behind g may belong to something else: a slash or space parts them, and they follow what begins
// with a zero or is parted by other signs.
func (c *candidate) cut(g int) bool {
	by := c.groups[g+1].gap
	if by == '/' && c.groups[g].digits > 8 {
		return g > 0 && c.groups[g].gap != '/'
	}
	if by != ' ' && by != 'w' || c.groups[g].digits < 7 {
		return false
	}
	if c.groups[g+1].paren {
		return true
	}
	return g > 0 && c.groups[g].gap != ' ' || c.digits[0] == 0
}

// dotted reports points between groups that a word for telephones right before makes no decimal: "call 380.1806".
func (c *candidate) dotted(size int) bool {
	if !c.parted('.', size) || c.groups[size-1].digits < 7 || c.dated(size) || c.years(size) || c.round(size) || size > 3 || size == 2 && (c.len(0) < 3 || c.len(1) != 4) {
		return false
	}
	return c.text.Before(words().phone, c.start, beside)
}

// apart reports whether spaces do not part the groups, as they part the first from what precedes it.
func (c *candidate) apart(size int) bool {
	return c.groups[0].paren || size > 1 && c.groups[size-1].gap != ' '
}

// looks gives the score without context.
func (c *candidate) looks(size int, ends uint8, asPrinted, ext bool) float32 {
	american := c.sized(size, 3, 3, 4) || c.sized(size, 1, 3, 3, 4) && c.digits[0] == 1
	by := c.groups[size-1].gap
	switch {
	case ext && (ends != 0 || american):
		return extended
	case ends == 0:
		return digits
	case c.groups[0].paren && size > 1 && c.groups[size-1].digits > 5 && !(c.len(0) == 4 && year(c.value(0))), size > 2 && c.groups[1].paren && c.len(0) == 1:
		return areaCode
	case !asPrinted && ends&trunk != 0 && size > 1:
		return printed
	case !asPrinted:
		return digits
	case american && (by == '-' || by == '.'):
		return hyphened
	case ends&trunk != 0 && size > 1 && c.groups[size-1].digits >= 9:
		return withTrunk
	case american:
		return spaced
	case size > 1:
		return printed
	}
	return digits
}

// weigh adjusts the score to the words around. Short and bare digits want a word that is close, and grouped ones in all.
func (c *candidate) weigh(size, total int, ends uint8, asPrinted bool) {
	t, w, last := c.text, words(), c.groups[size-1].end
	if c.other() {
		c.score = digits
		return
	}
	reach := near
	if total < 7 {
		reach = beside
	}
	switch {
	case c.alone():
		c.single(size, ends, asPrinted)
	case t.Near(w.phone, c.start, last, reach) && ends != 0:
		c.score, c.reason = max(c.score, .6)+.2, c.reason|span.Context
	case t.Near(w.phone, c.start, last, reach):
		c.score, c.reason = max(c.score, .55), c.reason|span.Context
	case (size > 1 && total > 6 || total > 9 && ends != 0) && t.Near(w.weak, c.start, last, near):
		c.score, c.reason = max(c.score, .55), c.reason|span.Context
	}
}

// other reports whether a word before the number, on its line, tells that it is one of something else, and none nearer of a telephone.
func (c *candidate) other() bool {
	before := c.text.Bytes[max(0, c.start-24):c.start]
	line := len(before) - 1 - bytes.LastIndexByte(before, '\n')
	if !c.text.Before(words().not, c.start, min(24, line)) {
		return false
	}
	for reach := 4; reach <= 24 && !c.text.Before(words().phone, c.start, reach); reach += 4 {
		if c.text.Before(words().not, c.start, min(reach, line)) {
			return true
		}
	}
	return false
}

// single weighs a number that is the whole text.
func (c *candidate) single(size int, ends uint8, asPrinted bool) {
	switch {
	case c.text.Field && ends != 0 && (size > 1 || c.digits[0] == 0):
		c.score = max(c.score, .8)
	case c.text.Field && ends != 0: // an identifier's as well
		c.score = max(c.score, .55)
	case size > 1 && (asPrinted && c.groups[size-1].digits > 6 || c.text.Field):
		c.score = max(c.score, .55)
	case ends&trunk != 0 && c.digits[0] == 0 && c.groups[size-1].digits >= 10:
		c.score = max(c.score, .55)
	}
}
