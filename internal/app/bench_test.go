// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/workload"
)

// shortBench has a clock that runs ten seconds at each look: as few rounds as there may be.
func shortBench() BenchOptions {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return BenchOptions{Duration: time.Second, Now: func() time.Time {
		now = now.Add(10 * time.Second)
		return now
	}}
}

func measure(t *testing.T, o BenchOptions) *BenchReport {
	t.Helper()
	r, err := Bench(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBenchMeasuresGeneratedEventsOfEverySize(t *testing.T) {
	for _, size := range []string{"1k", "3k", "10k"} {
		o := shortBench()
		o.Size = size
		r := measure(t, o)
		if r.BytesIn < benchBytes || r.HeldBytes != r.BytesIn || r.Rounds != benchRounds {
			t.Errorf("%s: want %d bytes held and %d rounds, got %+v", size, benchBytes, benchRounds, r)
		}
		if r.Outcomes.Forwarded != int64(r.Events) || r.BytesOut == 0 {
			t.Errorf("%s: want all %d events forwarded, got %+v", size, r.Events, r.Outcomes)
		}
		for _, f := range []BenchFigures{r.Best, r.Median} {
			if f.Nanoseconds <= 0 || f.YardstickNs <= 0 || f.Ratio <= 0 || f.EventsPerSecond <= 0 || f.WallEventsPerSecond <= 0 {
				t.Errorf("%s: want figures above 0, got %+v", size, f)
			}
		}
		if r.Best.Nanoseconds > r.Median.Nanoseconds {
			t.Errorf("%s: want the best at most the median, got %f and %f", size, r.Best.Nanoseconds, r.Median.Nanoseconds)
		}
	}
}

// ownBench measures the lines with the workload's policy as if it were a user's.
func ownBench(t *testing.T, lines string) BenchOptions {
	t.Helper()
	file, err := workload.Write(t.TempDir(), workload.Policy())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := policy.Load(file, policy.Packs())
	if err != nil {
		t.Fatal(err)
	}
	o := shortBench()
	o.Plan, o.Source, o.In = plan, "bench", strings.NewReader(lines)
	return o
}

func TestBenchCountsOutcomesOfOnePass(t *testing.T) {
	event := string(workload.Event())
	r := measure(t, ownBench(t, strings.Join([]string{event, "", event, `{"type":"Other"}`, "kanarienvogel", event[:40]}, "\n")))
	if r.Events != 5 || r.Recipients != 1 || r.Partial {
		t.Errorf("want 5 events for 1 recipient, all of the input, got %+v", r)
	}
	if got := r.Outcomes; got.Forwarded != 2 || got.Withheld["unknown-type"] != 1 || got.Quarantined["malformed"] != 2 {
		t.Errorf("want 2 forwarded, 1 withheld as unknown-type, 2 quarantined as malformed, got %+v", got)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "kanarienvogel") {
		t.Errorf("want nothing of an event in the report, got\n%s", text)
	}
}

func TestBenchTakesABoundedPartOfTheInput(t *testing.T) {
	event := string(workload.Event()) + "\n"
	r := measure(t, ownBench(t, strings.Repeat(event, 2*benchBytes/len(event))))
	if !r.Partial || r.BytesIn < benchBytes || r.BytesIn > benchBytes+int64(len(event)) {
		t.Errorf("want the first %d bytes, got %d; partial %v", benchBytes, r.BytesIn, r.Partial)
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	for what, change := range map[string]func(*BenchOptions){
		"no event":          func(o *BenchOptions) { o.In = strings.NewReader("\n\n") },
		"unknown source":    func(o *BenchOptions) { o.Source = "nowhere" },
		"unknown recipient": func(o *BenchOptions) { o.Recipient = "nobody" },
		"unknown size":      func(o *BenchOptions) { o.Plan, o.Size = nil, "2k" },
		"no duration":       func(o *BenchOptions) { o.Duration = 0 },
		"too many cores":    func(o *BenchOptions) { o.Cores = 1 << 20 },
	} {
		o := ownBench(t, "{}")
		change(&o)
		if _, err := Bench(t.Context(), o); err == nil {
			t.Errorf("%s: want an error, got none", what)
		}
	}
}

func TestBenchEndsWhenAsked(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	o := ownBench(t, string(workload.Event()))
	o.Duration = time.Hour
	if _, err := Bench(ctx, o); err == nil {
		t.Error("want an error, got none")
	}
}
