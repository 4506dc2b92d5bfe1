// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/workload"
)

func TestPaceOwesWhatWasNotSent(t *testing.T) {
	p := Pace{Rate: 1000}
	for _, c := range []struct {
		after time.Duration
		due   int
	}{{0, 1}, {999 * time.Microsecond, 1}, {time.Millisecond, 2}, {time.Second, 1001}} {
		if got := p.Due(c.after); got != c.due {
			t.Errorf("after %v: want %d events due, got %d", c.after, c.due, got)
		}
	}
	if got := p.At(1500); got != 1500*time.Millisecond {
		t.Errorf("want event 1500 due after 1.5 s, got %v", got)
	}
}

// The stamp must survive the policy, or nothing could be measured.
func TestStampReachesTheReader(t *testing.T) {
	s, err := NewStamped(workload.Event())
	if err != nil {
		t.Fatal(err)
	}
	worker := compile(t, Variant{}).pipe.Worker()
	for _, want := range []time.Duration{0, 7 * time.Microsecond, time.Hour} {
		sink := &last{values: map[int][]byte{}}
		if err := worker.Process(record(s.With(want)), sink); err != nil {
			t.Fatal(err)
		}
		got, err := Stamp(sink.values[0])
		if err != nil || got != want {
			t.Errorf("want %v, got %v, %v", want, got, err)
		}
	}
	if _, err := Stamp([]byte(`{"likes":3}`)); err == nil {
		t.Error("want an error for an event without a stamp, got none")
	}
}
