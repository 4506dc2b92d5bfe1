// SPDX-License-Identifier: Apache-2.0

package names

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The best path and the sums agree with a walk over all ways to tag a run.
func TestLattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.Float32Range(-3, 3)
		var steps [tags][tags]float32
		for f := range tags {
			for to := range tags {
				steps[f][to] = weight.Draw(t, "step")
			}
		}
		var l Lattice
		for range rapid.IntRange(1, 5).Draw(t, "tokens") {
			l.Scores = append(l.Scores, [2]float32{weight.Draw(t, "begin"), weight.Draw(t, "inside")})
		}
		n := len(l.Scores)
		best, sum, share := math.Inf(-1), 0.0, make([][tags]float64, n)
		var walk func(i int, path []uint8, score float64)
		walk = func(i int, path []uint8, score float64) {
			last := uint8(outside)
			if i > 0 {
				last = path[i-1]
			}
			if i == n {
				score += float64(steps[last][outside])
				best = max(best, score)
				sum += math.Exp(score)
				for k, tag := range path {
					share[k][tag] += math.Exp(score)
				}
				return
			}
			for tag := range uint8(tags) {
				if last == outside && tag == inside {
					continue
				}
				own := 0.0
				if tag != outside {
					own = float64(l.Scores[i][tag-1])
				}
				walk(i+1, append(path[:i:i], tag), score+float64(steps[last][tag])+own)
			}
		}
		walk(0, nil, 0)

		if got := l.Sum(&steps); math.Abs(got-math.Log(sum)) > 1e-6 {
			t.Fatalf("sum: got %v, want %v", got, math.Log(sum))
		}
		total := 0.0
		for k := range share {
			for tag := range tags {
				if want := share[k][tag] / sum; math.Abs(l.Share[k][tag]-want) > 1e-6 {
					t.Fatalf("token %d, tag %d: got %v, want %v", k, tag, l.Share[k][tag], want)
				}
			}
		}
		for f := range tags {
			for to := range tags {
				total += l.Steps[f][to]
			}
		}
		if math.Abs(total-float64(n+1)) > 1e-6 {
			t.Fatalf("got %v steps, want %d", total, n+1)
		}
		l.Best(&steps, 0)
		if got := scoreOf(&l, &steps); math.Abs(got-best) > 1e-4 {
			t.Fatalf("best path: got %v, want %v", got, best)
		}
	})
}

// scoreOf is what the best path is worth.
func scoreOf(l *Lattice, steps *[tags][tags]float32) (score float64) {
	last := uint8(outside)
	for i, tag := range l.Path {
		score += float64(steps[last][tag])
		if tag != outside {
			score += float64(l.Scores[i][tag-1])
		}
		last = tag
	}
	return score + float64(steps[last][outside])
}
