// SPDX-License-Identifier: Apache-2.0

package names

import "math"

// Lattice is a run of candidate tokens with what the tags are worth at each; before and after it all is outside.
type Lattice struct {
	Scores [][2]float32        // of begin and inside, by token
	Share  [][3]float64        // after Sum: the probability of each tag, by token
	Steps  [tags][tags]float64 // after Sum: the expected number of steps from tag to tag

	forward, backward [][3]float64
	from              [][3]uint8
	Path              []uint8 // after Best: the tags
}

// Reset empties the run.
func (l *Lattice) Reset() { l.Scores = l.Scores[:0] }

// Best finds the best tags, where bias is added to the scores of both tags of names.
func (l *Lattice) Best(steps *[tags][tags]float32, bias float32) {
	n := len(l.Scores)
	l.from, l.Path = grow(l.from, n), grow(l.Path, n)
	best := [tags]float32{0, -1e9, -1e9} // before the run: outside
	for i, score := range l.Scores {
		var next [tags]float32
		for to := range uint8(tags) {
			top, from := best[outside]+steps[outside][to], uint8(outside)
			if to == inside {
				top = -1e9
			}
			for f := uint8(begin); f < tags; f++ {
				if v := best[f] + steps[f][to]; v > top {
					top, from = v, f
				}
			}
			next[to], l.from[i][to] = top, from
		}
		next[begin] += score[0] + bias
		next[inside] += score[1] + bias
		best = next
	}
	last := uint8(outside)
	for t := uint8(begin); t < tags; t++ {
		if best[t]+steps[t][outside] > best[last]+steps[last][outside] {
			last = t
		}
	}
	for i := n - 1; i >= 0; i-- {
		l.Path[i] = last
		last = l.from[i][last]
	}
}

// Sum finds the probabilities of the tags, and gives the logarithm of the sum over all ways to tag the run.
func (l *Lattice) Sum(steps *[tags][tags]float32) float64 {
	n := len(l.Scores)
	l.forward, l.backward, l.Share = grow(l.forward, n+1), grow(l.backward, n+1), grow(l.Share, n)
	var e [tags][tags]float64 // factors of the steps
	for f := range tags {
		for t := range tags {
			if f != outside || t != inside {
				e[f][t] = math.Exp(float64(steps[f][t]))
			}
		}
	}
	l.forward[0] = [3]float64{1, 0, 0}
	total := 0.0
	for i, score := range l.Scores {
		factors := [3]float64{1, math.Exp(float64(score[0])), math.Exp(float64(score[1]))}
		l.Share[i] = factors
		a := &l.forward[i]
		var b [3]float64
		for t := range tags {
			b[t] = (a[0]*e[0][t] + a[1]*e[1][t] + a[2]*e[2][t]) * factors[t]
		}
		norm := b[0] + b[1] + b[2]
		total += math.Log(norm)
		l.forward[i+1] = [3]float64{b[0] / norm, b[1] / norm, b[2] / norm}
	}
	last := &l.forward[n]
	end := last[0]*e[0][0] + last[1]*e[1][0] + last[2]*e[2][0]
	total += math.Log(end)
	l.Steps = [tags][tags]float64{}
	l.backward[n] = [3]float64{e[0][0] / end, e[1][0] / end, e[2][0] / end}
	for t := range tags {
		l.Steps[t][outside] += last[t] * l.backward[n][t]
	}
	for i := n - 1; i >= 0; i-- {
		l.back(i, &e)
	}
	return total
}

// back goes one token backwards: Share holds the tags' factors before, their probabilities after.
func (l *Lattice) back(i int, e *[tags][tags]float64) {
	a, b := &l.forward[i], &l.backward[i+1]
	factors := l.Share[i]
	norm := 0.0 // of forward at i+1
	for f := range tags {
		for t := range tags {
			norm += a[f] * e[f][t] * factors[t]
		}
	}
	var back [3]float64
	for t := range tags {
		l.Share[i][t] = l.forward[i+1][t] * b[t]
		for f := range tags {
			v := e[f][t] * factors[t] * b[t] / norm
			back[f] += v
			l.Steps[f][t] += a[f] * v
		}
	}
	l.backward[i] = back
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, 2*n)
	}
	return s[:n]
}
