// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/test/rig"
)

// origin is where an input record lies.
type origin struct {
	topic     string
	partition int32
	offset    int64
}

// load is a producer that writes numbered records while the test does something else.
type load struct {
	p      *place
	record func(number int) *kgo.Record // its topic is the name of one of the place's
	acked  atomic.Int64
	hurry  atomic.Bool // write the rest at full speed

	mu   sync.Mutex
	at   map[int]origin // by number
	fail error

	stop    context.CancelFunc
	stopped chan struct{}
}

// startLoad writes so many records at least, so many a second, until finish.
func (p *place) startLoad(atLeast, perSecond int, record func(int) *kgo.Record) *load {
	ctx, stop := context.WithCancel(p.t.Context())
	l := &load{p: p, record: record, at: map[int]origin{}, stop: stop, stopped: make(chan struct{})}
	p.t.Cleanup(func() { l.stop(); <-l.stopped })
	go func() {
		defer close(l.stopped)
		l.write(ctx, atLeast, perSecond)
	}()
	return l
}

func (l *load) write(ctx context.Context, atLeast, perSecond int) {
	began := time.Now()
	for n := 0; ctx.Err() == nil && (n < atLeast || !l.hurry.Load()); n++ {
		for !l.hurry.Load() && float64(n) > time.Since(began).Seconds()*float64(perSecond) {
			time.Sleep(5 * time.Millisecond)
		}
		rec := l.record(n)
		rec.Topic = l.p.topic(rec.Topic)
		l.p.client.Produce(ctx, rec, func(r *kgo.Record, err error) { l.note(n, r, err) })
	}
	if err := l.p.client.Flush(ctx); err != nil {
		l.note(-1, nil, err)
	}
}

func (l *load) note(number int, r *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.fail = fmt.Errorf("input %d: %w", number, err)
		return
	}
	l.at[number] = origin{r.Topic, r.Partition, r.Offset}
	l.acked.Add(1)
}

// finish writes what is left, waits until the group has consumed all of it, and gives where each record lies.
func (l *load) finish(topics ...string) map[int]origin {
	t := l.p.t
	t.Helper()
	l.hurry.Store(true)
	<-l.stopped
	if l.fail != nil {
		t.Fatal(l.fail)
	}
	l.p.drained(topics...)
	return l.at
}

// drained waits until the group has consumed the topics.
func (p *place) drained(topics ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for _, name := range topics {
		if err := rig.Drained(ctx, p.admin, p.setup.Group, p.topic(name)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// flowing waits until the group has consumed what was written up to now.
func (l *load) flowing(t *testing.T) {
	t.Helper()
	written := l.acked.Load()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		offsets, err := l.p.admin.FetchOffsets(t.Context(), l.p.setup.Group)
		if err != nil {
			t.Fatal(err)
		}
		done := int64(0)
		for _, partitions := range offsets {
			for _, o := range partitions {
				done += max(o.At, 0)
			}
		}
		if done >= written {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the group has consumed %d of %d records and does not go on", done, written)
		}
	}
}
