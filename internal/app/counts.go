// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// countsInterval is how often the audit log is told how many records came to what. A crash loses the counts since the last time.
const countsInterval = time.Minute

// counted are the metrics that the audit log is told of, and what it calls them. They count what was committed.
var counted = map[string]string{telemetry.RecordsForwarded: "forwarded", telemetry.RecordsWithheld: "withheld", telemetry.RecordsQuarantined: "quarantined"}

// tally reads how metrics have grown since the last time.
type tally struct {
	metrics prometheus.Gatherer
	meter   audit.Meter

	mu   sync.Mutex
	last map[[2]string]float64 // by recipient and kind
}

// run writes counts into the audit log until ctx ends.
func (t *tally) run(ctx context.Context, log *audit.Log) error {
	return t.meter.Run(ctx, log, countsInterval, t.collect)
}

// collect adds what was counted since the last time.
func (t *tally) collect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read(func(recipient, kind string, n float64) {
		at := [2]string{recipient, kind}
		t.meter.Add(recipient, kind, uint64(max(n-t.last[at], 0)))
		t.set(at, n)
	})
}

// begin takes what the metrics say now for what is known already: they are those of another stream.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = nil
	t.read(func(recipient, kind string, n float64) { t.set([2]string{recipient, kind}, n) })
}

func (t *tally) set(at [2]string, n float64) {
	if t.last == nil {
		t.last = map[[2]string]float64{}
	}
	t.last[at] = n
}

func (t *tally) read(fn func(recipient, kind string, n float64)) {
	families, _ := t.metrics.Gather() // of those that cannot be read there is nothing to tell
	for _, f := range families {
		kind, is := counted[f.GetName()]
		if !is {
			continue
		}
		for _, m := range f.GetMetric() {
			recipient, whole := "", kind
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case telemetry.LabelRecipient:
					recipient = l.GetValue()
				case telemetry.LabelReason:
					whole += "." + l.GetValue()
				}
			}
			fn(recipient, whole, m.GetCounter().GetValue())
		}
	}
}
