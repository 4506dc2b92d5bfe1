// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math"
	"path/filepath"
	"testing"
	"time"
)

// rounds gives three rounds over two stretches, none of them good throughout.
func rounds(ours, baseline time.Duration) []Round {
	return []Round{
		{[]time.Duration{3 * ours, ours}, []time.Duration{baseline, 2 * baseline}},
		{[]time.Duration{ours, 5 * ours}, []time.Duration{4 * baseline, 3 * baseline}},
		{[]time.Duration{2 * ours, 2 * ours}, []time.Duration{2 * baseline, baseline}},
	}
}

func TestRatioIsThatOfTheBestStretches(t *testing.T) {
	if got := Ratio(rounds(6*time.Microsecond, 24*time.Microsecond)); got != 0.25 {
		t.Errorf("want 0.25, got %f", got)
	}
}

// A rewrite that does its work twice must not pass, nor one that is a third slower; noise must.
func TestJudge(t *testing.T) {
	const event, baseline = 6 * time.Microsecond, 30 * time.Microsecond
	record := Record{Ratio: Ratio(rounds(event, baseline)), Go: "go1.26.8", CPU: "this", Date: "2026-11-23"}
	for _, c := range []struct {
		what  string
		got   float64
		fails bool
	}{
		{"the same", Ratio(rounds(event, baseline)), false},
		{"faster", Ratio(rounds(event/2, baseline)), false},
		{"a fifth slower", Ratio(rounds(event*12/10, baseline)), false},
		{"a third slower", Ratio(rounds(event*4/3, baseline)), true},
		{"twice the work", Ratio(rounds(event*2, baseline)), true},
		{"a machine half as fast", Ratio(rounds(event*2, baseline*2)), false},
		{"twice the work on a machine twice as fast", Ratio(rounds(event*2/2, baseline/2)), true},
		{"nothing measured", 0, true},
		{"no number", math.NaN(), true},
	} {
		if err := record.Judge(c.got, "this"); (err != nil) != c.fails {
			t.Errorf("%s, ratio %.3f: want failure %v, got %v", c.what, c.got, c.fails, err)
		}
	}
}

// Elsewhere the same code may have another ratio, but not any.
func TestJudgeOnAnotherProcessor(t *testing.T) {
	record := Record{Ratio: 0.2, CPU: "this"}
	if err := record.Judge(0.28, "that"); err != nil {
		t.Errorf("two fifths dearer: want no failure, got %v", err)
	}
	if err := record.Judge(0.32, "that"); err == nil {
		t.Error("three fifths dearer: want a failure, got none")
	}
}

func TestJudgeNeedsARecord(t *testing.T) {
	if err := (Record{}).Judge(0.2, ""); err == nil {
		t.Error("want an error without a record, got none")
	}
}

func TestStale(t *testing.T) {
	record := Record{Ratio: 0.2}
	if record.Stale(0.19) || !record.Stale(0.15) {
		t.Errorf("want 0.19 not stale and 0.15 stale, got %v and %v", record.Stale(0.19), record.Stale(0.15))
	}
}

func TestRecordsAreReadAsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ratio.json")
	want := Record{0.2, "go1.26.8", "AMD EPYC", "2026-11-23"}
	if err := (Records{"event/amd64": want}).Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecords(file)
	if err != nil {
		t.Fatal(err)
	}
	if got["event/amd64"] != want {
		t.Errorf("want %+v, got %+v", want, got["event/amd64"])
	}
}

// What CI judges by is there, and no record is so old that its reader would not know the workloads.
func TestRecordedRatios(t *testing.T) {
	all, err := ReadRecords("ratio.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"event/amd64", "varied/amd64"} {
		if r := all[name]; !(r.Ratio > 0) || r.Go == "" || r.Date == "" {
			t.Errorf("%s: want a ratio with Go version and date, got %+v", name, r)
		}
	}
}
