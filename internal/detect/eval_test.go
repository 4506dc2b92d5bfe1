// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bufio"
	"encoding/json"
	"flag"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/detect/names"
	"github.com/nymstream/nymstream/internal/detect/span"
)

var show = flag.String("show", "", "print what was missed, and what was found in vain, of this label")

// labeled is one case of the shared corpus.
type labeled struct {
	ID, Src, Lang, Kind, Entity, Text string
	BSpans                            [][]any
}

// labels are what a case's source annotates.
func (c labeled) labels() []string {
	if c.Kind == "single" {
		return []string{c.Entity}
	}
	return map[string][]string{
		"presidio-research": {"PERSON", "ADDRESS", "CREDIT_CARD", "DATE", "PHONE", "EMAIL", "IBAN", "NATIONAL_ID", "URL", "IP_ADDRESS", "AGE"},
		"synth-social": {"PERSON", "EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "NATIONAL_ID", "IP_ADDRESS", "MAC_ADDRESS", "URL", "ADDRESS", "DATE_OF_BIRTH",
			"HANDLE", "GEO", "CRYPTO", "SECRET"},
	}[c.Src]
}

// odd parts the cases in halves: the rules were written with the even ones in sight.
func (c labeled) odd() bool {
	h := fnv.New32a()
	h.Write([]byte(c.ID))
	return h.Sum32()&1 == 1
}

func corpus(t testing.TB) (all []labeled) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "pii", "public.jsonl"))
	if err != nil {
		t.Skip("the shared corpus is absent: pii")
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c labeled
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Kind != "value" {
			all = append(all, c)
		}
	}
	return all
}

// area is a labeled span in bytes.
type area struct {
	start, end int
	label      string
}

func (a area) covered(others []area) int {
	n, last := 0, a.start
	for _, o := range others {
		if o.label == a.label {
			from, to := max(o.start, last), min(o.end, a.end)
			if to > from {
				n, last = n+to-from, to
			}
		}
	}
	return n
}

// tally counts as score.py of the corpus does: a label is found where four fifths of it are covered, a finding is right where half
// of it is labeled.
type tally struct{ gold, hit, found, right int }

func (y *tally) add(o tally) {
	y.gold, y.hit, y.found, y.right = y.gold+o.gold, y.hit+o.hit, y.found+o.found, y.right+o.right
}

func (y tally) precision() float64 { return float64(y.right) / float64(max(1, y.found)) }
func (y tally) recall() float64    { return float64(y.hit) / float64(max(1, y.gold)) }

type cell struct {
	label, source string
	odd           bool
}

func (c labeled) count(t *testing.T, table map[cell]*tally, gold, found []area) {
	at := func(label string) []*tally {
		var list []*tally
		for _, source := range []string{"", c.Src} {
			key := cell{label, source, c.odd()}
			if table[key] == nil {
				table[key] = &tally{}
			}
			list = append(list, table[key])
		}
		return list
	}
	for _, label := range c.labels() {
		var y tally
		for _, g := range gold {
			if g.label != label {
				continue
			}
			y.gold++
			if g.covered(found)*5 >= (g.end-g.start)*4 {
				y.hit++
			} else if label == *show && !c.odd() {
				t.Logf("missed %s %q of %.200q", c.Src, c.Text[g.start:g.end], c.Text)
			}
		}
		for _, f := range found {
			if f.label != label {
				continue
			}
			y.found++
			if f.covered(gold)*2 >= f.end-f.start {
				y.right++
			} else if label == *show && !c.odd() {
				t.Logf("in vain %s %q of %.200q", c.Src, c.Text[f.start:f.end], c.Text)
			}
		}
		for _, to := range at(label) {
			to.add(y)
		}
	}
}

func (c labeled) gold() (list []area) {
	for _, s := range c.BSpans {
		list = append(list, area{int(s[0].(float64)), int(s[1].(float64)), s[2].(string)})
	}
	slices.SortFunc(list, func(a, b area) int { return a.start - b.start })
	return list
}

// TestEval prints precision and recall, and holds those of this package's kinds to what they must be.
func TestEval(t *testing.T) {
	cases := corpus(t)
	d, err := New(Options{Names: evalNames(t)})
	if err != nil {
		t.Fatal(err)
	}
	s, table := d.Scanner(), map[cell]*tally{}
	for _, c := range cases {
		var found []area
		for _, f := range s.Find([]byte(c.Text), Plain) {
			label := f.Kind.Label()
			if f.Kind == span.Birth && !slices.Contains(c.labels(), label) {
				label = "DATE"
			}
			found = append(found, area{f.Start, f.End, label})
		}
		c.count(t, table, c.gold(), found)
	}
	for label, least := range marks {
		var y tally
		for _, odd := range []bool{false, true} {
			if half := table[cell{label, "", odd}]; half != nil {
				y.add(*half)
			}
		}
		if y.precision() < least[0] || y.recall() < least[1] {
			t.Errorf("%s: got precision %.3f and recall %.3f, want %.3f and %.3f", label, y.precision(), y.recall(), least[0], least[1])
		}
	}
	keys := slices.SortedFunc(maps.Keys(table), func(a, b cell) int {
		if a.label != b.label {
			return slices.Compare([]byte(a.label), []byte(b.label))
		}
		if a.source != b.source {
			return slices.Compare([]byte(a.source), []byte(b.source))
		}
		return 0
	})
	for _, k := range keys {
		if y := table[k]; !k.odd || table[cell{k.label, k.source, false}] == nil {
			o := table[cell{k.label, k.source, true}]
			if o == nil {
				o = &tally{}
			}
			t.Logf("%-14s %-18s even P %.3f R %.3f of %4d   odd P %.3f R %.3f of %4d (%d found)", k.label, k.source, y.precision(), y.recall(), y.gold, o.precision(), o.recall(),
				o.gold, o.found)
		}
	}
}

// marks are the least precision and recall of the kinds of this package.
var marks = map[string][2]float64{
	"EMAIL": {.995, .99}, "CREDIT_CARD": {.99, .99}, "IBAN": {.99, .99}, "IP_ADDRESS": {.99, .99}, "MAC_ADDRESS": {.98, .95}, "URL": {.95, .97},
	"HANDLE": {.98, .97}, "CRYPTO": {.99, .98}, "SECRET": {.95, .93},
}

// evalNames gives what finds persons: a model trained on these texts. What it is worth on others is in names/METRICS.txt.
func evalNames(t testing.TB) Names {
	n, err := names.Load()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFalseAlarms counts what is found in real posts that hold nothing of the kind.
func TestFalseAlarms(t *testing.T) {
	d, err := New(Options{Kinds: []span.Kind{span.Phone, span.NationalID, span.IP, span.Bank, span.Address}})
	if err != nil {
		t.Fatal(err)
	}
	s, posts, alarms := d.Scanner(), 0, 0
	for _, c := range corpus(t) {
		if c.Src != "btc" {
			continue
		}
		posts++
		for _, f := range s.Find([]byte(c.Text), Plain) {
			alarms++
			if *show == "alarms" {
				t.Logf("%v %.2f %q of %q", f.Kind, f.Score, c.Text[f.Start:f.End], c.Text)
			}
		}
	}
	t.Logf("%d alarms in %d posts: %.2f in 1,000", alarms, posts, float64(alarms)*1000/float64(posts))
	if alarms*1000 > 2*posts {
		t.Errorf("got %d alarms in %d posts, want 2 in 1,000 at most", alarms, posts)
	}
}
