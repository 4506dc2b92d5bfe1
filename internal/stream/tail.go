// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Places where following can begin, besides offsets.
const (
	FromEnd       int64 = offsetLatest
	FromBeginning int64 = offsetEarliest
)

const (
	// tailQuiet is how long no answer may come before the leaders are asked for again: a broker answers every fetchWait.
	tailQuiet = time.Second
	// tailWatch is how soon a topic that was made again, or has new partitions, is noticed.
	tailWatch = 10 * time.Second
)

// ErrOutOfRange says that the records at an offset are gone, by retention or with their topic, or never were.
var ErrOutOfRange error = codeOutOfRange

// TailOptions say what Follow reads. Required are Brokers and Topic.
type TailOptions struct {
	Connection
	Topic         string
	Partitions    []int32                     // nil: all that the topic has
	From          func(partition int32) int64 // an offset, FromEnd or FromBeginning; nil: FromEnd
	MaxBatchBytes int                         // what one record batch may decompress to; default 32 MiB
}

// Follow gives fn the committed records of a topic as they come, outside of any group, until ctx ends, whose error it
// returns then. A batch holds records of one partition, in order, and is valid until fn returns; fn's error ends Follow.
// When everything has been handed out that lay below the high watermarks of the latest fetches, of all partitions, fn is
// called with end and without records, before long also where there is nothing to read.
//
// A new leader, or none for a while, is waited for. Nothing is skipped: records that are gone give ErrOutOfRange, a topic
// that was made again, has lost records or has got new partitions gives an error too. Where an error is not of class
// event.ErrFatal, following again may succeed.
func Follow(ctx context.Context, o TailOptions, fn func(batch []event.Record, end bool) error) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("follow %s: %w: %w", o.Topic, event.ErrFatal, err)
	}
	c := connect(o.Connection)
	defer c.close()
	return c.tail(ctx, o, fn)
}

// tail is Follow on an open cluster.
func (c *cluster) tail(ctx context.Context, o TailOptions, fn func(batch []event.Record, end bool) error) error {
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = 32 << 20
	}
	r := tail{options: o, reader: reader{cluster: c, dec: decoder{limit: o.MaxBatchBytes}}}
	r.fn = func(_ *cursor, batch []event.Record) error {
		if r.atEnd = false; len(batch) == 0 {
			return nil
		}
		return fn(batch, false)
	}
	if err := r.locate(ctx); err != nil {
		return fmt.Errorf("follow %s: %w", o.Topic, err)
	}
	following, stop := context.WithCancel(ctx)
	r.fetch.follow(following)
	defer func() {
		stop()
		r.fetch.done.Wait()
	}()
	if err := r.loop(following, fn); err != nil {
		return fmt.Errorf("follow %s: %w", o.Topic, err)
	}
	return ctx.Err()
}

// tail is a reader that goes on at the end.
type tail struct {
	reader
	options TailOptions
	state   topicState
	atEnd   bool // fn knows
}

func (r *tail) locate(ctx context.Context) error {
	states, err := r.cluster.refresh(ctx, r.options.Topic)
	if err != nil {
		return err
	}
	r.state = states[r.options.Topic]
	if err := usable(r.state, "read", aclRead); err != nil {
		return err
	}
	parts := r.options.Partitions
	if parts == nil {
		for p := range r.state.partitions {
			parts = append(parts, int32(p))
		}
	}
	r.cursors = make(map[tp]*cursor)
	var list []*cursor
	for _, p := range parts {
		at := tp{r.options.Topic, p}
		if int(p) >= len(r.state.partitions) {
			return fmt.Errorf("there is no partition %d, the topic has %d", p, len(r.state.partitions))
		}
		from := FromEnd
		if r.options.From != nil {
			from = r.options.From(p)
		}
		if from < 0 {
			if from, err = r.cluster.listOffset(ctx, at, from); err != nil {
				return err
			}
		}
		c := &cursor{tp: at, id: r.state.id, leader: leader{broker: -1}, fetch: from, next: from, epoch: -1, high: -1}
		r.cursors[at] = c
		list = append(list, c)
	}
	r.fetch = newFetcher(r.cluster, list, 4<<20)
	return nil
}

func (r *tail) loop(ctx context.Context, fn func(batch []event.Record, end bool) error) error {
	quiet := time.NewTimer(tailQuiet)
	defer quiet.Stop()
	watch := time.NewTicker(tailWatch)
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-quiet.C:
			r.moved = true
		case <-watch.C:
			r.moved = true
		case got := <-r.fetch.out:
			err := r.take(&got)
			got.release()
			if err != nil {
				return err
			}
		}
		quiet.Reset(tailQuiet)
		if r.moved {
			r.refresh(ctx, r.options.Topic)
			if err := r.compare(); err != nil {
				return err
			}
		}
		if !r.atEnd && r.ended() {
			if err := fn(nil, true); err != nil {
				return err
			}
			r.atEnd = true
		}
	}
}

// ended tells whether every partition has been read to the high watermark that its latest fetch told.
func (r *tail) ended() bool {
	for _, c := range r.cursors {
		if c.high < 0 || c.next < c.high {
			return false
		}
	}
	return true
}

// compare looks whether the topic is the one that was located.
func (r *tail) compare() error {
	now, known := r.cluster.topic(r.options.Topic), r.state
	if now.err != nil || known.partitions == nil {
		return nil
	}
	if now.id != (topicID{}) && known.id != (topicID{}) && now.id != known.id {
		return fmt.Errorf("the topic was deleted and made again: its offsets mean other records now: %w", event.ErrFatal)
	}
	if r.options.Partitions == nil && len(now.partitions) != len(known.partitions) {
		return fmt.Errorf("the topic has %d partitions instead of %d: follow it again", len(now.partitions), len(known.partitions))
	}
	return nil
}

func (o *TailOptions) validate() error {
	if err := o.Connection.validate(); err != nil {
		return err
	}
	if o.Topic == "" {
		return fmt.Errorf("no topic")
	}
	if i := slices.IndexFunc(o.Partitions, func(p int32) bool { return p < 0 }); i >= 0 {
		return fmt.Errorf("there is no partition %d", o.Partitions[i])
	}
	return nil
}
