// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// countsOf adds up what the audit log of a service that has ended says.
func countsOf(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	sum := map[string]uint64{}
	for item, err := range audit.Show(t.Context(), dir, audit.Filter{Act: audit.CountsAct}) {
		if err != nil {
			t.Fatal(err)
		}
		for kind, n := range item.Entry.Numbers {
			sum[item.Entry.Recipient+" "+kind] += n
		}
	}
	return sum
}

// TestCountsReachTheAuditLog: each record is counted once, also when the stream is opened anew in between.
func TestCountsReachTheAuditLog(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	r.produce(post(1), post(2), post(3))
	r.wait(3)
	r.rewritePolicy(func(s string) string {
		return strings.Replace(s, "retention: ", "partition_by: source\n    retention: ", 1)
	})
	if out, err := r.service.Reload(t.Context(), "test"); err != nil || !out.Topics {
		t.Fatalf("want the stream to be opened anew, got %+v, %v", out, err)
	}
	r.until("the new plan is at work", func() bool { return r.service.latest() == r.service.live.Load() })
	r.produce(post(1), post(2))
	bad := post(3)
	bad.Value = bad.Value[:20]
	r.produce(bad)
	r.until("all is committed", func() bool {
		r.service.tally.collect()
		r.service.tally.mu.Lock()
		defer r.service.tally.mu.Unlock()
		return r.service.tally.last[[2]string{"analytics", "quarantined.malformed"}] == 1 && r.service.tally.last[[2]string{"analytics", "withheld.no-consent"}] == 2
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	got, want := countsOf(t, r.config.Audit.Dir), map[string]uint64{"analytics withheld.no-consent": 5, "analytics quarantined.malformed": 1}
	if !maps.Equal(got, want) {
		t.Errorf("want %v, got %v", want, got)
	}
}

// TestTallyOfAnotherStream: counters that begin again are not taken for a decrease, and what they begin with is not counted.
func TestTallyOfAnotherStream(t *testing.T) {
	counter := func(n float64) (*prometheus.Registry, *prometheus.CounterVec) {
		r := prometheus.NewRegistry()
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.RecordsForwarded}, []string{telemetry.LabelRecipient})
		r.MustRegister(c)
		c.WithLabelValues("analytics").Add(n)
		return r, c
	}
	registry, c := counter(5)
	tally := &tally{metrics: registry}
	tally.collect()
	tally.collect()
	c.WithLabelValues("analytics").Add(2)
	tally.collect()
	tally.metrics, c = counter(3)
	tally.begin()
	c.WithLabelValues("analytics").Add(4)

	keys, err := keyring.Ephemeral("test", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := openAudit(dir, "tenant/test", keys)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := tally.run(ended, log); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if got := countsOf(t, dir); got["analytics forwarded"] != 11 || len(got) != 1 {
		t.Errorf("want 11 forwarded, got %v", got)
	}
}
