// SPDX-License-Identifier: Apache-2.0

package main

import "math/rand/v2"

// instance is one instance of the fleet with its cache, and the events it gets.
type instance struct {
	z      *zipf
	random *rand.Rand
	mine   []bool // partitions
	others int    // subjects looked up in each event beside who acts
	cache  *lru
}

// traffic is what a stretch of events did to the store.
type traffic struct {
	events, lookups, misses int
	batches, asking         int // batches with at least one miss: one round trip each
}

func (t *traffic) hits() float64 { return 1 - float64(t.misses)/float64(t.lookups) }

// work takes so many events in batches. A subject who is missed twice in a batch is asked for once.
func (i *instance) work(events, batch int) (t traffic) {
	for t.events < events {
		missed := 0
		for range min(batch, events-t.events) {
			actor := i.z.draw(i.random)
			for !i.mine[partitionOf(actor, len(i.mine))] {
				actor = i.z.draw(i.random)
			}
			if !i.cache.use(actor) {
				missed++
			}
			for range i.others {
				if !i.cache.use(i.z.draw(i.random)) {
					missed++
				}
			}
			t.events++
		}
		t.batches++
		t.misses += missed
		if missed > 0 {
			t.asking++
		}
	}
	t.lookups = t.events * (1 + i.others)
	return t
}
