// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	changes prometheus.Counter
	refused *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, f *Follower) (*metrics, error) {
	m := &metrics{
		changes: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "nymstream", Name: "control_changes_total",
			Help: "Announcements of changed people that were applied."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nymstream", Name: "control_refused_total",
			Help: "Messages on the control log that no instance of this deployment wrote, or one that may not join."}, []string{"reason"}),
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nymstream", Name: "control_age_seconds",
		Help: "Age of what this instance knows of people: of the newest own beat that it has read back."}, f.age)
	live := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nymstream", Name: "control_instances",
		Help: "Instances whose beats arrive, this one too."}, f.live)
	for _, reason := range reasons() {
		m.refused.WithLabelValues(reason)
	}
	var faults []error
	for _, c := range []prometheus.Collector{m.changes, m.refused, age, live} {
		faults = append(faults, r.Register(c))
	}
	return m, errors.Join(faults...)
}

// age counts, while no beat has come back, from when the follower was made.
func (f *Follower) age() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.beat
	if from.IsZero() {
		from = f.made
	}
	return age(from, f.opts.Now()).Seconds()
}

func (f *Follower) live() float64 {
	n := 0
	for _, i := range f.Instances() {
		if i.Live {
			n++
		}
	}
	return float64(n)
}
