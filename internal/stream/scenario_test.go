// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

// scenarios are what must hold on any cluster: TestFake runs them on kfake, TestKafka on a real broker.
func scenarios() map[string]func(t *testing.T, addrs []string) {
	return map[string]func(t *testing.T, addrs []string){
		"two instances and rebalances":             rebalances,
		"shapes of records":                        shapes,
		"aborted input":                            abortedInput,
		"everything withheld":                      withheld,
		"too large goes to quarantine in chunks":   oversize,
		"quarantine and replay":                    replays,
		"recovers what a dead process left open":   leftOpen,
		"out of range stops and resumes":           outOfRange,
		"recreated topic stops":                    recreated,
		"lost offset stops":                        lostOffset,
		"latest then new partitions from earliest": growth,
		"transient and fatal":                      classes,
		"partition by source":                      bySource,
		"append and follow":                        appendAndFollow,
		"follow sees what is committed":            followCommitted,
		"follow skips nothing":                     followSkipsNothing,
	}
}

func TestFake(t *testing.T) {
	for name, run := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addrs := fake(t)
			run(t, addrs)
		})
	}
}

func rebalances(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 6, nil)
	first := b.run(b.options("a"), nil)
	b.numbered(0, 300)
	second := b.run(b.options("b"), nil)
	b.numbered(300, 300)
	eventually(t, "both instances have partitions", 20*time.Second, func() bool {
		return len(first.Status().Partitions) == 3 && len(second.Status().Partitions) == 3
	})
	if err := second.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	b.numbered(600, 300)
	first.stop()
	b.numbered(900, 300)
	third := b.run(b.options("a"), nil)
	b.numbered(1200, 300)
	b.exactlyOnce(1500, 30*time.Second)
	third.stop()
	second.stop()
	if err := second.Ready(); err == nil {
		t.Error("Ready after Run: want an error")
	}
}

func shapes(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	want := []*kgo.Record{
		{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "null", Value: nil}, {Key: "", Value: []byte{}}, {Key: "a", Value: []byte("2")}}},
		{Key: []byte("gone"), Value: nil},
		{Key: nil, Value: []byte("no key")},
		{Key: []byte{}, Value: []byte{}},
		{Key: nil, Value: nil},
	}
	b.produce(want...)
	r := b.run(b.options("a"), nil)
	got := b.read(b.out, len(want), 10*time.Second)
	r.stop()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		same := bytes.Equal(g.Key, w.Key) && (g.Key == nil) == (w.Key == nil) && bytes.Equal(g.Value, w.Value) && (g.Value == nil) == (w.Value == nil)
		if !same || g.Timestamp.UnixMilli() != w.Timestamp.UnixMilli() {
			t.Errorf("record %d: got key %q value %q time %v, want %q %q %v", i, g.Key, g.Value, g.Timestamp, w.Key, w.Value, w.Timestamp)
		}
		if !slices.EqualFunc(g.Headers, w.Headers, func(a, b kgo.RecordHeader) bool {
			return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
		}) {
			t.Errorf("record %d: got headers %v, want %v", i, g.Headers, w.Headers)
		}
	}
}

func abortedInput(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	c, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID("input-"+b.in), kgo.DefaultProduceTopic(b.in))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for round := range 6 {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			value := "aborted"
			if round%2 == 0 {
				value = fmt.Sprint(n)
				n++
			}
			if err := c.ProduceSync(context.Background(), &kgo.Record{Key: []byte("k"), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.EndTransaction(context.Background(), kgo.TransactionEndTry(round%2 == 0)); err != nil {
			t.Fatal(err)
		}
	}
	r := b.run(b.options("a"), nil)
	b.exactlyOnce(n, 10*time.Second)
	b.committed(0, b.end(b.in, 0))
	r.stop()
}

func (b *bed) end(topic string, partition int32) int64 {
	b.t.Helper()
	ends, err := b.admin.ListEndOffsets(context.Background(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	o, _ := ends.Lookup(topic, partition)
	return o.Offset
}

// committed waits until the group has committed this offset.
func (b *bed) committed(partition int32, want int64) {
	b.t.Helper()
	got := int64(-1)
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) && got != want {
		if offsets, err := b.admin.FetchOffsets(context.Background(), b.group); err == nil {
			if o, ok := offsets.Lookup(b.in, partition); ok {
				got = o.At
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got != want {
		b.t.Errorf("committed offset of partition %d: got %d, want %d", partition, got, want)
	}
}

func withheld(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	for range 10 {
		b.produce(&kgo.Record{Value: []byte("withhold me")})
	}
	r := b.run(b.options("a"), nil)
	b.committed(0, 10)
	r.stop()
	if got := b.read(b.out, 1, 500*time.Millisecond); len(got) != 0 {
		t.Errorf("got %d records, want none", len(got))
	}
}

func oversize(t *testing.T, addrs []string) {
	limit := "20000"
	b := newBed(t, addrs, 1, map[string]*string{"max.message.bytes": &limit})
	// Random enough not to be compressed below the limit.
	big := make([]byte, 100_000)
	for i, x := 0, uint32(1); i < len(big); i++ {
		x = x*1664525 + 1013904223
		big[i] = byte(x >> 24)
	}
	b.produce(&kgo.Record{Key: []byte("secret"), Value: big}, &kgo.Record{Value: []byte("0")}, &kgo.Record{Value: bytes.Repeat([]byte("1"), 50_000)})
	r := b.run(b.options("a"), nil)
	got := b.read(b.out, 2, 10*time.Second)
	r.stop()
	if len(got) != 2 {
		t.Errorf("got %d records, want the small one and the one that compresses", len(got))
	}
	var entries []Entry
	err := ReadQuarantine(context.Background(), Connection{Brokers: addrs}, b.quar, func(e *Entry) error {
		e.Sealed = slices.Clone(e.Sealed)
		entries = append(entries, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Fatalf("got %d entries, want 1", len(entries))
	}
	e := entries[0]
	if want := append([]byte("sealed:"), big...); !bytes.Equal(e.Sealed, want) {
		t.Errorf("the seal came back as %d bytes, want %d", len(e.Sealed), len(want))
	}
	if e.Topic != b.in || e.Offset != 0 || e.Reason != event.OutputTooLarge.String() || !slices.Equal(e.Recipients, []string{"ads"}) || e.Time == 0 {
		t.Errorf("entry: got topic %s offset %d reason %s recipients %v time %d", e.Topic, e.Offset, e.Reason, e.Recipients, e.Time)
	}
	chunks := b.read(b.quar, 6, 5*time.Second)
	if len(chunks) < 6 {
		t.Errorf("got %d chunks, want at least 6", len(chunks))
	}
	for _, c := range chunks {
		if c.Key != nil || bytes.Contains(fmt.Append(nil, c.Headers), []byte("secret")) {
			t.Error("the quarantine shows the clear key")
		}
	}
}

func replays(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.produce(&kgo.Record{Value: []byte("poison")}, &kgo.Record{Value: []byte("1")})
	o := b.options("a")
	r := b.run(o, nil)
	b.committed(0, 2)
	r.stop()
	read := func() (entries []Entry) {
		err := ReadQuarantine(context.Background(), Connection{Brokers: addrs}, b.quar, func(e *Entry) error {
			entries = append(entries, *e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	entries := read()
	if len(entries) != 1 || entries[0].Rule != "$.a" || entries[0].Reason != "malformed" {
		t.Fatalf("got entries %+v", entries)
	}
	repaired := event.Record{Topic: entries[0].Topic, Partition: entries[0].Partition, Offset: entries[0].Offset, Time: entries[0].Time, Value: []byte("mended")}
	open := func() *Replayer {
		rep, err := OpenReplayer(context.Background(), o, &passThrough{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(rep.Close)
		return rep
	}
	replay := func(rep *Replayer, want Outcome) {
		t.Helper()
		got, err := rep.Replay(context.Background(), &repaired, []string{"ads"})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("Replay: got %+v, %v; want %+v", got, err, want)
		}
	}
	one := open()
	replay(one, Outcome{Recipient: "ads", Forwarded: true})
	replay(one, Outcome{Recipient: "ads", Before: true})
	two := open()
	replay(two, Outcome{Recipient: "ads", Before: true})
	repaired.Offset++ // another record: the first replayer has lost its id to the second
	if _, err := one.Replay(context.Background(), &repaired, []string{"ads"}); err == nil {
		t.Error("a fenced replayer wrote")
	}
	if got := b.read(b.out, 2, 5*time.Second); len(got) != 2 {
		t.Errorf("got %d records, want 2", len(got))
	}
	if entries := read(); len(entries) != 2 || !entries[1].Replayed {
		t.Errorf("got entries %+v, want the note", entries)
	}
}

func fenced(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 10)
	o := b.options("a")
	o.RebalanceTimeout = 3 * time.Second // the zombie answers heartbeats and is thrown out after this
	heirs := o
	holding, release := holdAt(t, &o, PointBeforeEnd)
	zombie := b.run(o, nil)
	<-holding
	heir := b.run(heirs, nil) // the same name: it takes the transactional ids
	b.exactlyOnceAfter(heir, 10)
	release()
	b.numbered(10, 10)
	if err := zombie.wait(); !errors.Is(err, ErrFenced) || !errors.Is(err, event.ErrFatal) {
		t.Errorf("the zombie ended with %v, want ErrFenced", err)
	}
	b.exactlyOnce(20, 20*time.Second)
}

// exactlyOnceAfter waits until an instance has committed n records.
func (b *bed) exactlyOnceAfter(r *running, n int) {
	b.t.Helper()
	eventually(b.t, "an instance takes over", 30*time.Second, func() bool {
		sum := int64(0)
		for _, p := range r.Status().Partitions {
			sum += max(p.Committed, 0)
		}
		return sum >= int64(n)
	})
}

// holdAt has the first transaction of an instance wait at a point.
func holdAt(t *testing.T, o *Options, at string) (holding <-chan struct{}, release func()) {
	held, gate := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	o.Hold = func(_ context.Context, point string, _ int64, _ int16, _ string) {
		if point == at && first.CompareAndSwap(false, true) {
			close(held)
			<-gate
		}
	}
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return held, release
}

func leftOpen(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 50)
	o := b.options("a")
	holding, release := holdAt(t, &o, PointInTransaction)
	dead := b.run(o, nil)
	<-holding
	heir := b.run(b.options("b"), nil) // another name: it waits until the group lets it in
	dead.cancel()
	release()
	<-dead.done
	b.exactlyOnce(50, 30*time.Second)
	heir.stop()
}
