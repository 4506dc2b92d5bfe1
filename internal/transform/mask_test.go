// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestMask(t *testing.T) {
	check(t, must(t)(NewMask(4, AtEnd)), []change{
		{`"4111111111111111"`, `"********1111"`},
		{`"12345"`, `"********2345"`},
		{`"1234"`, `"********"`},
		{`"123"`, `"********"`},
		{`""`, `"********"`},
		{`"grüße😀"`, `"********üße😀"`},
		{`"üße😀"`, `"********"`},
		{`"secret\"\\\n\t"`, `"********\"\\\n\t"`},
		{`4915112345678`, `"********5678"`},
		{`-1.5`, `"********"`},
		{`null`, misfit},
		{`false`, misfit},
	})
	check(t, must(t)(NewMask(2, AtStart)), []change{
		{`"Ann Example"`, `"An********"`},
		{`"Ann"`, `"An********"`},
		{`"An"`, `"********"`},
		{`"😀é!"`, `"😀é********"`},
	})
	check(t, must(t)(NewMask(0, AtEnd)), []change{{`"Ann"`, `"********"`}, {`""`, `"********"`}})
}

func TestMaskRefuses(t *testing.T) {
	if _, err := NewMask(-1, AtEnd); err == nil {
		t.Error("minus one character was taken")
	}
	if _, err := NewMask(1, AtStart+1); err == nil {
		t.Error("an unknown end was taken")
	}
}

// Whatever is masked, only the kept characters differ: neither the length nor anything else of the rest is seen.
func TestMaskTellsOnlyWhatItKeeps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		keep := rapid.IntRange(0, 6).Draw(rt, "keep")
		text := []rune(rapid.String().Draw(rt, "text"))
		end := rapid.SampledFrom([]End{AtEnd, AtStart}).Draw(rt, "end")
		want := stars
		if len(text) > keep && end == AtEnd {
			want = stars + string(text[len(text)-keep:])
		} else if len(text) > keep {
			want = string(text[:keep]) + stars
		}
		var got string
		if err := json.Unmarshal([]byte(apply(t, must(t)(NewMask(keep, end)), quoted(string(text)))), &got); err != nil || got != want {
			rt.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestCharactersAreNeverSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		n := rapid.IntRange(0, 20).Draw(t, "n")
		first, last := text[:firstCharacters([]byte(text), n)], text[len(text)-lastCharacters([]byte(text), n):]
		want := min(n, utf8.RuneCountInString(text))
		for _, got := range []string{first, last} {
			if !utf8.ValidString(got) || utf8.RuneCountInString(got) != want {
				t.Fatalf("got %q, want %d whole characters", got, want)
			}
		}
		if !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
			t.Fatalf("got %q and %q, want the ends of %q", first, last, text)
		}
	})
}
