// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// findAll calls the leaf as the engine does and settles overlaps: the higher score, then the longer span.
func findAll(t *span.Text) []span.Found {
	var all, kept []span.Found
	b := t.Bytes
	for i := 0; i < len(b); {
		_, size := utf8.DecodeRune(b[i:])
		prev, _ := utf8.DecodeLastRune(b[:i])
		isDigit, isWord := digit(b[i]), letters[b[i]] != 0 || b[i] >= utf8.RuneSelf
		prevDigit, prevWord := i > 0 && digit(b[i-1]), i > 0 && (letters[b[i-1]] != 0 || b[i-1] >= utf8.RuneSelf && (prev < 0x2000 || dense(prev)))
		switch {
		case isDigit && !prevDigit && (!prevWord || dense(prev)):
			all = Numeric(all, t, i)
		case isWord && !prevDigit && (!prevWord || b[i] >= 0xe2 && !dense(prev)):
			all = Word(all, t, i)
		}
		i += size
	}
	slices.SortStableFunc(all, func(x, y span.Found) int {
		if x.Score != y.Score {
			return int(100 * (y.Score - x.Score))
		}
		return (y.End - y.Start) - (x.End - x.Start)
	})
	for _, f := range all {
		if f.Score >= .5 && !slices.ContainsFunc(kept, func(k span.Found) bool { return k.Start < f.End && f.Start < k.End }) {
			kept = append(kept, f)
		}
	}
	slices.SortFunc(kept, func(x, y span.Found) int { return x.Start - y.Start })
	return kept
}

type goldCase struct {
	ID, Src, Lang, Kind, Entity, Text string
	Bspans                            []goldSpan
}

type goldSpan struct {
	start, end int
	label      string
}

func (g *goldSpan) UnmarshalJSON(raw []byte) error {
	var subtype any
	return json.Unmarshal(raw, &[]any{&g.start, &g.end, &g.label, &subtype})
}

// labeled reads the labeled texts, which lie beside the repository.
func labeled(t testing.TB) []goldCase {
	path := filepath.Join("..", "..", "..", "..", "shared", "pii", "public.jsonl")
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("the labeled texts are absent: %s", path)
	}
	defer func() { _ = f.Close() }()
	var cases []goldCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c goldCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

type tally struct{ gold, hit, found, right int }

func (c tally) String() string {
	return fmt.Sprintf("gold %4d found %4d P %.3f R %.3f", c.gold, c.found, float64(c.right)/float64(max(c.found, 1)), float64(c.hit)/float64(max(c.gold, 1)))
}

// TestEval prints precision and recall as score.py measures them: a labeled span is recalled with 80 % covered, a finding is
// right with half of it labeled.
func TestEval(t *testing.T) {
	tallies := map[string]*tally{}
	var text span.Text
	for _, c := range labeled(t) {
		if c.Kind == "value" {
			continue
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(c.ID))
		half := []string{"even", "odd"}[h.Sum32()&1]
		text.Reset([]byte(c.Text), false)
		score(tallies, c, findAll(&text), half)
	}
	for _, k := range slices.Sorted(mapKeys(tallies)) {
		t.Logf("%-48s %s", k, tallies[k])
	}
}

func mapKeys(m map[string]*tally) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func score(tallies map[string]*tally, c goldCase, found []span.Found, half string) {
	labels := map[string][]string{
		"presidio-research": {"ADDRESS", "AGE"}, "synth-social": {"ADDRESS", "GEO", "DATE_OF_BIRTH", "HEALTH"}, "btc": {"ADDRESS", "GEO", "AGE", "DATE_OF_BIRTH", "HEALTH", "FINANCE"},
	}[c.Src]
	ours := []string{"ADDRESS", "GEO", "AGE", "DATE_OF_BIRTH", "HEALTH"}
	if c.Kind == "single" && c.Src != "btc" && slices.Contains(ours, c.Entity) {
		labels = []string{c.Entity}
	}
	count := func(label string) *tally {
		k := label + " " + c.Src + " " + half
		if tallies[k] == nil {
			tallies[k] = &tally{}
		}
		return tallies[k]
	}
	show := os.Getenv("SHOW")
	for _, g := range c.Bspans {
		if !slices.Contains(labels, g.label) {
			continue
		}
		n := count(g.label)
		n.gold++
		if covered(g.start, g.end, found, g.label)*10 >= (g.end-g.start)*8 {
			n.hit++
		} else if show == "miss "+g.label && half == "even" {
			fmt.Printf("MISS %s %q in %q found %v\n", c.Src, c.Text[g.start:g.end], c.Text, brief(c.Text, found))
		}
	}
	for _, f := range found {
		label := f.Kind.Label()
		if !slices.Contains(labels, label) {
			continue
		}
		n := count(label)
		n.found++
		right := 0
		for _, g := range c.Bspans {
			if g.label == label || label == "DATE_OF_BIRTH" && g.label == "DATE" {
				right += max(0, min(f.End, g.end)-max(f.Start, g.start))
			}
		}
		if right*2 >= f.End-f.Start {
			n.right++
		} else if show == "false "+label && half == "even" {
			fmt.Printf("FALSE %s %q in %q\n", c.Src, c.Text[f.Start:f.End], c.Text)
		}
	}
}

func brief(text string, found []span.Found) (s []string) {
	for _, f := range found {
		s = append(s, f.Kind.Label()+":"+text[f.Start:f.End])
	}
	return s
}

func covered(start, end int, found []span.Found, label string) (n int) {
	for _, f := range found {
		if f.Kind.Label() == label {
			n += max(0, min(f.End, end)-max(f.Start, start))
		}
	}
	return n
}
