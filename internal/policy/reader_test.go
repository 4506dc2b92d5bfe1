// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestScalarsAreWhatEveryReaderTakesThemFor(t *testing.T) {
	for kind, spellings := range map[scalarKind][]string{
		plain:     {"a", "y", "n", "yesterday", "1d", "395d", "10km", "1.2.3", "v1", "-", "--1", "1:a", "x2026-01-01", "$.a[*].b", "0x", "é", "NaN", "inf", "tru e"},
		number:    {"0", "-0", "1", "42", "1.50", "-3.25", "2026"},
		boolean:   {"true", "false"},
		null:      {"", "~", "null"},
		ambiguous: {"yes", "No", "ON", "off", "True", "FALSE", "Null", "010", "+1", "1_000", "1.", ".5", "1e3", "1.5E-3", "0x1F", "0o17", "0b101", ".inf", "-.INF", ".nan", "12:30", "1:02:03.5", "2026-01-31", "2026-1-1T00:00:00Z"},
	} {
		for _, s := range spellings {
			if got := scalarOf(s); got != kind {
				t.Errorf("%q: want kind %d, got %d", s, kind, got)
			}
		}
	}
}

func TestNearestWord(t *testing.T) {
	known := []string{"keep", "drop", "pseudonym", "seal", "mask", "truncate", "email_domain", "$.author.email", "$.author.name"}
	for got, want := range map[string]string{
		"pseudonimize": "pseudonym", "Keep": "keep", "dorp": "drop", "msk": "mask", "trunc": "", "email-domain": "email_domain",
		"encrypt": "", "": "", "$.author.emial": "$.author.email", "$.autor.nmae": "$.author.name", "$.other": "",
	} {
		if near := near(got, known); near != want {
			t.Errorf("%q: want %q, got %q", got, want, near)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"395d": 395 * 24 * time.Hour, "24h": 24 * time.Hour, "30m": 30 * time.Minute,
		"0d": 0, "d": 0, "1y": 0, "1s": 0, "-1d": 0, "1.5h": 0, "01d": 0, "1d12h": 0, "99999999999d": 0, "": 0, "36501d": 0,
	} {
		f := &faults{}
		got, ok := reader{faults: f}.duration(&node{text: text, scalar: scalarOf(text)}, "retention")
		if got != want || ok != (want > 0) || ok == (len(f.problems) > 0) {
			t.Errorf("%q: want %v, got %v, %v, %v", text, want, got, ok, f.problems)
		}
	}
}

func TestGrids(t *testing.T) {
	for text, want := range map[string]float64{"10km": 10, "500m": 0.5, "2.5km": 2.5, "100m": 0.1, "99m": 0, "1001km": 0, "10": 0, "km": 0, "-1km": 0, "1e2km": 0, "10 km": 0} {
		if got, ok := kilometers(text); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: want %v, got %v, %v", text, want, got, ok)
		}
	}
}

// TestEveryTechniqueHasAPlace checks the catalog against the list of names, and every class against the techniques that any class takes.
func TestEveryTechniqueHasAPlace(t *testing.T) {
	names := techniqueNames()
	if len(names) != len(catalog) {
		t.Errorf("%d names, %d techniques in the catalog", len(names), len(catalog))
	}
	for _, name := range names {
		entry, ok := catalog[name]
		if !ok {
			t.Errorf("%s is not in the catalog", name)
		}
		if entry.fits != nil && entry.fitting == "" || entry.read != nil && entry.example == "" || entry.read == nil && !entry.bare {
			t.Errorf("the catalog says too little about %s", name)
		}
	}
	for _, name := range classNames() {
		l := &Leaf{Class: Class(name)}
		if got := fit(&Technique{Name: Pseudonym}, l); got != l.Class.Identifier() {
			t.Errorf("pseudonym of class %s: %v", name, got)
		}
		if l.Class.Identifier() != (l.Class.IdentityType() != "") {
			t.Errorf("class %s and the type of its pseudonyms disagree", name)
		}
	}
}

func TestLineEndsAndByteOrderMarksSayNothing(t *testing.T) {
	packs := fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}
	base := string(testFile(t, "base.yaml"))
	want, err := LoadBytes("policy.yaml", []byte(base), packs, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"CRLF": strings.ReplaceAll(base, "\n", "\r\n"), "byte order mark": "\ufeff" + base, "no last line end": strings.TrimSpace(base)} {
		got, err := LoadBytes("policy.yaml", []byte(text), packs, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got.Hash != want.Hash {
			t.Errorf("%s: another hash", name)
		}
	}
}

func TestWordsReadAtAGlance(t *testing.T) {
	for _, text := range []string{"yes", "No", "on", "OFF", "true", "False", "falſe", "FALSE", "null", "yeſ", "nan", "inf", "y", "n", "e3", "x0", "o7", "text", "url", "offset", "object-id", "number"} {
		if unmistakable(text) && ambiguousSpelling.MatchString(text) {
			t.Errorf("%q is unmistakable, and some reader takes it for something else", text)
		}
	}
}
