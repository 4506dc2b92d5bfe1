// SPDX-License-Identifier: Apache-2.0

package locale

// table maps hashes of words to their classes; it is open, with a quarter of the places taken at most.
type table struct {
	keys    []uint64 // 0 is free
	classes []class
	count   int
}

func newTable() table { return table{keys: make([]uint64, 1<<14), classes: make([]class, 1<<14)} }

// place gives where a hash is, or where it would be.
func (t *table) place(h uint64) int {
	i := int(h>>20) & (len(t.keys) - 1)
	for t.keys[i] != 0 && t.keys[i] != h {
		i = (i + 1) & (len(t.keys) - 1)
	}
	return i
}

func (t *table) at(h uint64) class { return t.classes[t.place(h)] }

func (t *table) add(h uint64, c class) {
	if t.count*4 > len(t.keys) {
		panic("the table of words is too small") // a fault of the build: a test reads them all
	}
	i := t.place(h)
	if t.keys[i] == 0 {
		t.keys[i] = h
		t.count++
	}
	t.classes[i] |= c
}
