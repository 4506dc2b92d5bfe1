// SPDX-License-Identifier: Apache-2.0

package nationalid

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// maxSymbols is the longest identifier, in letters and digits.
const maxSymbols = 24

// value is an identifier without its separators: 0 to 9 are digits, 10 to 35 letters. Checks get it by value, so that it stays on
// the stack.
type value struct {
	sym [maxSymbols]byte
	n   int
}

// check reports whether a value keeps its authority's rule.
type check func(v value) bool

// trust says what an identifier needs in a text to be believed.
type trust uint8

const (
	cued  trust = iota // a cue word beside it
	laid               // a cue word, or its own separators
	firm               // so much, or the text to itself: at most one of fifty random numbers keeps the rule
	alone              // nothing
)

// rule is a type of identifier. A shape is written in symbols: 9 a digit, A a letter, X either, 0 to 8 and lower-case letters
// themselves, [A-CX] one of these; {m,n} repeats the symbol before; separators show the usual layout; | parts alternatives.
// Letters of itself at the beginning are not shown to the check.
type rule struct {
	subtype string
	shape   string
	check   check // nil: nothing but the shape is known
	trust   trust
	cue     string // what beside id.sure makes it certain; may be empty
}

// shape is one alternative of a rule, compiled.
type shape struct {
	subtype         string
	n               int
	letters, digits uint32 // positions that must be one
	sets            []uint64
	sep             [maxSymbols]byte // separator before a symbol
	seps            uint32           // positions with one
	skip            int              // symbols that the check does not see
	free            bool             // letters and digits say all of the sets
	check           check
	trust           trust
	cue             string
	near            span.Cue // what cue names
}

const (
	digitSet  = uint64(1)<<10 - 1
	letterSet = uint64(1)<<36 - 1 - digitSet
)

// expand writes out the first {m,n} of a shape.
func expand(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return []string{pattern}
	}
	end := open + strings.IndexByte(pattern[open:], '}')
	var least, most int
	if n, _ := fmt.Sscanf(pattern[open:end+1], "{%d,%d}", &least, &most); n < 2 {
		panic("shape: want {m,n} in " + pattern)
	}
	from := open - 1
	if pattern[from] == ']' {
		from = strings.LastIndexByte(pattern[:open], '[')
	}
	var all []string
	for k := least; k <= most; k++ {
		all = append(all, expand(pattern[:from]+strings.Repeat(pattern[from:open], k)+pattern[end+1:])...)
	}
	return all
}

// compile reads one alternative. Faults are the table's, and a test compiles all of it.
func compile(r rule, pattern string) shape {
	s := shape{subtype: r.subtype, check: r.check, trust: r.trust, cue: r.cue, free: true}
	leading := true
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if strings.IndexByte(" -./()+", c) >= 0 {
			if s.n < maxSymbols && c != ')' {
				s.sep[s.n], s.seps = c, s.seps|1<<s.n
			}
			continue
		}
		if s.n == maxSymbols {
			panic("shape: too long: " + pattern)
		}
		set := classOf(c)
		if c == '[' {
			end := i + strings.IndexByte(pattern[i:], ']')
			set, i = setOf(pattern[i+1:end]), end
		}
		leading = leading && c >= 'a' && c <= 'z'
		if leading {
			s.skip++
		}
		s.free = s.free && (set == digitSet || set == letterSet || set == digitSet|letterSet)
		if set&digitSet == 0 {
			s.letters |= 1 << s.n
		}
		if set&letterSet == 0 {
			s.digits |= 1 << s.n
		}
		s.sets = append(s.sets, set)
		s.n++
	}
	return s
}

// classOf gives the symbols that one character of a shape stands for.
func classOf(c byte) uint64 {
	switch {
	case c == '9':
		return digitSet
	case c == 'A':
		return letterSet
	case c == 'X':
		return digitSet | letterSet
	case c >= '0' && c <= '8':
		return 1 << (c - '0')
	case c >= 'a' && c <= 'z':
		return 1 << (c - 'a' + 10)
	}
	return 0
}

// setOf reads the inside of brackets: symbols and ranges of them.
func setOf(list string) uint64 {
	var set uint64
	for i := 0; i < len(list); i++ {
		from, to := symbols[list[i]], symbols[list[i]]
		if i+2 < len(list) && list[i+1] == '-' {
			to, i = symbols[list[i+2]], i+2
		}
		for s := from; s <= to; s++ {
			set |= 1 << (s - 1)
		}
	}
	return set
}

// symbols gives one more than the symbol of a byte; 0 is none.
var symbols = func() (table [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		table[c] = c - '0' + 1
	}
	for c := byte('A'); c <= 'Z'; c++ {
		table[c], table[c-'A'+'a'] = c-'A'+11, c-'A'+11
	}
	return table
}()

// fits reports whether a value that the shape's mask admits has the shape and keeps its rule.
func (s *shape) fits(v *value) bool {
	if !s.free {
		for i, set := range s.sets {
			if set>>v.sym[i]&1 == 0 {
				return false
			}
		}
	}
	if s.check == nil {
		return true
	}
	if s.skip == 0 {
		return s.check(*v)
	}
	rest := value{n: v.n - s.skip}
	copy(rest.sym[:], v.sym[s.skip:v.n])
	return s.check(rest)
}

// laidOut reports whether the separators of a value are those of the shape, or stand where those do, are all alike and more than the shape is known.
func (s *shape) laidOut(t *token) bool {
	mask := uint32(1)<<s.n - 1
	if s.seps == 0 || t.seps&mask != s.seps {
		return false
	}
	same, alike, first := true, true, t.sep[bits.TrailingZeros32(s.seps)]
	for rest := s.seps; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(rest)
		same = same && t.sep[i] == s.sep[i]
		alike = alike && t.sep[i] == first
	}
	return same || alike && s.letters != 0 && s.check != nil && (first == ' ' || first == '-' || first == '.')
}
