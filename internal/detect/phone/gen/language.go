// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// symbols of a written number: the ten digits and one for any separator.
const (
	separator = 10
	symbols   = 11
)

// node is a state of an acyclic automaton: the set of what may still follow, and with which forms it may end here. Equal states are
// one, so that languages are minimal by construction. Node 0 is the empty set.
type node struct {
	next [symbols]int32
	end  uint8 // bits
}

// languages holds finite languages over the symbols as states that share what they have in common.
type languages struct {
	nodes []node
	ids   map[node]int32
	memo  map[[3]int32]int32
	regex map[string]int32
}

func newLanguages() *languages {
	return &languages{nodes: make([]node, 1), ids: map[node]int32{{}: 0}, memo: map[[3]int32]int32{}, regex: map[string]int32{}}
}

func (l *languages) id(n node) int32 {
	id, ok := l.ids[n]
	if !ok {
		id = int32(len(l.nodes))
		l.nodes, l.ids[n] = append(l.nodes, n), id
	}
	return id
}

// union is what is in a or in b; it ends with the forms of both.
func (l *languages) union(a, b int32) int32 {
	if a == b || b == 0 {
		return a
	}
	if a == 0 {
		return b
	}
	return l.combine('|', min(a, b), max(a, b), func(s int) (int32, int32) { return l.nodes[a].next[s], l.nodes[b].next[s] },
		l.nodes[a].end|l.nodes[b].end, l.union)
}

// intersect is what is in both.
func (l *languages) intersect(a, b int32) int32 {
	if a == 0 || b == 0 {
		return 0
	}
	return l.combine('&', min(a, b), max(a, b), func(s int) (int32, int32) { return l.nodes[a].next[s], l.nodes[b].next[s] },
		l.nodes[a].end&l.nodes[b].end, l.intersect)
}

// write is what layout says, separators included, whose digits are in plan.
func (l *languages) write(plan, layout int32) int32 {
	if plan == 0 || layout == 0 {
		return 0
	}
	return l.combine('_', plan, layout, func(s int) (int32, int32) {
		if s == separator {
			return plan, l.nodes[layout].next[s]
		}
		return l.nodes[plan].next[s], l.nodes[layout].next[s]
	}, l.nodes[plan].end&l.nodes[layout].end, l.write)
}

func (l *languages) combine(op int32, a, b int32, step func(s int) (int32, int32), end uint8, again func(a, b int32) int32) int32 {
	key := [3]int32{op, a, b}
	if id, ok := l.memo[key]; ok {
		return id
	}
	n := node{end: end}
	for s := range symbols {
		n.next[s] = again(step(s))
	}
	id := l.id(n)
	l.memo[key] = id
	return id
}

// after is prefix followed by what is in a; _ is the separator.
func (l *languages) after(prefix string, a int32) int32 {
	for _, c := range slices.Backward([]byte(prefix)) {
		if a != 0 {
			var n node
			n.next[symbol(rune(c))] = a
			a = l.id(n)
		}
	}
	return a
}

// as is a with all its ends marked by form only.
func (l *languages) as(form uint8, a int32) int32 {
	if a == 0 {
		return 0
	}
	key := [3]int32{'=', a, int32(form)}
	if id, ok := l.memo[key]; ok {
		return id
	}
	n := node{}
	if l.nodes[a].end != 0 {
		n.end = form
	}
	for s := range symbols {
		n.next[s] = l.as(form, l.nodes[a].next[s])
	}
	id := l.id(n)
	l.memo[key] = id
	return id
}

func symbol(r rune) int {
	if r == '_' {
		return separator
	}
	return int(r - '0')
}

// all ends every form.
const all = 0xff

// match is the language of a regular expression without loops.
func (l *languages) match(pattern string) int32 {
	if id, ok := l.regex[pattern]; ok {
		return id
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", pattern, err))
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		panic(fmt.Sprintf("%s: %v", pattern, err))
	}
	m := &matcher{languages: l, prog: prog, known: map[string]int32{}}
	id := m.state(m.closure(nil, uint32(prog.Start)))
	l.regex[pattern] = id
	return id
}

// matcher makes a program's states deterministic.
type matcher struct {
	*languages
	prog  *syntax.Prog
	known map[string]int32
}

func (m *matcher) closure(set []uint32, pc uint32) []uint32 {
	if slices.Contains(set, pc) {
		return set
	}
	switch inst := &m.prog.Inst[pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return m.closure(m.closure(set, inst.Out), inst.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		return m.closure(set, inst.Out)
	case syntax.InstFail:
		return set
	default:
		return append(set, pc)
	}
}

func (m *matcher) state(set []uint32) int32 {
	slices.Sort(set)
	set = slices.Compact(set)
	if len(set) == 0 {
		return 0
	}
	key := fmt.Sprint(set)
	if id, ok := m.known[key]; ok {
		return id
	}
	var n node
	for s := range symbols {
		r := rune('0' + s)
		if s == separator {
			r = '_'
		}
		var next []uint32
		for _, pc := range set {
			if inst := &m.prog.Inst[pc]; inst.Op != syntax.InstMatch && inst.MatchRune(r) {
				next = m.closure(next, inst.Out)
			}
		}
		n.next[s] = m.state(next)
	}
	for _, pc := range set {
		if m.prog.Inst[pc].Op == syntax.InstMatch {
			n.end = all
		}
	}
	id := m.id(n)
	m.known[key] = id
	return id
}
