// SPDX-License-Identifier: Apache-2.0

package main

// partitionOf gives a subject's partition: events are keyed by who acts.
func partitionOf(rank uint32, partitions int) int {
	x := uint64(rank) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(partitions))
}

// deal gives each partition to an instance, by the position of the instance in the group.
type deal []int

// inTurn deals as package stream does today: partition after partition to the members in their order.
func inTurn(partitions, instances int) deal {
	d := make(deal, partitions)
	for p := range d {
		d[p] = p % instances
	}
	return d
}

// without deals the partitions of an instance that left to the others, and leaves the rest where it is. The instances
// behind it move up by one.
func (d deal) without(gone, instances int) deal {
	next := make(deal, len(d))
	turn := 0
	for p, i := range d {
		switch {
		case i == gone:
			next[p] = turn % (instances - 1)
			turn++
		case i > gone:
			next[p] = i - 1
		default:
			next[p] = i
		}
	}
	return next
}

// with gives a new instance, the last, its share: so many partitions from each of the others in turn.
func (d deal) with(instances int) deal {
	next := append(deal(nil), d...)
	count := make([]int, instances)
	for _, i := range d {
		count[i]++
	}
	share := len(d) / (instances + 1)
	for taken, from := 0, 0; taken < share; from = (from + 1) % instances {
		for p, i := range next {
			if i == from && count[from] > share {
				next[p] = instances
				count[from]--
				taken++
				break
			}
		}
	}
	return next
}

// moved is the share of the partitions of before that another instance has afterwards; to says what became of an
// instance's position.
func moved(before, after deal, to func(int) int) float64 {
	n := 0
	for p := range before {
		if to(before[p]) != after[p] {
			n++
		}
	}
	return float64(n) / float64(len(before))
}

// owns lists the partitions of an instance.
func (d deal) owns(instance int) []bool {
	mine := make([]bool, len(d))
	for p, i := range d {
		mine[p] = i == instance
	}
	return mine
}
