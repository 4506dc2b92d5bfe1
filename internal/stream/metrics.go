// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/event"
)

// metrics have labels from closed sets only: topics, partitions, recipients and reasons.
type metrics struct {
	read        *prometheus.CounterVec
	forwarded   *prometheus.CounterVec
	withheld    *prometheus.CounterVec
	quarantined *prometheus.CounterVec
	lagStable   *prometheus.GaugeVec
	lagHigh     *prometheus.GaugeVec
	seconds     prometheus.Histogram
	aborts      prometheus.Counter
	assigned    prometheus.Gauge
	stopped     prometheus.Gauge
	generations prometheus.Counter
}

func newMetrics(r prometheus.Registerer, recipients []Recipient, openAge func() float64) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nymstream", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "nymstream", Name: name, Help: help})
	}
	lag := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "nymstream", Name: name, Help: help}, []string{"topic", "partition"})
	}
	m := &metrics{
		read:        counter("records_in_total", "Records read, once their transaction is committed.", "topic"),
		forwarded:   counter("records_forwarded_total", "Records forwarded, once committed.", "recipient"),
		withheld:    counter("records_withheld_total", "Records withheld, once committed.", "recipient", "reason"),
		quarantined: counter("records_quarantined_total", "Records quarantined, once committed.", "recipient", "reason"),
		lagStable:   lag("lag_stable_records", "Offsets between the committed one and the last stable one."),
		lagHigh:     lag("lag_high_watermark_records", "Offsets between the committed one and the high watermark."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "nymstream", Name: "transaction_seconds",
			Help: "Time from opening a transaction to its commit.", Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}}),
		aborts: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "nymstream", Name: "transactions_aborted_total",
			Help: "Transactions given up; their work is done again."}),
		assigned:    gauge("partitions_assigned", "Source partitions of this instance."),
		stopped:     gauge("partitions_stopped", "Source partitions of this instance that wait for an operator."),
		generations: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "nymstream", Name: "group_generations_total", Help: "Group generations joined."}),
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nymstream", Name: "transaction_open_seconds",
		Help: "Age of the oldest open transaction of this instance; 0 without one."}, openAge)
	var faults []error
	for _, c := range []prometheus.Collector{m.read, m.forwarded, m.withheld, m.quarantined, m.lagStable, m.lagHigh, m.seconds, m.aborts, m.assigned, m.stopped, m.generations, age} {
		faults = append(faults, r.Register(c))
	}
	for _, to := range recipients {
		m.forwarded.WithLabelValues(to.Name)
	}
	return m, errors.Join(faults...)
}

// add takes over what a committed transaction has decided.
func (m *metrics) add(c *counts, recipients []Recipient) {
	for topic, n := range c.read {
		m.read.WithLabelValues(topic).Add(float64(n))
	}
	for r, to := range recipients {
		if n := c.forwarded[r]; n > 0 {
			m.forwarded.WithLabelValues(to.Name).Add(float64(n))
		}
		for reason, n := range c.withheld[r] {
			if n > 0 {
				m.withheld.WithLabelValues(to.Name, event.Reason(reason).String()).Add(float64(n))
			}
		}
		for reason, n := range c.quarantined[r] {
			if n > 0 {
				m.quarantined.WithLabelValues(to.Name, event.Reason(reason).String()).Add(float64(n))
			}
		}
	}
}

func (m *metrics) lag(c *cursor) {
	if c.high < 0 {
		return
	}
	partition := strconv.Itoa(int(c.partition))
	from := max(c.committed, 0)
	m.lagStable.WithLabelValues(c.topic, partition).Set(float64(max(c.stable-from, 0)))
	m.lagHigh.WithLabelValues(c.topic, partition).Set(float64(max(c.high-from, 0)))
}

func (m *metrics) unassign(p tp) {
	partition := strconv.Itoa(int(p.partition))
	m.lagStable.DeleteLabelValues(p.topic, partition)
	m.lagHigh.DeleteLabelValues(p.topic, partition)
}
