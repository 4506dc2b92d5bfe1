// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

// followed collects what Follow hands out.
type followed struct {
	mu     sync.Mutex
	values []string
	took   []time.Duration // from a record's time to its arrival
	ends   []int           // how many values there were at each end
	stop   context.CancelFunc
	done   chan error
}

func (b *bed) follow(o TailOptions) *followed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &followed{stop: cancel, done: make(chan error, 1)}
	o.Brokers = b.addrs
	go func() { f.done <- Follow(ctx, o, f.take) }()
	b.t.Cleanup(cancel)
	return f
}

func (f *followed) take(batch []event.Record, end bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end == (len(batch) > 0) {
		return fmt.Errorf("a batch of %d records with end %v", len(batch), end)
	}
	for _, r := range batch {
		f.values = append(f.values, string(r.Value))
		f.took = append(f.took, time.Since(time.UnixMilli(r.Time)))
	}
	if end {
		f.ends = append(f.ends, len(f.values))
	}
	return nil
}

func (f *followed) has(n int) func() bool {
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.values) >= n
	}
}

func (f *followed) atEnd(n int) func() bool {
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.ends) > 0 && f.ends[len(f.ends)-1] == n
	}
}

func (f *followed) got() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.values)
}

// end waits until Follow has returned by itself, and gives its error.
func (f *followed) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Follow did not return")
		return nil
	}
}

func newAppender(t *testing.T, addrs []string, topic string) *Appender {
	t.Helper()
	a, err := NewAppender(Connection{Brokers: addrs}, topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func records(partition int32, values ...string) []event.Record {
	all := make([]event.Record, len(values))
	for i, v := range values {
		all[i] = event.Record{Partition: partition, Value: []byte(v), Time: time.Now().UnixMilli()}
	}
	return all
}

func appendAndFollow(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 3, nil)
	a := newAppender(t, addrs, b.in)
	if err := a.Append(t.Context(), records(1, "before")); err != nil {
		t.Fatal(err)
	}
	all, late := b.follow(TailOptions{Topic: b.in, From: func(int32) int64 { return FromBeginning }}), b.follow(TailOptions{Topic: b.in, Partitions: []int32{1}})
	eventually(t, "the end of what was there", 10*time.Second, func() bool { return all.atEnd(1)() && late.atEnd(0)() })
	sent := records(ByKey, "a", "b", "c")
	for i := range sent {
		sent[i].Key = fmt.Append(nil, "key", i)
		sent[i].Headers = []event.Header{{Key: []byte("h"), Value: nil}}
	}
	sent = append(sent, records(1, "d", "e")...)
	if err := a.Append(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	for _, r := range sent {
		if r.Topic != b.in || r.Partition < 0 || r.Key != nil && r.Partition != partitionOf(r.Key, 3) {
			t.Errorf("a record was put into %s/%d", r.Topic, r.Partition)
		}
	}
	if d, e := sent[3], sent[4]; d.Offset < 1 || e.Offset != d.Offset+1 {
		t.Errorf("records of one partition lie at %d and %d, behind one at 0", d.Offset, e.Offset)
	}
	eventually(t, "all records", 10*time.Second, all.atEnd(6))
	if got := late.got(); slices.Contains(got, "before") || !slices.Contains(got, "e") {
		t.Errorf("from the end: got %v", got)
	}
	for n := range 40 {
		if err := a.Append(t.Context(), records(2, fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	eventually(t, "the numbers", 10*time.Second, all.has(46))
	slices.Sort(all.took)
	t.Logf("from a record's time to its arrival: median %v, slowest of the last 40 %v", all.took[len(all.took)/2], all.took[len(all.took)-2])
	all.stop()
	if err := all.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow at the end of its context: got %v", err)
	}
	big := records(0, strings.Repeat("x", 700_000), strings.Repeat("y", 700_000))
	if err := a.Append(t.Context(), big); err != nil || big[1].Offset != big[0].Offset+1 {
		t.Errorf("more than one batch: %v, offsets %d and %d", err, big[0].Offset, big[1].Offset)
	}
	if err := a.Append(t.Context(), records(3, "x")); err == nil || !strings.Contains(err.Error(), "the topic has 3") {
		t.Errorf("append to partition 3 of 3: got %v", err)
	}
	if err := newAppender(t, addrs, "no-such-topic").Append(t.Context(), records(0, "x")); err == nil || !strings.Contains(err.Error(), "create it") {
		t.Errorf("append to a topic that does not exist: got %v", err)
	}
}

func followCommitted(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	c, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID("follow-"+b.in), kgo.DefaultProduceTopic(b.in))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := b.follow(TailOptions{Topic: b.in})
	eventually(t, "the end", 10*time.Second, f.atEnd(0))
	for round, how := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint(round))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(400 * time.Millisecond)
		if got := f.got(); len(got) > 0 {
			t.Errorf("an open transaction shows %v", got)
		}
		if err := c.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what is committed", 10*time.Second, f.atEnd(1))
	if got := f.got(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %v, want what was committed", got)
	}
}

func followSkipsNothing(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 10)
	ends, err := b.admin.ListEndOffsets(t.Context(), b.in)
	if err != nil {
		t.Fatal(err)
	}
	cut := ends.Offsets()
	for p, o := range cut[b.in] {
		o.At = 5
		cut[b.in][p] = o
	}
	if _, err := b.admin.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{2, 100} {
		f := b.follow(TailOptions{Topic: b.in, From: func(int32) int64 { return at }})
		if err := f.end(t); !errors.Is(err, ErrOutOfRange) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d is out of range", at)) || len(f.got()) > 0 {
			t.Errorf("from offset %d of 5 to 10: got %v and %d records", at, err, len(f.got()))
		}
	}
	f := b.follow(TailOptions{Topic: b.in, From: func(int32) int64 { return FromBeginning }})
	eventually(t, "what is left", 10*time.Second, f.atEnd(5))
	if _, err := b.admin.DeleteTopics(t.Context(), b.in); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	b.create(b.in, 1, nil)
	if err := f.end(t); !errors.Is(err, event.ErrFatal) || !strings.Contains(err.Error(), "made again") {
		t.Errorf("a topic that was made again: got %v", err)
	}
	f = b.follow(TailOptions{Topic: b.in, Partitions: []int32{1}})
	if err := f.end(t); err == nil || !strings.Contains(err.Error(), "no partition 1") {
		t.Errorf("a partition that does not exist: got %v", err)
	}
}

func TestFollowGoesWithTheLeader(t *testing.T) {
	cluster, addrs := fake(t, kfake.NumBrokers(3))
	b := newBed(t, addrs, 1, nil)
	a := newAppender(t, addrs, b.in)
	f := b.follow(TailOptions{Topic: b.in})
	eventually(t, "the end", 10*time.Second, f.atEnd(0))
	var want []string
	slowest := time.Duration(0)
	for i := range 30 {
		if i%5 == 4 {
			if err := cluster.MoveTopicPartition(b.in, 0, int32(i/5)%3); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if err := a.Append(t.Context(), records(0, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(i))
		eventually(t, "the record", 10*time.Second, f.has(i+1))
		slowest = max(slowest, time.Since(began))
	}
	if got := f.got(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if slowest > 1500*time.Millisecond {
		t.Errorf("a record took %v with a new leader", slowest)
	}
	t.Logf("slowest, with a new leader: %v", slowest)
}

func TestCheckTopics(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	text := func(s string) *string { return &s }
	b.create("ledger", 1, map[string]*string{"retention.ms": text("-1"), "retention.bytes": text("-1")})
	b.create("short", 1, map[string]*string{"retention.ms": text("60000")})
	b.create("compact", 1, map[string]*string{"cleanup.policy": text("compact")})
	b.create("wide", 3, nil)
	conn := Connection{Brokers: addrs}
	good := []TopicNeed{{Name: "ledger", Partitions: 1, Retention: -1, Read: true, Write: true}, {Name: "wide", Retention: time.Hour}, {Name: "short", Retention: time.Minute}}
	if warnings, err := CheckTopics(t.Context(), conn, good...); err != nil || len(warnings) > 0 {
		t.Errorf("topics as needed: got %v %v", warnings, err)
	}
	for name, c := range map[string]struct {
		need TopicNeed
		want string
	}{
		"missing":     {TopicNeed{Name: "none", Partitions: 1, Read: true, Write: true}, "topic none does not exist; create it (topics are never created by themselves)"},
		"partitions":  {TopicNeed{Name: "wide", Partitions: 1}, "topic wide has 3 partitions and needs 1; make it again"},
		"compacted":   {TopicNeed{Name: "compact"}, "topic compact is compacted: it forgets records; set cleanup.policy to delete"},
		"for ever":    {TopicNeed{Name: "short", Retention: -1}, "topic short must keep its records for ever: set retention.ms and retention.bytes to -1"},
		"long enough": {TopicNeed{Name: "short", Retention: time.Hour}, "topic short keeps records for 1m0s and must keep them for 1h0m0s: set retention.ms to 3600000 or more"},
	} {
		if _, err := CheckTopics(t.Context(), conn, c.need); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	if _, err := CheckTopics(t.Context(), Connection{Brokers: []string{"127.0.0.1:1"}, Timeout: time.Second}, good...); !errors.Is(err, event.ErrTransient) {
		t.Errorf("nobody answers: got %v", err)
	}
	if l, err := NewLog(conn, "wide"); err != nil || !errors.Is(l.Follow(t.Context(), FromEnd, nil), event.ErrFatal) {
		t.Errorf("a log of three partitions: not refused, or %v", err)
	}
}
