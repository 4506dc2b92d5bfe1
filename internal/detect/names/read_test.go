// SPDX-License-Identifier: Apache-2.0

package names

import (
	"errors"
	"testing"
)

// Damaged files are refused.
func TestRead(t *testing.T) {
	for name, raw := range map[string][]byte{"empty": nil, "short": []byte(lexiconMagic), "other": []byte("something else, and longer than a head"), "cut": lexiconFile[:len(lexiconFile)-1]} {
		if _, err := ReadLexicon(raw); !errors.Is(err, errLexicon) {
			t.Errorf("lexicon, %s: got %v, want that it is damaged", name, err)
		}
	}
	for name, raw := range map[string][]byte{"empty": nil, "short": []byte(modelMagic), "cut": modelFile[:len(modelFile)/2]} {
		if _, err := ReadModel(raw); !errors.Is(err, errModel) {
			t.Errorf("model, %s: got %v, want that it is damaged", name, err)
		}
	}
}

func TestBuildLexicon(t *testing.T) {
	raw, err := BuildLexicon([]Word{
		{Text: "anna", Given: 3, Family: 1, Class: Path{1, 1, 7}}, {Text: "bonn", Place: true, Class: Path{1, 2, 5}}, {Text: "and", Common: 3, Class: Path{2, 3, 9}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ReadLexicon(raw)
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string][5]uint32{"Anna": {3, 1, 0, 0, 1}, "BONN": {0, 0, 0, placeBit, 2}, "and": {0, 0, 3, 0, 3}, "who": {}} {
		e := l.find(foldHash(word))
		got := [5]uint32{e.Given(), e.Family(), e.Common(), uint32(e) & (placeBit | properBit), e.class()}
		if got != want {
			t.Errorf("%q: got %v, want %v (given, family, common, place, class)", word, got, want)
		}
	}
	for name, words := range map[string][]Word{"words": make([]Word, 1<<lexiconBits), "wide classes": {{Text: "a", Class: Path{256, 1, 1}}}, "classes": manyClasses()} {
		if _, err := BuildLexicon(words); err == nil {
			t.Errorf("got no error for more %s than there is room for", name)
		}
	}
}

// manyClasses are words of more classes than an entry can number.
func manyClasses() (words []Word) {
	for i := range 1 << (entryBits - classShift) {
		words = append(words, Word{Text: "word", Class: Path{1, 1, i + 1}})
	}
	return words
}

// Rounding the weights and packing them keeps scores.
func TestPack(t *testing.T) {
	trained := Trained{Weights: make([][2]float32, 1<<FeatureBits), Slope: .7, Offset: -.5}
	trained.Weights[5], trained.Weights[77] = [2]float32{2.5, -1}, [2]float32{.001, 1.27}
	trained.Steps[outside][begin] = -1.5
	raw, err := trained.Pack(.02)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadModel(raw)
	if err != nil {
		t.Fatal(err)
	}
	b, in := m.score([]uint32{5, 77, 100})
	if abs(b-2.5) > .02 || abs(in-.27) > .03 || m.steps != trained.Steps || m.slope != .7 || m.offset != -.5 {
		t.Errorf("got %v, %v, %v, want about 2.5, 0.27 and the steps", b, in, m.steps)
	}
}
