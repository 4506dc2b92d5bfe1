// SPDX-License-Identifier: Apache-2.0

package main

// lru is a cache of ranks of bounded size that forgets what was not used for the longest time.
// Its entries lie in slices, found by open addressing, because a simulation asks it a hundred million times.
type lru struct {
	table            []uint32 // of entries, counted from 1; 0: empty
	mask             uint32
	rank             []uint32 // of each entry
	newer, older     []uint32
	newest, oldest   uint32
	capacity, length int
}

func newLRU(capacity int) *lru {
	size := 2
	for size < 2*capacity {
		size *= 2
	}
	n := capacity + 1
	return &lru{
		table: make([]uint32, size), mask: uint32(size - 1), capacity: capacity,
		rank: make([]uint32, n), newer: make([]uint32, n), older: make([]uint32, n),
	}
}

func mix32(x uint32) uint32 {
	x = (x ^ x>>16) * 0x7feb352d
	x = (x ^ x>>15) * 0x846ca68b
	return x ^ x>>16
}

// use tells whether the rank was there; now it is, as the newest.
func (c *lru) use(rank uint32) bool {
	at := mix32(rank) & c.mask
	for c.table[at] != 0 {
		if e := c.table[at]; c.rank[e] == rank {
			if e != c.newest {
				c.unlink(e)
				c.push(e)
			}
			return true
		}
		at = (at + 1) & c.mask
	}
	e := uint32(c.length + 1)
	if c.length < c.capacity {
		c.length++
	} else {
		e = c.oldest
		c.unlink(e)
		c.remove(c.rank[e])
		for at = mix32(rank) & c.mask; c.table[at] != 0; at = (at + 1) & c.mask {
		}
	}
	c.rank[e], c.table[at] = rank, e
	c.push(e)
	return false
}

func (c *lru) push(e uint32) {
	c.older[e], c.newer[e] = c.newest, 0
	if c.newest != 0 {
		c.newer[c.newest] = e
	} else {
		c.oldest = e
	}
	c.newest = e
}

func (c *lru) unlink(e uint32) {
	older, newer := c.older[e], c.newer[e]
	if older != 0 {
		c.newer[older] = newer
	} else {
		c.oldest = newer
	}
	if newer != 0 {
		c.older[newer] = older
	} else {
		c.newest = older
	}
}

// remove takes a rank out of the table and moves back what had to make room for it.
func (c *lru) remove(rank uint32) {
	hole := mix32(rank) & c.mask
	for c.rank[c.table[hole]] != rank {
		hole = (hole + 1) & c.mask
	}
	for at := (hole + 1) & c.mask; c.table[at] != 0; at = (at + 1) & c.mask {
		home := mix32(c.rank[c.table[at]]) & c.mask
		if (at-home)&c.mask >= (at-hole)&c.mask {
			c.table[hole] = c.table[at]
			hole = at
		}
	}
	c.table[hole] = 0
}
