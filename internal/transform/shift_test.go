// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"testing"
	"time"
)

func TestShiftedTimeKeepsSpans(t *testing.T) {
	f := newFixture(t)
	shift, err := NewShiftedTime(TimeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at := func(raw string) time.Time {
		t.Helper()
		out, verdict := shift.Append(nil, scalar(t, raw), f.scope)
		got, err := time.Parse(`"2006-01-02T15:04:05Z"`, string(out))
		if verdict != Done || err != nil {
			t.Fatalf("%s: got %s, %v, %v", raw, out, verdict, err)
		}
		return got
	}
	const first, second = `"2026-03-01T10:00:00Z"`, `"2026-03-02T10:00:05.5+00:00"`
	original, _ := time.Parse(time.RFC3339, "2026-03-01T10:00:00Z")
	moved := map[time.Time]bool{}
	for _, who := range []string{"1", "2", "3", "4"} {
		f.own(t, who)
		a, b := at(first), at(second)
		if b.Sub(a) != 24*time.Hour+5*time.Second {
			t.Errorf("person %s: a span of a day and 5 s became %v", who, b.Sub(a))
		}
		if d := a.Sub(original).Abs(); d == 0 || d > 182*24*time.Hour {
			t.Errorf("person %s: moved by %v", who, a.Sub(original))
		}
		moved[a] = true
	}
	if len(moved) != 4 {
		t.Errorf("four people's times are moved in %d ways", len(moved))
	}
	f.own(t, "1")
	here := at(first)
	f.scope.Domain = f.domain(t, "partner")
	if at(first).Equal(here) {
		t.Error("two recipients see the same time: they could join people by it")
	}
	number, _ := shift.Append(nil, scalar(t, "1772359200000"), f.scope)
	if want := time.UnixMilli(1772359200000).Add(at(first).Sub(original)).UnixMilli(); !equalNumber(number, want) {
		t.Errorf("milliseconds: want %d, got %s", want, number)
	}
	f.scope.Owner.Known = false
	if out, verdict := shift.Append(nil, scalar(t, first), f.scope); verdict != Misfit {
		t.Errorf("without a person: got %s", out)
	}
}

func equalNumber(got []byte, want int64) bool {
	var n int64
	for _, c := range got {
		n = n*10 + int64(c-'0')
	}
	return n == want
}
