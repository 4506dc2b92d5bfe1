// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"bufio"
	"encoding/json"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// labeled is a case of the shared corpus; spans are of code points.
type labeled struct {
	ID, Src, Kind, Entity, Text string
	Spans                       []extent
}

type extent struct {
	start, end int
	label      string
}

func (e *extent) UnmarshalJSON(raw []byte) error {
	fields := []any{&e.start, &e.end, &e.label}
	return json.Unmarshal(raw, &fields)
}

// corpus reads the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func corpus(t *testing.T) []labeled {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "pii", "public.jsonl"))
	if err != nil {
		t.Skip("the shared corpus is absent")
	}
	defer f.Close()
	var cases []labeled
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c labeled
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// findAll calls Find wherever a token begins, as the engine does, and gives extents in code points.
func findAll(t *span.Text, text string) (found []extent) {
	b := []byte(width.Fold.String(text))
	t.Reset(b, false)
	var room []span.Found
	for i := 0; i < len(b); i++ {
		if !digit(b[i]) && b[i] != '+' && b[i] != '(' || i > 0 && digit(b[i]) && (digit(b[i-1]) || letter(b[i-1])) {
			continue
		}
		room = Find(room[:0], t, i)
		if len(room) > 0 && room[0].Score >= .5 {
			found = append(found, extent{utf8.RuneCount(b[:i]), utf8.RuneCount(b[:room[0].End]), span.Phone.Label()})
			i = room[0].End - 1
		}
	}
	return found
}

// tally counts as the corpus' scorer does: a gold span is found when 80 % of it is covered, a finding is right when half of it is gold.
type tally struct{ gold, hit, found, right int }

func (s *tally) add(gold, found []extent) (missed, wrong []extent) {
	for _, g := range gold {
		s.gold++
		if covered(g, found)*10 >= (g.end-g.start)*8 {
			s.hit++
		} else {
			missed = append(missed, g)
		}
	}
	for _, f := range found {
		s.found++
		if covered(f, gold)*2 >= f.end-f.start {
			s.right++
		} else {
			wrong = append(wrong, f)
		}
	}
	return missed, wrong
}

func covered(e extent, by []extent) (n int) {
	for _, o := range by {
		n += max(0, min(e.end, o.end)-max(e.start, o.start))
	}
	return n
}

// The marks of the labeled corpus, on the half that nothing was tuned on.
func TestEval(t *testing.T) {
	marked := []string{"libphonenumber", "validator.js", "presidio", "scrubadub", "presidio-research", "synth-social"}
	var text span.Text
	by := map[string]*tally{}
	for _, c := range corpus(t) {
		h := fnv.New32a()
		h.Write([]byte(c.ID))
		half := []string{"even", "odd"}[h.Sum32()&1]
		gold := slices.DeleteFunc(slices.Clone(c.Spans), func(e extent) bool { return e.label != span.Phone.Label() })
		keys := []string{half + " false alarms in other texts: " + c.Src}
		if c.Kind == "full" || c.Entity == span.Phone.Label() {
			keys = []string{half + " " + c.Src}
			if slices.Contains(marked, c.Src) {
				keys = append(keys, half)
			}
		}
		for _, k := range keys {
			if by[k] == nil {
				by[k] = &tally{}
			}
			missed, wrong := by[k].add(gold, findAll(&text, c.Text))
			if k == half+" "+c.Src || c.Src != "libphonenumber" && len(wrong) > 0 && k != half {
				show(t, c, k, "missed", missed)
				show(t, c, k, "wrong", wrong)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(by)) {
		s := by[k]
		t.Logf("%-60s gold %4d found %4d precision %.3f recall %.3f", k, s.gold, s.found, float64(s.right)/float64(max(s.found, 1)), float64(s.hit)/float64(max(s.gold, 1)))
	}
	if s := by["odd"]; s.right*1000 < s.found*980 || s.hit*1000 < s.gold*970 {
		t.Errorf("precision or recall fell below .98 and .97")
	}
}

func show(t *testing.T, c labeled, key, what string, spans []extent) {
	if os.Getenv("SHOW") == "" || key[:3] == "odd" {
		return
	}
	runes := []rune(c.Text)
	for _, e := range spans {
		t.Logf("%s %s: %q in %q", key, what, string(runes[e.start:e.end]), string(runes[max(0, e.start-40):min(len(runes), e.end+20)]))
	}
}
