// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"bytes"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const fixtureFile = "testdata/standing_v1.hex"

// fixtures are Standings whose form is frozen: rows written by any release of format 1 must be read for ever.
func fixtures() map[string]Standing {
	return map[string]Standing{
		"empty":   {},
		"typical": typical(),
		"renewed": merged(
			Signal{Kind: Consent, Verdict: Allow, At: 1700000000000, Expires: 1710000000000, Source: "tcf", Notice: "2.3"},
			Signal{Kind: Consent, Verdict: Allow, At: 1720000000000, Expires: 1730000000000, Source: "tcf", Notice: "2.3"},
			Signal{Kind: Consent, Verdict: Allow, At: 1725000000000, Source: "tcf"},
			Signal{Kind: Consent, Purpose: "ads", At: 1690000000000, Source: "cmp:onetrust"},
			Signal{Kind: Consent, Purpose: "ads", Verdict: Allow, At: 1680000000000},
		),
		"every kind": merged(
			Signal{Kind: Consent, Purpose: "ads", At: 1}, Signal{Kind: Parental, Purpose: "ads", At: 2}, Signal{Kind: ParentalThirdParty, Purpose: "ads", At: 3},
			Signal{Kind: Age, At: 4}, Signal{Kind: Sale, At: 5}, Signal{Kind: Sharing, At: 6}, Signal{Kind: Sensitive, At: 7},
			Signal{Kind: Objection, Purpose: "ads", At: 8}, Signal{Kind: Restriction, Purpose: "x:protect", At: 9, Source: "x-compliance:user_protect"},
			Signal{Kind: Hold, At: 10, Source: "officer"}, Signal{Kind: Erasure, At: 11},
		),
	}
}

// TestStandingFixture fails when a change of the code reads or writes rows differently. A new form gets a new format byte and a file of its own.
func TestStandingFixture(t *testing.T) {
	data, err := os.ReadFile(fixtureFile)
	if err != nil {
		t.Fatal(err)
	}
	want := fixtures()
	for line := range strings.Lines(string(data)) {
		label, digits, _ := strings.Cut(strings.TrimSpace(line), ": ")
		form, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		s, rest, err := ParseStanding(form)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%s: %v, %d bytes left", label, err, len(rest))
		}
		if !slices.Equal(s.marks, want[label].marks) {
			t.Errorf("%s: want %+v, got %+v", label, want[label].marks, s.marks)
		}
		if got := s.AppendBinary(nil); !bytes.Equal(got, form) {
			t.Errorf("%s: want %x, got %x", label, form, got)
		}
		delete(want, label)
	}
	for label, s := range want {
		t.Errorf("%s is not in the file: %x", label, s.AppendBinary(nil))
	}
}

func TestStandingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := merged(drawHistory(t)...)
		form := s.AppendBinary([]byte("before"))
		if again := merged(drawHistory(t)...).AppendBinary(form); !bytes.HasPrefix(again, form) {
			t.Fatal("what stood in dst is gone")
		}
		got, rest, err := ParseStanding(append(form[len("before"):], "behind"...))
		if err != nil || string(rest) != "behind" {
			t.Fatalf("%v, %q left", err, rest)
		}
		if !slices.Equal(got.marks, s.marks) {
			t.Fatalf("want %+v, got %+v", s.marks, got.marks)
		}
	})
}

// TestStandingDamaged: what is cut off or of another format is refused, and a changed byte never gives what has a second form.
func TestStandingDamaged(t *testing.T) {
	for label, s := range fixtures() {
		form := s.AppendBinary(nil)
		for n := range form {
			if _, _, err := ParseStanding(form[:n]); err == nil {
				t.Errorf("%s: its first %d bytes were read", label, n)
			}
		}
		for i := range form {
			for bit := range 8 {
				changed := slices.Clone(form)
				changed[i] ^= 1 << bit
				got, rest, err := ParseStanding(changed)
				if err == nil && !bytes.Equal(append(got.AppendBinary(nil), rest...), changed) {
					t.Errorf("%s: %x has two forms", label, changed)
				}
				if i == 0 && err == nil {
					t.Errorf("%s: format %d was read", label, changed[0])
				}
			}
		}
	}
}

func TestStandingRefused(t *testing.T) {
	tests := map[string]string{
		"nothing":                      "",
		"an unknown format":            "0200",
		"a number with a second form":  "018000",
		"more marks than bytes":        "01ffffffffffffffff7f00",
		"more texts than bytes":        "0101ffffffffffffffff7f",
		"a text longer than the rest":  "0101017f6101010105",
		"an unknown kind":              "010100" + "0c100005",
		"kind 0":                       "010100" + "00100005",
		"a mark that says nothing":     "010100" + "010000",
		"the same mark twice":          "010200" + "01100005" + "01100005",
		"marks out of order":           "010200" + "02100005" + "01100005",
		"a text nobody uses":           "01010161" + "61" + "01100005",
		"a text that is not there":     "010100" + "01100105",
		"a purpose of sale":            "0101010161" + "05100105",
		"an end without an allow":      "010100" + "0118000605",
		"a source without an allow":    "0101010161" + "0130000501",
		"a beginning before the deny":  "010100" + "01130009" + "0505",
		"a beginning that was ended":   "010100" + "01130005" + "0109",
		"a beginning before all time":  "010100" + "0103000909",
		"a flag for nothing":           "010100" + "0111000500",
		"a lapse behind the beginning": "010100" + "0107000903" + "01",
		"a lapse before all time":      "010100" + "010500090a",
		"an allow below zero":          "010100" + "010100ffffffffffffffffff01",
		"a time below zero":            "010100" + "011000ffffffffffffffffff01",
	}
	for name, digits := range tests {
		form, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s, _, err := ParseStanding(form); err == nil {
			t.Errorf("%s: read as %+v", name, s.marks)
		}
	}
}

func TestParseEmptyStandingDoesNotAllocate(t *testing.T) {
	form := Standing{}.AppendBinary(nil)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := ParseStanding(form); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestStandingSize: a typical person's marks are small beside the rest of the row.
func TestStandingSize(t *testing.T) {
	if n := len(typical().AppendBinary(nil)); n > 140 {
		t.Errorf("six marks take %d bytes", n)
	}
}

func FuzzParseStanding(f *testing.F) {
	for _, s := range fixtures() {
		f.Add(s.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, rest, err := ParseStanding(data)
		if err != nil {
			if len(s.marks) != 0 || rest != nil {
				t.Fatal("an error and something read")
			}
			return
		}
		if again := append(s.AppendBinary(nil), rest...); !bytes.Equal(again, data) {
			t.Fatalf("%x became %x", data, again)
		}
		for i := range s.marks {
			if !s.marks[i].sound() {
				t.Fatalf("%+v is not sound", s.marks[i])
			}
		}
		s.Ask(asked())
		s.AfterErasure(1)
	})
}

func BenchmarkParseStanding(b *testing.B) {
	form := typical().AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = ParseStanding(form)
	}
}
