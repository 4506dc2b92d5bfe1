// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/rand/v2"

	"github.com/nymstream/nymstream/internal/detect/names"
)

// options are what training is tuned by.
type options struct {
	rounds      int // models whose mean is taken
	epochs      int
	rate, decay float64
	dropout     float64 // share of features left out
	renamePosts float64 // share of posts whose names are replaced, in an epoch
	renameMade  float64 // likewise of filled templates
	fills       int     // how often each template is filled, in an epoch
	least       float32 // weights below are rounded to 0
}

// settings were chosen on the held-out folds.
var settings = options{rounds: 6, epochs: 12, rate: .15, decay: .0005, dropout: .2, renamePosts: .12, renameMade: .8, fills: 10, least: .02}

// leanings are log odds that training takes from names in a source's texts, so that the model, which is not told the source, gives
// them to names in texts of this kind: posts want recall, forms precision.
var leanings = map[string]float32{"btc": .6, "wnut17": 1.9, "wnut17-test": 1.9, "presidio-research": -1.05}

// trainer fits a conditional random field by AdaGrad.
type trainer struct {
	options
	sentence *names.Sentence
	lattice  names.Lattice
	model    names.Trained
	squares  [][2]float32
	mean     [][2]float32 // of the weights after the later epochs
	stepSqrs [3][3]float64
	buckets  [][]uint32
	gold     []uint8
	rand     *rand.Rand
	leaning  float32 // of the sample at hand
}

func newTrainer(l *names.Lexicon, o options, seed uint64) *trainer {
	t := &trainer{options: o, sentence: names.NewSentence(l), rand: rand.New(rand.NewPCG(seed, 0))}
	t.model.Weights = make([][2]float32, 1<<names.FeatureBits)
	t.mean = make([][2]float32, 1<<names.FeatureBits)
	t.squares = make([][2]float32, 1<<names.FeatureBits)
	t.model.Slope = 1
	return t
}

// fit goes through the samples and templates epoch by epoch, with names replaced anew in each.
func (t *trainer) fit(samples, templates []sample, f *filler) {
	f.rand = t.rand
	order := make([]int, 0, len(samples)+t.fills*len(templates))
	for epoch := range t.epochs {
		order = order[:0]
		for i := range samples {
			order = append(order, i)
		}
		for range t.fills {
			for i := range templates {
				order = append(order, len(samples)+i)
			}
		}
		t.rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		rate := t.rate * (1 - 0.8*float64(epoch)/float64(t.epochs))
		for _, i := range order {
			t.learn(t.vary(samples, templates, i, f), rate)
		}
		if epoch >= t.epochs/2 {
			t.average(float32(epoch - t.epochs/2))
		}
	}
	t.model.Weights = t.mean
}

// average takes the weights into the mean of those after earlier epochs.
func (t *trainer) average(before float32) {
	for i, w := range t.model.Weights {
		m := &t.mean[i]
		m[0] += (w[0] - m[0]) / (before + 1)
		m[1] += (w[1] - m[1]) / (before + 1)
	}
}

func (t *trainer) vary(samples, templates []sample, i int, f *filler) sample {
	if i >= len(samples) {
		return f.fill(templates[i-len(samples)])
	}
	s, share := samples[i], t.renamePosts
	if s.made {
		share = t.renameMade
	}
	if len(s.names) > 0 && t.rand.Float64() < share {
		return f.rename(s)
	}
	return s
}

// label gives the tags of a read sentence's tokens.
func label(dst []uint8, tokens []names.Token, s *sample) []uint8 {
	dst = dst[:0]
	for range tokens {
		dst = append(dst, 0)
	}
	for _, n := range s.names {
		tag := uint8(1)
		for i := range tokens {
			a, b := int(tokens[i].Start), int(tokens[i].End)
			if 2*(min(b, n.end)-max(a, n.start)) > b-a {
				dst[i], tag = tag, 2
			}
		}
	}
	return dst
}

// learn makes one step for a sample.
func (t *trainer) learn(s sample, rate float64) {
	if !t.sentence.Read(s.text) {
		return
	}
	t.gold = label(t.gold, t.sentence.Tokens, &s)
	t.leaning = leanings[s.source]
	for i := 0; i < len(t.gold); i++ {
		if !t.sentence.Candidate(i) {
			t.gold[i] = 0
			continue
		}
		start := i
		for i < len(t.gold) && t.sentence.Candidate(i) {
			i++
		}
		t.learnRun(start, i, rate)
		i--
	}
}

func (t *trainer) learnRun(start, end int, rate float64) {
	t.lattice.Reset()
	for len(t.buckets) < end-start {
		t.buckets = append(t.buckets, make([]uint32, 0, names.MaxFeatures))
	}
	for i := start; i < end; i++ {
		features := t.sentence.Features(t.buckets[i-start][:0], i)
		kept := features[:0]
		for _, f := range features {
			if t.rand.Float64() >= t.dropout {
				kept = append(kept, f)
			}
		}
		t.buckets[i-start] = kept
		var score [2]float32
		for _, f := range kept {
			score[0] += t.model.Weights[f][0]
			score[1] += t.model.Weights[f][1]
		}
		scale := float32(1 / (1 - t.dropout))
		t.lattice.Scores = append(t.lattice.Scores, [2]float32{score[0]*scale - t.leaning, score[1]*scale - t.leaning})
	}
	t.lattice.Sum(&t.model.Steps)
	t.descend(start, end, rate)
}

// descend moves the weights of a run towards its gold tags.
func (t *trainer) descend(start, end int, rate float64) {
	before := uint8(0)
	var steps [3][3]float64
	for i := start; i < end; i++ {
		gold := t.gold[i]
		if gold == 2 && before == 0 {
			gold = 1
		}
		steps[before][gold]++
		before = gold
		share := t.lattice.Share[i-start]
		b, in := -share[1], -share[2]
		switch gold {
		case 1:
			b++
		case 2:
			in++
		}
		if math.Abs(b) < 0.005 && math.Abs(in) < 0.005 {
			continue
		}
		for _, f := range t.buckets[i-start] {
			t.step(f, 0, b, rate)
			t.step(f, 1, in, rate)
		}
	}
	steps[before][0]++
	for f := range 3 {
		for to := range 3 {
			g := steps[f][to] - t.lattice.Steps[f][to]
			t.stepSqrs[f][to] += g * g
			if g != 0 {
				t.model.Steps[f][to] += float32(rate * g / math.Sqrt(1+t.stepSqrs[f][to]))
			}
		}
	}
}

func (t *trainer) step(f uint32, side int, gradient, rate float64) {
	w := &t.model.Weights[f][side]
	g := float32(gradient - t.decay*float64(*w))
	t.squares[f][side] += g * g
	*w += float32(rate) * g / float32(math.Sqrt(float64(0.5+t.squares[f][side])))
}
