// SPDX-License-Identifier: Apache-2.0

package main

import "math"

// crowd is a group of subjects who are looked up equally often at one instance: one subject of the head, or many of the tail.
type crowd struct {
	size float64 // subjects
	rate float64 // look-ups of each, for every event of the instance
}

// crowds are all subjects as one instance sees them: it gets the events of its own partitions, and looks up who acts in each event and
// others, who may be anybody. The head is counted subject by subject, the tail in steps of a hundredth of its rank. It also gives the
// instance's share of all events.
func crowds(z *zipf, mine []bool, others float64) (all []crowd, share float64) {
	owned := make([]bool, min(head, z.subjects)+1)
	part := 0.0 // of the partitions
	for _, m := range mine {
		if m {
			part += 1 / float64(len(mine))
		}
	}
	rest := 1.0
	for r := 1; r < len(owned); r++ {
		owned[r] = mine[partitionOf(uint32(r), len(mine))]
		rest -= z.p(float64(r))
		if owned[r] {
			share += z.p(float64(r))
		}
	}
	share += part * max(rest, 0)
	for r := 1; r < len(owned); r++ {
		c := crowd{size: 1, rate: others * z.p(float64(r))}
		if owned[r] {
			c.rate += z.p(float64(r)) / share
		}
		all = append(all, c)
	}
	end := float64(z.subjects) + 0.5
	for from := float64(len(owned)) - 0.5; from < end; {
		to := min(from*1.01+1, end)
		n := to - from
		mean := (z.integral(to) - z.integral(from)) / n / z.total
		all = append(all, crowd{n * part, mean/share + others*mean}, crowd{n * (1 - part), others * mean})
		from = to
	}
	return all, share
}

// che gives the hit rate of a cache with so many entries, and after how many events an entry that nobody asks for again is forgotten
// (Che, Tung and Wang, 2002): the time after which as many subjects have been asked for as the cache holds.
func che(all []crowd, entries int) (hits, lifetime float64) {
	within := func(t float64) (seen float64) {
		for _, c := range all {
			seen -= c.size * math.Expm1(-c.rate*t)
		}
		return seen
	}
	low, high := 0.0, 1.0
	for within(high) < float64(entries) {
		low, high = high, high*2
		if high > 1e15 {
			return 1, math.Inf(1) // the cache holds everybody
		}
	}
	for high-low > high*1e-4 {
		if middle := (low + high) / 2; within(middle) < float64(entries) {
			low = middle
		} else {
			high = middle
		}
	}
	asked := 0.0
	for _, c := range all {
		asked += c.size * c.rate
		hits -= c.size * c.rate * math.Expm1(-c.rate*high)
	}
	return hits / asked, high
}
