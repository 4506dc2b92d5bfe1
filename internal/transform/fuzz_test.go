// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// seeds are scalars that are awkward for one technique or another; each fuzz test adds its own.
var seeds = []string{
	`null`, `true`, `0`, `-0`, `-0.0e-0`, `1e999999999`, `-1E-999999999`, `0E10000000000000000000`, `9007199254740993`, `0.5`, `-99.95`, `123456789012345678901234567890.5`,
	`""`, `"\u0000"`, `"\ud83d\ude00"`, `"1.5"`, `"-0.05"`, `"1219842525"`, `"2008-08-27T13:08:45.123+02:00"`, `"Wed Aug 27 13:08:45 +0000 2008"`,
	`"52.5163,13.3777"`, `"203.0.113.7"`, `"::ffff:203.0.113.7%eth0"`, `"https://ann:secret@example.org:80/x"`, `"Ann@Example.org"`, `"en"`, `"100+"`,
}

// applyAny is apply for scalars that a fuzzer makes up. It reports false when raw is none.
func applyAny(t *testing.T, tech Technique, raw string) (string, bool) {
	if _, ok := tryScalar(raw); !ok || !utf8.ValidString(raw) {
		return "", false
	}
	return apply(t, tech, raw), true
}

func FuzzRound(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, raw string, places int) {
		places %= maxPlaces + 1
		got, ok := applyAny(t, must(t)(NewRoundNumber(places)), raw)
		if !ok {
			return
		}
		v := scalar(t, raw)
		var d decimal
		isNumber := d.of(v)
		if got == misfit {
			if isNumber && d.point < maxZeros-maxPlaces {
				t.Fatalf("%s was a misfit", raw)
			}
			return
		}
		if quotes := v.Kind == String; quotes != strings.HasPrefix(got, `"`) {
			t.Fatalf("of %s: got %s, which is of another kind", raw, got)
		}
		if d.zero() {
			if strings.Trim(got, `"-0.`) != "" {
				t.Fatalf("of %s, a zero: got %s", raw, got)
			}
			return // big.Rat does not read every exponent that a zero may have
		}
		if len(raw) < 60 && d.point > -60 && d.point < 60 {
			if want := exactRound(string(v.Text), places); strings.Trim(got, `"`) != want {
				t.Fatalf("of %s: got %s, want %s", raw, got, want)
			}
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range seeds {
		for format := RFC3339; format <= HTTPDate; format++ {
			f.Add(s, uint8(format), uint8(format))
		}
	}
	f.Fuzz(func(t *testing.T, raw string, unit, format uint8) {
		o := TimeOptions{Step: week, Unit: TimeUnit(unit % 4), Format: TimeFormat(format % 4)}
		tech := must(t)(NewTime(o))
		got, ok := applyAny(t, tech, raw)
		if !ok || got == misfit {
			return
		}
		again := tech
		if o.Format != DateOnly && strings.Contains(got, "T") {
			again = must(t)(NewTime(TimeOptions{Step: week}))
		}
		if o.Unit != AutoUnit || strings.Contains(got, "T") || o.Format == DateOnly && strings.Contains(got, "-") {
			if twice := apply(t, again, got); twice != got {
				t.Fatalf("of %s: got %s, and of that %s", raw, got, twice)
			}
		}
		text := string(scalar(t, raw).Text)
		if at, err := time.Parse(time.RFC3339, text); err == nil && o.Format == RFC3339 {
			if want := quoted(cutOff(at, week).Format(time.RFC3339)); got != want {
				t.Fatalf("of %s: got %s, want %s", raw, got, want)
			}
		}
	})
}

func FuzzKeep(f *testing.F) {
	for _, s := range seeds {
		for _, expr := range expressions {
			f.Add(s, expr, 10)
		}
	}
	f.Fuzz(func(t *testing.T, raw, expr string, limit int) {
		typ := Type{Kind: TypeString, Pattern: expr, Max: limit, Nullable: limit%2 == 0}
		if expr == "" {
			typ.Kind = TypeInteger + TypeKind(limit&1)
			typ.Max = 0
		}
		tech, err := NewKeep(typ)
		if err != nil {
			return
		}
		got, ok := applyAny(t, tech, raw)
		if !ok || got == misfit {
			return
		}
		before, after := scalar(t, raw), scalar(t, got)
		if before.Kind != after.Kind || string(before.Text) != string(after.Text) {
			t.Fatalf("of %s: got %s, which is another value", raw, got)
		}
		if typ.Kind == TypeString && before.Kind == String && !regexp.MustCompile(expr).Match(before.Text) {
			t.Fatalf("%s was kept, and %s does not match", raw, expr)
		}
	})
}

// FuzzTechniques holds every technique to what must hold of all: no panic, JSON or nothing.
func FuzzTechniques(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, c := range catalog(t) {
			applyAny(t, c.tech, raw)
		}
	})
}
