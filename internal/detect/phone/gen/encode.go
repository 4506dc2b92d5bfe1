// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"math"
)

// encode writes automata: their number of states and roots, then each state's ends, a bit for each symbol whose next state is
// another than the symbol's before (that of the first: 0), and those next states. All numbers are uint16, little-endian; state 0 is
// not written.
func (l *languages) encode(roots ...int32) ([]byte, error) {
	order, number := []int32{0}, map[int32]uint16{0: 0}
	for _, r := range roots {
		order = l.walk(order, number, r)
	}
	if len(order) > math.MaxUint16 {
		return nil, fmt.Errorf("%d states, want at most %d: number them with more bits", len(order), math.MaxUint16)
	}
	out := binary.LittleEndian.AppendUint16(nil, uint16(len(order)))
	for _, r := range roots {
		out = binary.LittleEndian.AppendUint16(out, number[r])
	}
	for _, id := range order[1:] {
		n, changes, next := &l.nodes[id], uint16(0), []byte(nil)
		for s, before := 0, int32(0); s < symbols; s++ {
			if n.next[s] != before {
				changes |= 1 << s
				next = binary.LittleEndian.AppendUint16(next, number[n.next[s]])
			}
			before = n.next[s]
		}
		out = binary.LittleEndian.AppendUint16(out, changes|uint16(n.end)<<symbols)
		out = append(out, next...)
	}
	return out, nil
}

// walk numbers the states that can be reached, in the order they are met.
func (l *languages) walk(order []int32, number map[int32]uint16, id int32) []int32 {
	if _, ok := number[id]; ok {
		return order
	}
	number[id] = uint16(len(order))
	order = append(order, id)
	for _, next := range l.nodes[id].next {
		order = l.walk(order, number, next)
	}
	return order
}
