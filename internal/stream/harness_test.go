// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

// passThrough forwards everything as it is; a value's first word may say otherwise.
type passThrough struct {
	out    event.Output
	before func(batch []event.Record) error
}

func (p *passThrough) Process(batch []event.Record, sink event.Sink) error {
	if p.before != nil {
		if err := p.before(batch); err != nil {
			return err
		}
	}
	for i := range batch {
		rec := &batch[i]
		var err error
		switch {
		case bytes.HasPrefix(rec.Value, []byte("withhold")):
			err = sink.Withhold(0, rec, event.NoConsent)
		case bytes.HasPrefix(rec.Value, []byte("poison")):
			err = sink.Quarantine(&event.Quarantined{Record: rec, Recipients: []int{0}, Reason: event.Malformed, Rule: "$.a"})
		default:
			p.out = event.Output{Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Time: rec.Time}
			err = sink.Forward(0, rec, &p.out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Seal is no seal: tests read it back.
func (p *passThrough) Seal(dst []byte, q *event.Quarantined) ([]byte, error) {
	return append(append(dst, "sealed:"...), q.Record.Value...), nil
}

// bed is a cluster with topics in, out and quarantine, and a client of another make.
type bed struct {
	t       testing.TB
	addrs   []string
	client  *kgo.Client
	admin   *kadm.Client
	in, out string
	quar    string
	group   string
}

func newBed(t testing.TB, addrs []string, partitions int32, configs map[string]*string) *bed {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	tag := fmt.Sprintf("%s-%d", name, time.Now().UnixNano()%1e9)
	b := &bed{t: t, addrs: addrs, client: client, admin: kadm.NewClient(client), in: "in-" + tag, out: "out-" + tag, quar: "quarantine-" + tag, group: "group-" + tag}
	b.create(b.in, partitions, nil)
	b.create(b.out, partitions, configs)
	b.create(b.quar, 2, configs)
	return b
}

func (b *bed) create(topic string, partitions int32, configs map[string]*string) {
	b.t.Helper()
	if _, err := b.admin.CreateTopic(context.Background(), partitions, 1, configs, topic); err != nil {
		b.t.Fatal(err)
	}
}

func fake(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()
}

func (b *bed) options(instance string) Options {
	return Options{
		Connection: Connection{Brokers: b.addrs},
		Group:      b.group, Instance: instance, Sources: []string{b.in}, Quarantine: b.quar,
		Recipients: []Recipient{{Name: "ads", Topic: b.out}},
		Workers:    2, CommitInterval: 20 * time.Millisecond, SessionTimeout: 6 * time.Second, HeartbeatInterval: 200 * time.Millisecond,
		WatchInterval: 300 * time.Millisecond,
		Logger:        zerolog.New(zerolog.NewTestWriter(b.t)).Level(zerolog.InfoLevel),
	}
}

// running is a stream at work.
type running struct {
	*Stream
	t      testing.TB
	cancel context.CancelFunc
	err    error
	done   chan struct{}
}

func (b *bed) run(o Options, p func() *passThrough) *running {
	b.t.Helper()
	if p == nil {
		p = func() *passThrough { return &passThrough{} }
	}
	s, err := New(o, func(int) (Processor, error) { return p(), nil })
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Stream: s, t: b.t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = s.Run(ctx)
	}()
	b.t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := r.wait(); err != nil {
		r.t.Errorf("Run: %v", err)
	}
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case <-r.done:
		return r.err
	case <-time.After(40 * time.Second):
		r.t.Fatal("Run did not return")
		return nil
	}
}

func (b *bed) produce(records ...*kgo.Record) {
	b.t.Helper()
	for _, r := range records {
		if r.Topic == "" {
			r.Topic = b.in
		}
	}
	if err := b.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// numbered produces n records whose values count from 'from' on, with 17 keys.
func (b *bed) numbered(from, n int) {
	b.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Key: fmt.Appendf(nil, "k%d", (from+i)%17), Value: fmt.Appendf(nil, "%d", from+i)}
	}
	b.produce(records...)
}

// read gives what a read_committed reader of the topic sees, until it has want records or time is up.
func (b *bed) read(topic string, want int, patience time.Duration) []*kgo.Record {
	b.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []*kgo.Record
	for {
		f := c.PollFetches(ctx)
		f.EachRecord(func(r *kgo.Record) { all = append(all, r) })
		if err := f.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			b.t.Fatal(err)
		}
		if len(all) >= want {
			// A little longer, for what should not be there.
			more, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
			c.PollFetches(more).EachRecord(func(r *kgo.Record) { all = append(all, r) })
			stop()
			return all
		}
		if ctx.Err() != nil {
			return all
		}
	}
}

// exactlyOnce checks that values 0…n−1 arrived once each, in order by key.
func (b *bed) exactlyOnce(n int, patience time.Duration) {
	b.t.Helper()
	got := b.read(b.out, n, patience)
	seen := make(map[string]int)
	last := make(map[string]int)
	for _, r := range got {
		seen[string(r.Value)]++
		v, err := strconv.Atoi(string(r.Value))
		if err != nil {
			b.t.Fatalf("a value is not a number: %v", err)
		}
		if l, ok := last[string(r.Key)]; ok && v <= l {
			b.t.Errorf("key %s: %d after %d", r.Key, v, l)
		}
		last[string(r.Key)] = v
	}
	lost, twice := 0, 0
	for i := range n {
		switch c := seen[fmt.Sprint(i)]; {
		case c == 0:
			lost++
		case c > 1:
			twice++
		}
	}
	if lost != 0 || twice != 0 || len(got) != n {
		b.t.Errorf("of %d records got %d: %d lost, %d more than once", n, len(got), lost, twice)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, patience time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
