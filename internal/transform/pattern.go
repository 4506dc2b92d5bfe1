// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// pattern matches whole texts against an RE2 expression. Most expressions of policies ("[a-z]{2,3}") are a small table: for each
// state and class of characters the next state. That costs a nanosecond or two a byte, where regexp costs fifty and more.
// Expressions that need word or line boundaries, or a large table, stay with regexp.
type pattern struct {
	slow    *regexp.Regexp // nil when there is a table
	ascii   [utf8.RuneSelf]uint8
	starts  []rune  // first characters of the ranges of one class each, ascending; starts[0] is 0
	classes []uint8 // the classes of those ranges
	width   int     // number of classes
	next    []uint16
	accepts []bool
}

const (
	dead  = 0 // the state from which nothing matches
	begin = 1

	maxTable   = 1 << 14 // entries
	maxClasses = 255
	maxWork    = 1 << 18 // instructions looked at while the table is built: some ten milliseconds
)

func newPattern(expr string) (*pattern, error) {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	whole := `\A(?:` + parsed.String() + `)\z` // of the parsed form: quoting (\Q) in expr may have no end
	re, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	p := &pattern{}
	b := tableBuilder{pattern: p, prog: prog, states: map[string]uint16{}, work: maxWork}
	if b.build() {
		return p, nil
	}
	slow, err := regexp.Compile(whole)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	return &pattern{slow: slow}, nil
}

func (p *pattern) matches(text []byte) bool {
	if p.slow != nil {
		return p.slow.Match(text)
	}
	state := begin
	for i := 0; i < len(text) && state != dead; {
		var class uint8
		if c := text[i]; c < utf8.RuneSelf {
			class = p.ascii[c]
			i++
		} else {
			r, size := utf8.DecodeRune(text[i:])
			class = p.classOf(r)
			i += size
		}
		state = int(p.next[state*p.width+int(class)])
	}
	return p.accepts[state]
}

func (p *pattern) classOf(r rune) uint8 {
	i := sort.Search(len(p.starts), func(i int) bool { return p.starts[i] > r })
	return p.classes[i-1]
}

// tableBuilder follows the compiled expression for all characters at once (subset construction): a state of the table
// is the set of instructions that a text can have reached.
type tableBuilder struct {
	*pattern
	prog   *syntax.Prog
	likes  []rune            // one character of each class
	states map[string]uint16 // by their instructions
	queue  [][]uint32        // instructions of the states, in order
	work   int               // what is left of maxWork
}

// build reports false when the expression does not fit a table.
func (b *tableBuilder) build() bool {
	for i := range b.prog.Inst {
		in := &b.prog.Inst[i]
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return false
		}
	}
	if !b.classify() {
		return false
	}
	b.queue = [][]uint32{nil, {uint32(b.prog.Start)}}
	b.accepts = []bool{false, false}
	b.next = make([]uint16, b.width)
	for state := begin; state < len(b.queue); state++ {
		if len(b.next) > maxTable || b.work < 0 {
			return false
		}
		at := syntax.EmptyOp(0)
		if state == begin {
			at = syntax.EmptyBeginText
		}
		readers, _ := b.reach(b.queue[state], at)
		_, b.accepts[state] = b.reach(b.queue[state], at|syntax.EmptyEndText)
		b.work -= len(readers) * b.width
		for _, r := range b.likes {
			b.next = append(b.next, b.state(b.after(readers, r)))
		}
	}
	return true
}

// reach follows instructions that read nothing. It gives those that read a character, and whether the expression has matched.
func (b *tableBuilder) reach(from []uint32, at syntax.EmptyOp) (readers []uint32, matched bool) {
	seen := map[uint32]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		b.work--
		switch in := &b.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^at == 0 {
				todo = append(todo, in.Out)
			}
		case syntax.InstMatch:
			matched = true
		case syntax.InstFail:
		default:
			readers = append(readers, pc)
		}
	}
	return readers, matched
}

// after gives the instructions behind those that read r, in order and once each.
func (b *tableBuilder) after(readers []uint32, r rune) []uint32 {
	var out []uint32
	for _, pc := range readers {
		if in := &b.prog.Inst[pc]; in.MatchRune(r) {
			out = append(out, in.Out)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// state gives the number of the state with these instructions, a new one if need be.
func (b *tableBuilder) state(instructions []uint32) uint16 {
	if len(instructions) == 0 {
		return dead
	}
	key := fmt.Sprint(instructions)
	if n, ok := b.states[key]; ok {
		return n
	}
	n := uint16(len(b.queue))
	b.states[key] = n
	b.queue = append(b.queue, instructions)
	b.accepts = append(b.accepts, false)
	return n
}

// classify puts characters that no instruction tells apart into one class.
func (b *tableBuilder) classify() bool {
	var readers []*syntax.Inst
	known := map[string]bool{}
	bounds := map[rune]bool{0: true}
	for i := range b.prog.Inst {
		in := &b.prog.Inst[i]
		key := fmt.Sprint(in.Op, in.Rune, in.Arg)
		if !readsRune(in) || known[key] {
			continue
		}
		known[key] = true
		readers = append(readers, in)
		for _, r := range edges(in) {
			bounds[r] = true
		}
	}
	for r := range bounds {
		b.starts = append(b.starts, r)
	}
	slices.Sort(b.starts)
	if b.work -= len(b.starts) * len(readers); b.work < 0 {
		return false
	}
	numbers := map[string]uint8{}
	for _, r := range b.starts {
		told := make([]byte, len(readers))
		for i, in := range readers {
			if in.MatchRune(r) {
				told[i] = 1
			}
		}
		class, ok := numbers[string(told)]
		if !ok {
			if len(numbers) == maxClasses {
				return false
			}
			class = uint8(len(numbers))
			numbers[string(told)] = class
			b.likes = append(b.likes, r)
		}
		b.classes = append(b.classes, class)
	}
	b.width = len(b.likes)
	for c := range b.ascii {
		b.ascii[c] = b.classOf(rune(c))
	}
	return true
}

func readsRune(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// edges gives the characters at which the answer of a reading instruction may change.
func edges(in *syntax.Inst) []rune {
	var out []rune
	add := func(low, high rune) { out = append(out, low, high+1) }
	switch {
	case in.Op == syntax.InstRuneAny:
	case in.Op == syntax.InstRuneAnyNotNL:
		add('\n', '\n')
	case len(in.Rune) == 1: // with its other cases, when those count
		add(in.Rune[0], in.Rune[0])
		for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
			add(r, r)
		}
	default:
		for i := 0; i+1 < len(in.Rune); i += 2 {
			add(in.Rune[i], in.Rune[i+1])
		}
	}
	return out
}
