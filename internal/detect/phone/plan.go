// SPDX-License-Identifier: Apache-2.0

// Package phone finds telephone numbers of all regions in text.
package phone

import (
	_ "embed"
	"encoding/binary"
	"sync"
)

//go:generate go run ./gen

//go:embed plan.bin
var planFile []byte

// Ends of numbers in plan.bin (see gen).
const (
	valid    uint8 = 1 << iota // international: the plan of its calling code has it
	possible                   // international: of a length its calling code has
)

const (
	trunk uint8 = 1 << iota // national: with the trunk prefix of a region
	plain                   // national: without
)

// separator is the symbol of any separator in a national number as it is written; the others are the digits.
const separator = 10

// plans holds two automata: of digits after '+', and of national numbers with their separators.
type plans struct {
	next            [][separator + 1]uint16
	ends            []uint8
	world, national uint16
}

var numbering = sync.OnceValue(func() *plans {
	at := 0
	read := func() uint16 {
		at += 2
		return binary.LittleEndian.Uint16(planFile[at-2:])
	}
	n := read()
	p := &plans{next: make([][separator + 1]uint16, n), ends: make([]uint8, n), world: read(), national: read()}
	for state := range n - 1 {
		head, last := read(), uint16(0)
		for s := range separator + 1 {
			if head&(1<<s) != 0 {
				last = read()
			}
			p.next[state+1][s] = last
		}
		p.ends[state+1] = uint8(head >> (separator + 1))
	}
	return p
})

// walk gives the state behind digits.
func (p *plans) walk(state uint16, digits []byte) uint16 {
	for _, d := range digits {
		state = p.next[state][d]
	}
	return state
}

// callingCode gives how many digits the calling code at the beginning has (ITU-T E.164).
func callingCode(first, second byte) int {
	switch {
	case first == 1 || first == 7:
		return 1
	case twoDigits[first]&(1<<second) != 0:
		return 2
	}
	return 3
}

// twoDigits holds, by first digit, a bit for each second digit of a calling code of two digits.
var twoDigits = [10]uint16{
	2: 1<<0 | 1<<7,
	3: 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<6 | 1<<9,
	4: 0x3ff &^ (1 << 2),
	5: 0x1fe, // 51 to 58
	6: 0x07f,
	8: 1<<1 | 1<<2 | 1<<4 | 1<<6,
	9: 0x13f | 1<<8, // 90 to 95, 98
}
