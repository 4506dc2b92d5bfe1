// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

func TestMetricsCountWhatIsCommitted(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	b.produce(&kgo.Record{Value: []byte("a")}, &kgo.Record{Value: []byte("withhold")}, &kgo.Record{Value: []byte("poison")}, &kgo.Record{Value: []byte("b")})
	o := b.options("a")
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	holding, release := holdAt(t, &o, PointBeforeEnd)
	r := b.run(o, nil)
	<-holding
	if n := testutil.ToFloat64(r.metrics.forwarded.WithLabelValues("ads")); n != 0 {
		t.Errorf("%v records were counted before the commit", n)
	}
	eventually(t, "the open transaction has an age", 5*time.Second, func() bool { return r.Status().OpenTransaction > 0 })
	release()
	b.committed(0, 4)
	want := `
# HELP nymstream_records_forwarded_total Records forwarded, once committed.
# TYPE nymstream_records_forwarded_total counter
nymstream_records_forwarded_total{recipient="ads"} 2
# HELP nymstream_records_withheld_total Records withheld, once committed.
# TYPE nymstream_records_withheld_total counter
nymstream_records_withheld_total{reason="no-consent",recipient="ads"} 1
# HELP nymstream_records_quarantined_total Records quarantined, once committed.
# TYPE nymstream_records_quarantined_total counter
nymstream_records_quarantined_total{reason="malformed",recipient="ads"} 1
# HELP nymstream_partitions_stopped Source partitions of this instance that wait for an operator.
# TYPE nymstream_partitions_stopped gauge
nymstream_partitions_stopped 0
`
	eventually(t, "the counts appear", 5*time.Second, func() bool {
		return testutil.ToFloat64(r.metrics.read.WithLabelValues(b.in)) == 4
	})
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "nymstream_records_forwarded_total", "nymstream_records_withheld_total",
		"nymstream_records_quarantined_total", "nymstream_partitions_stopped"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	r.stop()
}

func TestDrainCommitsWhatIsInHand(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 50)
	o := b.options("a")
	o.CommitInterval = 5 * time.Second // nothing is committed before the end
	entered := make(chan struct{})
	tell := sync.OnceFunc(func() { close(entered) })
	r := b.run(o, func() *passThrough {
		return &passThrough{before: func([]event.Record) error { tell(); time.Sleep(300 * time.Millisecond); return nil }}
	})
	<-entered
	r.stop()
	b.committed(0, 50)
	b.exactlyOnce(50, 5*time.Second)
}

func TestDrainIsBounded(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 5)
	o := b.options("a")
	o.DrainTimeout = 200 * time.Millisecond
	entered, stuck := make(chan struct{}), make(chan struct{})
	defer close(stuck)
	tell := sync.OnceFunc(func() { close(entered) })
	r := b.run(o, func() *passThrough {
		return &passThrough{before: func([]event.Record) error { tell(); <-stuck; return nil }}
	})
	<-entered
	began := time.Now()
	r.cancel()
	if err := r.wait(); !errors.Is(err, errDrained) {
		t.Errorf("Run: got %v, want that a processor did not return", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCoordinatorsAndLeadersMove(t *testing.T) {
	cluster, addrs := fake(t, kfake.NumBrokers(3))
	b := newBed(t, addrs, 6, nil)
	r := b.run(b.options("a"), nil)
	for i := range 12 {
		b.numbered(i*25, 25)
		switch i % 3 {
		case 0:
			cluster.ShufflePartitionLeaders()
		case 1:
			for p := range int32(6) {
				_ = cluster.MoveTopicPartition(b.in, p, (p+int32(i))%3)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.exactlyOnce(300, 25*time.Second)
	r.stop()
}

func TestControlHoldsBackWhatIsOutOfDate(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 10)
	o := b.options("a")
	o.Workers = 1
	decided := 0
	control := &stale{times: 3, decided: &decided}
	o.Control = control
	var r *running
	started := make(chan struct{})
	r = b.run(o, func() *passThrough {
		return &passThrough{before: func([]event.Record) error {
			<-started
			if oldest := r.OldestDecision(); oldest.IsZero() || oldest.After(time.Now()) {
				t.Errorf("while a decision is made, the oldest is of %v", oldest)
			}
			if control.at.IsZero() {
				control.at = time.Now()
			}
			decided++
			return nil
		}}
	})
	close(started)
	b.exactlyOnce(10, 20*time.Second)
	eventually(t, "no decision waits", 5*time.Second, func() bool { return r.OldestDecision().IsZero() })
	r.stop()
	if decided < 4 {
		t.Errorf("the records were decided %d times, want again after each of three stale proofs", decided)
	}
	if control.late > 0 {
		t.Errorf("%d proofs were of decisions later than the oldest", control.late)
	}
}

// stale refuses the proof some times, once something has been decided.
type stale struct {
	times   int
	decided *int
	at      time.Time // of the first decision since the last refusal
	late    int       // proofs that leave the first decision out
}

func (s *stale) Fresh(since time.Time) error {
	if s.times > 0 && !s.at.IsZero() && (since.IsZero() || since.After(s.at)) {
		s.late++
	}
	if *s.decided > 0 && s.times > 0 {
		s.times--
		s.at = time.Time{}
		return fmt.Errorf("control is behind: %w", event.ErrTransient)
	}
	return nil
}

func TestStaticMemberKeepsItsPartitions(t *testing.T) {
	cluster, addrs := fake(t)
	b := newBed(t, addrs, 4, nil)
	o := func(name string) Options {
		o := b.options(name)
		o.StaticMember = true
		return o
	}
	first, second := b.run(o("a"), nil), b.run(o("b"), nil)
	eventually(t, "both have partitions", 20*time.Second, func() bool {
		return len(first.Status().Partitions) == 2 && len(second.Status().Partitions) == 2
	})
	b.numbered(0, 100)
	second.stop()
	if n := len(cluster.GroupInfo(b.group).Members); n != 2 {
		t.Errorf("%d members after a stop, want 2: the group waits for the one that stopped", n)
	}
	b.numbered(100, 100)
	generation := first.Status().Generation
	second = b.run(o("b"), nil)
	b.exactlyOnce(200, 20*time.Second)
	if now := first.Status().Generation; now != generation {
		t.Errorf("generation %d became %d by a restart", generation, now)
	}
	first.stop()
	second.stop()
}

func TestHoldByFile(t *testing.T) {
	dir := t.TempDir()
	hold := HoldByFile(dir, "a")
	hold(context.Background(), PointBeforeEnd, 1, 2, "g-a-0") // no file: no wait
	base := filepath.Join(dir, "a-"+PointBeforeEnd)
	if err := os.WriteFile(base, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	go func() {
		hold(context.Background(), PointBeforeEnd, 7, 3, "g-a-1")
		close(released)
	}()
	eventually(t, "the hold is claimed", 5*time.Second, func() bool {
		text, _ := os.ReadFile(base + ".held")
		return string(text) == "7 3 g-a-1\n"
	})
	hold(context.Background(), PointBeforeEnd, 8, 1, "g-a-0") // claimed already: no wait
	if err := os.Remove(base); err != nil {
		t.Fatal(err)
	}
	<-released
	if _, err := os.Stat(base + ".held"); !os.IsNotExist(err) {
		t.Errorf("the claim stayed: %v", err)
	}
}

func TestWhereAPartitionBegins(t *testing.T) {
	had := func(offset int64, known int) committed {
		return committed{offset: offset, note: note{topicID: "x", known: known}}
	}
	none := committed{offset: -1}
	latest := Options{Start: Latest}
	for name, c := range map[string]struct {
		all  map[tp]committed
		at   tp
		o    Options
		want int64
		stop string
	}{
		"never ran":                 {map[tp]committed{{"in", 0}: none, {"in", 1}: none}, tp{"in", 0}, latest, offsetLatest, ""},
		"never ran, earliest":       {map[tp]committed{{"in", 0}: none}, tp{"in", 0}, Options{}, offsetEarliest, ""},
		"ran, all lost":             {map[tp]committed{{"in", 0}: none}, tp{"in", 0}, Options{Ran: true}, 0, "lost all"},
		"another member is quicker": {map[tp]committed{{"in", 0}: had(5, 0), {"in", 1}: none}, tp{"in", 1}, latest, offsetLatest, ""},
		"lost one":                  {map[tp]committed{{"in", 0}: had(5, 2), {"in", 1}: none}, tp{"in", 1}, latest, 0, "lost it"},
		"a new partition":           {map[tp]committed{{"in", 0}: had(5, 1), {"in", 1}: none}, tp{"in", 1}, latest, offsetEarliest, ""},
		"a new source":              {map[tp]committed{{"in", 0}: had(5, 1), {"more", 0}: none}, tp{"more", 0}, latest, offsetEarliest, ""},
		"set by other tools":        {map[tp]committed{{"in", 0}: {offset: 5}, {"in", 1}: none}, tp{"in", 1}, latest, offsetEarliest, ""},
	} {
		h := readHistory(c.all, func(string) int { return 2 })
		got, err := h.begin(c.at, &c.o)
		if c.stop != "" && (err == nil || !strings.Contains(err.Error(), c.stop)) || c.stop == "" && (err != nil || got != c.want) {
			t.Errorf("%s: got %d, %v; want %d %q", name, got, err, c.want, c.stop)
		}
	}
	unstable := map[tp]committed{{"in", 0}: had(5, 0), {"in", 1}: {offset: -1, code: codeUnstableOffset}}
	if h := readHistory(unstable, func(string) int { return 2 }); h.full["in"] {
		t.Error("a partition whose first transaction is open, and may be aborted, counts as one that has an offset")
	}
	if n := (note{topicID: "abc-_", known: 7}); parseNote(n.String()) != n {
		t.Errorf("note %q came back as %+v", n, parseNote(n.String()))
	}
	if n := parseNote("something else known=3"); n != (note{}) {
		t.Errorf("a foreign note was read as %+v", n)
	}
}
