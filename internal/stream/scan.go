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
	Since         time.Time // only records from then on; zero: all
	Follow        bool      // after the end, wait for more until ctx ends
	AtEnd         func()    // called once, when everything that was there at the start has been read
	MaxBatchBytes int       // what one record batch may decompress to; default 32 MiB
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

// scan is ReadTopic on an open cluster.
func (c *cluster) scan(ctx context.Context, topic string, o ReadOptions, fn func(*event.Record) error) error {
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = 32 << 20
	}
	r := reader{cluster: c, dec: decoder{limit: o.MaxBatchBytes}, ends: make(map[tp]int64), fn: fn}
	if err := r.locate(ctx, topic, o.Since); err != nil {
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
			if _, err := c.refresh(ctx, topic); err == nil {
				r.fetch.follow(ctx)
			}
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
	fn      func(*event.Record) error
}

func (r *reader) locate(ctx context.Context, topic string, since time.Time) error {
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
		if !since.IsZero() {
			if begin, err = r.cluster.listOffset(ctx, at, since.UnixMilli()); err != nil {
				return err
			}
			if begin < 0 { // nothing is as late
				begin = r.ends[at]
			}
		}
		c := &cursor{tp: at, id: states[topic].id, leader: leader{broker: -1}, fetch: begin, next: begin, epoch: -1}
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
		if hopeless(err) || isCode(err, codeOutOfRange) {
			return err
		}
		r.fetch.rewind(c, retryPause)
		return nil
	}
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
		if !filter.skips(&b) {
			r.dec.reset()
			if err := r.dec.decode(&b, c.topic, c.partition, c.next); err != nil {
				return err
			}
			if err := r.give(); err != nil {
				return err
			}
		}
		c.next = b.last + 1
	}
}

// give hands over the records of the batch just decoded.
func (r *reader) give() error {
	for {
		for i := range r.dec.records {
			if err := r.fn(&r.dec.records[i]); err != nil {
				return err
			}
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
