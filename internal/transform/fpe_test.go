// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestFPEKeepsTheShape(t *testing.T) {
	s := newFixture(t).scope
	for _, c := range []struct {
		name     string
		alphabet Alphabet
		value    string
		want     string // a pattern; "": a misfit
	}{
		{"a telephone number", Digits, `"+49 (151) 1234-5678"`, `^"\+\d\d \(\d{3}\) \d{4}-\d{4}"$`},
		{"a card", Digits, `"4111 1111 1111 1111"`, `^"\d{4} \d{4} \d{4} \d{4}"$`},
		{"too short", Digits, `"12345"`, ""},
		{"nothing of the alphabet", Digits, `"ann"`, ""},
		{"an integer", Digits, `1000000`, `^[1-9]\d{6}$`},
		{"a negative integer", Digits, `-1000000`, `^-[1-9]\d{6}$`},
		{"no integer", Digits, `1000000.5`, ""},
		{"an integer in letters", Letters, `1000000`, ""},
		{"true", Digits, `true`, ""},
		{"hex", Hex, `"DEADBEEF-00"`, `^"[0-9a-f]{8}-[0-9a-f]{2}"$`},
		{"letters", Letters, `"Mueller-Luedenscheidt"`, `^"[a-z]{7}-[a-z]{13}"$`},
		{"letters of another alphabet", Letters, `"Müller-Lüdenscheidt"`, ""},
		{"a street in digits", Digits, `"Ann Smith, Hauptstrasse 69, 59128 Berlin"`, ""},
		{"digits of another script", Digits, `"٠١٢٣٤٥٦٧ 1234567"`, ""},
		{"alphanumeric", Alphanumeric, `"DE89 3704 0044"`, `^"[0-9A-Za-z]{4} [0-9A-Za-z]{4} [0-9A-Za-z]{4}"$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := NewFPE("phone", c.alphabet)
			if err != nil {
				t.Fatal(err)
			}
			got, verdict := f.Append(nil, scalar(t, c.value), s)
			switch {
			case c.want == "" && verdict != Misfit:
				t.Errorf("want a misfit, got %s", got)
			case c.want != "" && (verdict != Done || !regexp.MustCompile(c.want).Match(got) || !json.Valid(got)):
				t.Errorf("want %s, got %s, %v", c.want, got, verdict)
			case c.want != "" && strings.Contains(string(got), c.value):
				t.Errorf("it is not encrypted: %s", got)
			}
			if again, _ := f.Append(nil, scalar(t, c.value), s); string(again) != string(got) {
				t.Errorf("encrypted anew it is %s, before %s", again, got)
			}
		})
	}
}

// TestFPEOfNumbersIsAPermutation checks that no two numbers become one, though those that would begin with 0 walk on.
func TestFPEOfNumbersIsAPermutation(t *testing.T) {
	s := newFixture(t).scope
	f, err := NewFPE("account", Digits)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for n := 1_000_000; n < 1_020_000; n++ {
		digits, _ := json.Marshal(n)
		got, verdict := f.Append(nil, &Value{Kind: Number, Text: digits, Raw: digits}, s)
		if verdict != Done || got[0] == '0' || len(got) != 7 {
			t.Fatalf("%s became %s, %v", digits, got, verdict)
		}
		if before := seen[string(got)]; before != "" {
			t.Fatalf("%s and %s both became %s", before, digits, got)
		}
		seen[string(got)] = string(digits)
	}
}
