// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// ReadOptions choose what ReadTopic reads. The zero value reads the whole topic once.
type ReadOptions struct {
	Since         time.Time       // only records from then on; zero: all
	From          map[int32]int64 // by partition: only records from this offset on; of partitions that are not named, all
	Follow        bool            // after the end, wait for more until ctx ends
	AtEnd         func()          // called once, when everything that was there at the start has been read
	MaxBatchBytes int             // what one record batch may decompress to; default 32 MiB
}

// ReadTopic gives fn every committed record of the topic, by partition in order. A record is valid until fn returns,
// and fn's error ends the reading. Everything that was produced before the call is read: where transactions are open
// it waits for them.
func ReadTopic(ctx context.Context, conn Connection, topic string, o ReadOptions, fn func(*event.Record) error) error {
	if err := conn.validate(); err != nil {
		return err
	}
	c := connect(conn)
	defer c.close()
	return c.scan(ctx, topic, o, fn)
}

// Ends gives the offset after the last record of each partition of a topic.
func Ends(ctx context.Context, conn Connection, topic string) (map[int32]int64, error) {
	if err := conn.validate(); err != nil {
		return nil, err
	}
	c := connect(conn)
	defer c.close()
	states, err := c.refresh(ctx, topic)
	if err != nil {
		return nil, err
	}
	if err := states[topic].missing(); err != nil {
		return nil, err
	}
	out := make(map[int32]int64)
	for p := range states[topic].partitions {
		if out[int32(p)], err = c.listOffset(ctx, tp{topic, int32(p)}, offsetLatest); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// scan is ReadTopic on an open cluster.
func (c *cluster) scan(ctx context.Context, topic string, o ReadOptions, fn func(*event.Record) error) error {
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = 32 << 20
	}
	r := reader{cluster: c, dec: decoder{limit: o.MaxBatchBytes}, ends: make(map[tp]int64)}
	r.fn = func(_ *cursor, batch []event.Record) error {
		for i := range batch {
			if err := fn(&batch[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.locate(ctx, topic, &o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	r.fetch.follow(ctx)
	defer func() {
		cancel()
		r.fetch.done.Wait()
	}()
	refresh := time.NewTicker(2 * time.Second)
	defer refresh.Stop()
	ended := false
	for {
		if !ended && r.atEnd() {
			ended = true
			if o.AtEnd != nil {
				o.AtEnd()
			}
			if !o.Follow {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-refresh.C:
			r.refresh(ctx, topic)
		case got := <-r.fetch.out:
			err := r.take(&got)
			got.release()
			if err != nil {
				return err
			}
		}
	}
}

// reader reads whole partitions, outside of any group.
type reader struct {
	cluster *cluster
	fetch   *fetcher
	cursors map[tp]*cursor
	ends    map[tp]int64 // high watermarks at the start
	dec     decoder
	moved   bool // a broker did not answer, or is not the leader: who is it now?
	fn      func(c *cursor, batch []event.Record) error
}

// refresh asks who leads the partitions now.
func (r *reader) refresh(ctx context.Context, topic string) {
	if _, err := r.cluster.refresh(ctx, topic); err == nil {
		r.moved = false
		r.fetch.follow(ctx)
	}
}

func (r *reader) locate(ctx context.Context, topic string, o *ReadOptions) error {
	states, err := r.cluster.refresh(ctx, topic)
	if err != nil {
		return err
	}
	if err := states[topic].missing(); err != nil {
		return err
	}
	r.cursors = make(map[tp]*cursor)
	var list []*cursor
	for p := range states[topic].partitions {
		at := tp{topic, int32(p)}
		begin, err := r.cluster.listOffset(ctx, at, offsetEarliest)
		if err != nil {
			return err
		}
		if r.ends[at], err = r.cluster.listOffset(ctx, at, offsetLatest); err != nil {
			return err
		}
		if from, named := o.From[int32(p)]; named {
			begin = max(begin, min(from, r.ends[at]))
		}
		if !o.Since.IsZero() {
			if begin, err = r.cluster.listOffset(ctx, at, o.Since.UnixMilli()); err != nil {
				return err
			}
			if begin < 0 { // nothing is as late
				begin = r.ends[at]
			}
		}
		c := &cursor{tp: at, id: states[topic].id, leader: leader{broker: -1}, fetch: begin, next: begin, epoch: -1, high: -1}
		r.cursors[at] = c
		list = append(list, c)
	}
	r.fetch = newFetcher(r.cluster, list, 4<<20)
	return nil
}

func (r *reader) atEnd() bool {
	for at, c := range r.cursors {
		if c.next < r.ends[at] {
			return false
		}
	}
	return true
}

func (r *reader) take(got *fetched) error {
	if got.err != nil {
		if hopeless(got.err) {
			return got.err
		}
		r.moved = true
		return nil // the fetching goroutine pauses and asks again
	}
	for i := range got.response.Topics {
		t := &got.response.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			c := r.cursors[tp{t.Topic, p.Partition}]
			if c == nil || !r.fetch.expected(c, got) {
				continue
			}
			ahead, turn := offsetAfter(p.records().bytes, c.next), c.turn
			if err := r.read(c, p); err != nil {
				return fmt.Errorf("read %s: %w", c.tp, err)
			}
			if c.next != ahead && c.turn == turn {
				r.fetch.rewind(c, 0)
			}
		}
	}
	return nil
}

func (r *reader) read(c *cursor, p *fetchedPartition) error {
	if err := refuse("read", c.topic, p.ErrorCode); err != nil {
		if hopeless(err) {
			return err
		}
		if c.tries++; isCode(err, codeOutOfRange) && c.tries >= fetchTries {
			return fmt.Errorf("offset %d is out of range: %w", c.next, err)
		}
		r.moved = true
		r.fetch.rewind(c, retryPause)
		return nil
	}
	c.high, c.tries = p.HighWatermark, 0
	slices.SortFunc(p.Aborted, func(a, b abortedTxn) int { return cmp.Compare(a.First, b.First) })
	filter := abortFilter{aborted: p.Aborted}
	for set := p.records().bytes; ; {
		b, rest, err := nextBatch(set)
		if errors.Is(err, errCut) {
			return nil
		}
		if err == nil {
			err = b.check()
		}
		if err != nil {
			return err
		}
		set = rest
		if b.last < c.next {
			continue
		}
		if b.leaderEpoch() >= 0 && b.leaderEpoch() < c.epoch {
			return errLostRecords
		}
		c.epoch = max(c.epoch, b.leaderEpoch())
		if !filter.skips(&b) {
			r.dec.reset()
			if err := r.dec.decode(&b, c.topic, c.partition, c.next); err != nil {
				return err
			}
			if err := r.give(c); err != nil {
				return err
			}
		}
		c.next = b.last + 1
	}
}

// give hands over the records of the batch just decoded.
func (r *reader) give(c *cursor) error {
	for {
		if err := r.fn(c, r.dec.records); err != nil {
			return err
		}
		if !r.dec.unread() {
			return nil
		}
		r.dec.forget()
		if err := r.dec.more(); err != nil {
			return err
		}
	}
}
