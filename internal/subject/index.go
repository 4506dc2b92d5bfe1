// SPDX-License-Identifier: Apache-2.0

package subject

// index finds slots by 32 bits of a hash: open addressing with linear probing, at most three quarters full. A cell holds the
// hash's bits above the slot's number plus one; 0 is an empty cell. So it moves its cells without a look at the slots.
type index struct {
	cells []uint64 // a power of two of them
	used  int
}

const firstCells = 16

func newIndex() index { return index{cells: make([]uint64, firstCells)} }

func cellOf(tag uint32, slot int) uint64 { return uint64(tag)<<32 | uint64(slot+1) }

// next gives the first slot of the tag at or after probe step i, and the step after it; slot is -1 when there is none.
// Steps count from 0; other tags may be among the slots only where all 32 bits agree.
func (x *index) next(tag uint32, i int) (slot, after int) {
	mask := len(x.cells) - 1
	for ; ; i++ {
		c := x.cells[(int(tag)+i)&mask]
		switch {
		case c == 0:
			return -1, i
		case uint32(c>>32) == tag:
			return int(uint32(c)) - 1, i + 1
		}
	}
}

func (x *index) insert(tag uint32, slot int) {
	if (x.used+1)*4 > len(x.cells)*3 {
		old := x.cells
		x.cells = make([]uint64, 2*len(old))
		for _, c := range old {
			if c != 0 {
				x.place(c)
			}
		}
	}
	x.place(cellOf(tag, slot))
	x.used++
}

func (x *index) place(c uint64) {
	mask := len(x.cells) - 1
	i := int(c>>32) & mask
	for x.cells[i] != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = c
}

// remove takes a slot out and closes the gap, so that no probe ends too early.
func (x *index) remove(tag uint32, slot int) {
	mask := len(x.cells) - 1
	gap := int(tag) & mask
	for c := cellOf(tag, slot); x.cells[gap] != c; gap = (gap + 1) & mask {
		if x.cells[gap] == 0 {
			return
		}
	}
	for i := (gap + 1) & mask; x.cells[i] != 0; i = (i + 1) & mask {
		home := int(x.cells[i]>>32) & mask
		if (i-home)&mask >= (i-gap)&mask {
			x.cells[gap], gap = x.cells[i], i
		}
	}
	x.cells[gap] = 0
	x.used--
}
