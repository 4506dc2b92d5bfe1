// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sampleReport() *Report {
	r := &Report{
		Machine: Machine{Go: "go1.26", Platform: "linux/amd64", CPUs: 2},
		Rewrite: []Rewrite{{CPUNanoseconds: 5000, WallNanoseconds: 6000}, {CPUNanoseconds: 1600, WallNanoseconds: 7000}},
		Input:   &Input{Kafka: "4.4.0", Events: 1000},
		Kafka: []*Contender{
			{Name: "pass-through", Runs: []Run{{CPUPerMillion: 2, PeakMemory: 50 << 20}, {CPUPerMillion: 3, PeakMemory: 60 << 20}, {CPUPerMillion: 4, PeakMemory: 55 << 20}}},
			{Name: "product", Runs: []Run{{CPUPerMillion: 9, PeakMemory: 300e6}, {CPUPerMillion: 4, PeakMemory: 200 << 20}, {CPUPerMillion: 8, PeakMemory: 100 << 20}}},
		},
	}
	r.Judge("product")
	return r
}

func TestFigures(t *testing.T) {
	f := Of([]Run{{WallSeconds: 3}, {WallSeconds: 1}, {WallSeconds: 4}, {WallSeconds: 2}}, (*Run).wall)
	if f.Min() != 1 || f.Median() != 2 || f.Max() != 4 {
		t.Errorf("want 1, 2 and 4, got %v, %v and %v", f.Min(), f.Median(), f.Max())
	}
}

// The best run decides about time, because others disturb the rest; the worst about memory.
func TestMarks(t *testing.T) {
	want := []Mark{
		{"rewrite", "events/s on one core", "at least", 500_000, 625_000, true},
		{"rewrite", "allocations", "at most", 0, 0, true},
		{"Kafka to Kafka", "CPU-s a million", "at most", 4.5, 4, true},
		{"peak memory", "MB", "at most", 128, 300, false},
	}
	got := sampleReport().Marks
	if len(got) != len(want) {
		t.Fatalf("want %d marks, got %d", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("want %+v, got %+v", want[i], got[i])
		}
	}
}

func TestReportIsPrintedAndSaved(t *testing.T) {
	r := sampleReport()
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"4.00 / 8.00", "2.00 / 2.67", "100 / 200", "missed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want `%s` in the table, got\n%s", want, text.String())
		}
	}
	file := filepath.Join(t.TempDir(), "new", "bench.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(saved, &back); err != nil {
		t.Fatal(err)
	}
	if got := back.Kafka[1].Runs[1].CPUPerMillion; got != 4 {
		t.Errorf("want 4 CPU-seconds a million, got %v", got)
	}
}

func TestReportWithoutKafka(t *testing.T) {
	r := sampleReport()
	r.Input, r.Kafka = nil, nil
	r.Judge("product")
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	if len(r.Marks) != 2 || strings.Contains(text.String(), "→") {
		t.Errorf("want only the rewrite, got\n%s", text.String())
	}
}
