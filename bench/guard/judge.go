// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// tolerance is how much dearer sanitizing may become before the guard fails. On another processor than the record's the same code
// has another ratio, so the guard is coarser there.
const (
	tolerance          = 1.25
	toleranceElsewhere = 1.5
)

// Round is the CPU time of both for the same stretches of events, measured in turn.
type Round struct{ Ours, Baseline []time.Duration }

// Ratio gives what sanitizing costs in baselines. Each stretch counts with the best of its rounds, on either side:
// others on the machine only ever add, and some milliseconds without them are found sooner than a whole round.
func Ratio(rounds []Round) float64 {
	var ours, baseline time.Duration
	for i := range rounds[0].Ours {
		bestOurs, bestBaseline := rounds[0].Ours[i], rounds[0].Baseline[i]
		for _, r := range rounds[1:] {
			bestOurs, bestBaseline = min(bestOurs, r.Ours[i]), min(bestBaseline, r.Baseline[i])
		}
		ours, baseline = ours+bestOurs, baseline+bestBaseline
	}
	return float64(ours) / float64(baseline)
}

// Record is a ratio that was measured once, with what it depends on beside our code.
type Record struct {
	Ratio float64 `json:"ratio"`
	Go    string  `json:"go"`
	CPU   string  `json:"cpu"`
	Date  string  `json:"date"`
}

// Limit is the highest ratio that passes on a processor.
func (r Record) Limit(cpu string) float64 {
	if cpu != r.CPU {
		return r.Ratio * toleranceElsewhere
	}
	return r.Ratio * tolerance
}

// Judge fails when a ratio is above what the record allows, and when there is no record to judge by.
func (r Record) Judge(got float64, cpu string) error {
	limit := r.Limit(cpu)
	switch {
	case !(r.Ratio > 0):
		return fmt.Errorf("no ratio is recorded: `make bench-guard UPDATE=1` records one")
	case !(got > 0):
		return fmt.Errorf("a ratio of %.3f is none: nothing was measured", got)
	case got > limit:
		return fmt.Errorf("sanitizing has become dearer: ratio %.3f on %s, recorded %.3f (%s, %s, %s), limit %.3f", got, cpu, r.Ratio, r.CPU, r.Go, r.Date, limit)
	}
	return nil
}

// Stale tells whether sanitizing has become so much cheaper that a regression could hide below the limit.
func (r Record) Stale(got float64) bool { return got*tolerance < r.Ratio }

// Records are ratios by workload and architecture, such as "event/amd64".
type Records map[string]Record

// ReadRecords reads a file of records.
func ReadRecords(file string) (Records, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all Records
	return all, json.Unmarshal(data, &all)
}

// Write replaces a file of records.
func (r Records) Write(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
