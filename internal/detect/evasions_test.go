// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/nymstream/nymstream/internal/detect/names"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// evasion is a text in which personal data is written so that it escapes: Find is what must be covered by findings of Kind. Where
// there is no Kind the text only looks as if, and nothing is to be found.
type evasion struct{ ID, Text, Markup, Kind, Find, Class string }

// plainClass has the same values as they are usually written; innocent has texts without any.
const plainClass, innocent = "plain", "innocent"

func evasions(t *testing.T) (all []evasion) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "evasions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e evasion
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if _, known := span.Named(e.Kind); seen[e.ID] || known == (e.Class == innocent) {
			t.Fatalf("%s: it comes twice, or has no kind", e.ID)
		}
		seen[e.ID] = true
		all = append(all, e)
	}
	return all
}

// left gives what of the letters and digits of the evasion no finding covers: of its kind, and of any kind.
func (e evasion) left(t *testing.T, found []Finding) (ofKind, ofAny string) {
	t.Helper()
	start := e.place(t)
	inTag := false
	for i, r := range e.Find {
		if e.Markup == "html" {
			inTag = r == '<' || inTag && r != '>'
		}
		if inTag || !unicode.IsLetter(r) && !unicode.IsNumber(r) && r < 0xe0000 {
			continue
		}
		var kind, some bool
		for _, f := range found {
			if f.Start <= start+i && start+i < f.End {
				some, kind = true, kind || f.Kind.String() == e.Kind
			}
		}
		if !kind {
			ofKind += string(r)
		}
		if !some {
			ofAny += string(r)
		}
	}
	return ofKind, ofAny
}

func (e evasion) place(t *testing.T) int {
	t.Helper()
	start := strings.Index(e.Text, e.Find)
	if start < 0 || e.Find == "" {
		t.Fatalf("%s: its text does not hold what is to be found", e.ID)
	}
	return start
}

// outcome counts the evasions of a class.
type outcome struct{ of, found, covered int }

// TestEvasions prints how many evasions of each class are found, and holds them to the table in docs/DETECTION.md: -update rewrites it.
func TestEvasions(t *testing.T) {
	tagger, err := names.Of(names.Balanced)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Options{Names: tagger})
	if err != nil {
		t.Fatal(err)
	}
	s, table := d.Scanner(), map[string]*outcome{}
	for _, e := range evasions(t) {
		m, err := ParseMarkup(e.Markup)
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		if table[e.Class] == nil {
			table[e.Class] = &outcome{}
		}
		e.judge(t, s.Find([]byte(e.Text), m), table[e.Class])
	}
	for _, class := range slices.Sorted(maps.Keys(table)) {
		t.Logf("%-14s %3d of %3d found, %3d covered", class, table[class].found, table[class].of, table[class].covered)
	}
	holdEvasions(t, table)
}

func (e evasion) judge(t *testing.T, found []Finding, to *outcome) {
	t.Helper()
	to.of++
	if e.Class == innocent {
		if len(found) == 0 {
			to.found++
			to.covered++
		} else if *show == e.Class {
			t.Logf("%s: %v %q of %q", e.ID, found[0].Kind, e.Text[found[0].Start:found[0].End], e.Text)
		}
		return
	}
	ofKind, ofAny := e.left(t, found)
	if ofKind == "" {
		to.found++
	} else if *show == e.Class || *show == "evasions" {
		t.Logf("%s: %q is left of %s %q in %q", e.ID, ofKind, e.Kind, e.Find, e.Text)
	}
	if ofAny == "" {
		to.covered++
	}
}

// TestEvasionsCut looks at every beginning and end of the evasions: half of one must do no harm.
func TestEvasionsCut(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Scanner()
	for _, e := range evasions(t) {
		m, err := ParseMarkup(e.Markup)
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		for i := range len(e.Text) + 1 {
			for _, text := range []string{e.Text[:i], e.Text[i:]} {
				last := 0
				for _, f := range s.Find([]byte(text), m) {
					if f.Start < last || f.End <= f.Start || f.End > len(text) {
						t.Fatalf("%s, cut at %d: %d to %d is out of order", e.ID, i, f.Start, f.End)
					}
					last = f.End
				}
			}
		}
	}
}
