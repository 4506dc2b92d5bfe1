// SPDX-License-Identifier: Apache-2.0

// Package names finds names of persons in text: by a conditional random field over words, shapes, lists and word classes where
// words are parted by spaces, by family and given names where they are not (Chinese, Japanese).
package names

import (
	_ "embed"
	"math"
	"strings"
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

//go:embed lexicon.bin
var lexiconFile []byte

//go:embed model.bin
var modelFile []byte

// Tagger finds names. It may be used by many at once.
type Tagger struct {
	lexicon *Lexicon
	model   *Model
	bias    float32
	rooms   *sync.Pool // of *room
}

// room is what one text needs.
type room struct {
	sentence *Sentence
	lattice  Lattice
	features []uint32
}

// Load reads the embedded model.
func Load() (*Tagger, error) {
	l, err := ReadLexicon(lexiconFile)
	if err != nil {
		return nil, err
	}
	m, err := ReadModel(modelFile)
	if err != nil {
		return nil, err
	}
	return New(l, m), nil
}

// New makes a Tagger of parts.
func New(l *Lexicon, m *Model) *Tagger {
	return &Tagger{lexicon: l, model: m, rooms: &sync.Pool{New: func() any {
		return &room{sentence: NewSentence(l), features: make([]uint32, 0, MaxFeatures)}
	}}}
}

// WithRecall gives a Tagger that shares the weights and takes more for names the higher the bias, in log odds: 0 is balanced, 2 much.
func (n *Tagger) WithRecall(bias float32) *Tagger {
	other := *n
	other.bias = bias
	return &other
}

// Find appends the names in a text.
func (n *Tagger) Find(dst []span.Found, t *span.Text) []span.Found {
	r := n.rooms.Get().(*room)
	defer n.rooms.Put(r)
	some := r.sentence.Read(t.Bytes)
	tokens := r.sentence.Tokens
	if r.sentence.dense {
		dst = han().find(dst, tokens, n.bias)
	}
	if !some {
		return dst
	}
	if t.Field {
		if whole := appendBare(dst, tokens); len(whole) > len(dst) {
			return whole
		}
	}
	for i := 0; i < len(tokens); i++ {
		start := i
		for i < len(tokens) && tokens[i].candidate {
			i++
		}
		if i > start {
			dst = n.findRun(dst, r, start, i)
		}
	}
	return dst
}

// findRun tags a run of candidates.
func (n *Tagger) findRun(dst []span.Found, r *room, start, end int) []span.Found {
	l, tokens := &r.lattice, r.sentence.Tokens
	l.Reset()
	for i := start; i < end; i++ {
		r.features = r.sentence.Features(r.features[:0], i)
		b, in := n.model.score(r.features)
		l.Scores = append(l.Scores, [2]float32{b, in})
	}
	l.Best(&n.model.steps, n.bias)
	summed := false
	for i := 0; i < len(l.Path); i++ {
		if l.Path[i] == outside {
			continue
		}
		if !summed {
			l.Sum(&n.model.steps)
			summed = true
		}
		first, sure := i, 1-l.Share[i][outside]
		for i+1 < len(l.Path) && l.Path[i+1] == inside {
			i++
			sure = min(sure, 1-l.Share[i][outside])
		}
		from := withTitle(tokens, start+first)
		dst = append(dst, span.Found{
			Start: int(tokens[from].Start), End: int(tokens[start+i].End),
			Kind: span.Person, Reason: span.Model, Score: max(least, n.model.calibrate(sure)),
		})
	}
	return dst
}

// titles are forms of address that go with the name: they tell a person's sex or rank.
var titles = func() map[uint32]bool {
	set := map[uint32]bool{}
	for w := range strings.FieldsSeq("mr mrs ms miss mx dr prof") {
		set[foldHash(w)] = true
	}
	return set
}()

// withTitle gives the first token of a name with the titles before it.
func withTitle(tokens []Token, i int) int {
	for {
		k := i - 1
		if k > 0 && tokens[k].hash == dot && tokens[k].shape == stop {
			k--
		}
		if k < 0 || tokens[k].shape != title && tokens[k].shape != lower && tokens[k].shape != upper || !titles[tokens[k].hash] {
			return i
		}
		i = k
	}
}

// least is the score of a finding that the policy's bias let through against the odds: it is wanted all the same.
const least = .5

// calibrate gives the share of right ones among spans that the model holds to be this probable.
func (m *Model) calibrate(p float64) float32 {
	p = min(max(p, 1e-6), 1-1e-6)
	return float32(1 / (1 + math.Exp(-float64(m.slope)*math.Log(p/(1-p))-float64(m.offset))))
}
