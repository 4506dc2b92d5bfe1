// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/subject"
)

// The signals about people are taken by one instance at a time, the holder of a lease. It writes a marker into every partition now
// and then; when it has read a marker back, all signals before it are merged, and it claims so on the control log.
const (
	signalsLease    = "signals"
	signalsLeaseTTL = 1500 * time.Millisecond
	signalsPause    = 250 * time.Millisecond // between two markers

	// mergedLimit is how long the stream goes on without a claim that signals are merged.
	mergedLimit = 2500 * time.Millisecond
)

// markerHeader is what markers among the signals bear: the session of their writer and their number.
const markerHeader = "nym-marker"

// takeSignals takes signals for as long as this instance has the lease, until ctx ends.
func (p *people) takeSignals(ctx context.Context) error {
	lease, err := control.NewLease(p.store, signalsLease, p.instance, signalsLeaseTTL, nil)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := lease.Hold(ctx, p.follow)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, event.ErrFatal):
			return fmt.Errorf("signals: %w", err)
		case err != nil:
			p.log.Warn().Err(err).Msg("signals about people are not taken for a moment")
			_ = pause(ctx, signalsPause)
		}
	}
	return nil
}

// taker takes signals while its instance has the lease.
type taker struct {
	*people
	session []byte
	offsets map[int32]*offset

	mu     sync.Mutex
	number uint64           // of the newest marker
	asOf   map[uint64]int64 // by marker: what of control had been applied before it was written
	read   map[int32]uint64 // by partition: the newest marker read back
	claims chan int64
}

// offset is where a partition of the signals goes on, and its row in the store.
type offset struct {
	row  subject.Row
	next int64

	saved time.Time
}

// offsetAge is how old a place may become that only markers have passed.
const offsetAge = 10 * time.Second

// follow takes signals from where they were left, until ctx ends.
func (p *people) follow(ctx context.Context) error {
	ends, err := stream.Ends(ctx, p.conn, p.names.signals)
	if err != nil {
		return err
	}
	f := &taker{people: p, offsets: map[int32]*offset{}, asOf: map[uint64]int64{}, read: map[int32]uint64{}, claims: make(chan int64, 1)}
	f.session = []byte(rand.Text())
	for partition := range ends {
		if err := f.load(ctx, partition); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var side sync.WaitGroup
	side.Go(func() { stop(f.markers(ctx)) })
	side.Go(func() { stop(f.claim(ctx)) })
	err = stream.Follow(ctx, stream.TailOptions{
		Connection: p.conn, Topic: p.names.signals,
		From: func(partition int32) int64 { return f.offsets[partition].next },
	}, func(batch []event.Record, _ bool) error { return f.take(ctx, batch) })
	stop(err)
	side.Wait()
	return context.Cause(ctx)
}

func (f *taker) load(ctx context.Context, partition int32) error {
	o := &offset{row: subject.Row{Key: subject.MetaKey(fmt.Sprintf("signals %s %d", f.names.signals, partition))}, next: stream.FromBeginning}
	rows := []subject.Row{o.row}
	if err := f.store.Load(ctx, subject.Meta, rows); err != nil {
		return err
	}
	if o.row = rows[0]; len(o.row.Body) == 8 {
		o.next = int64(binary.BigEndian.Uint64(o.row.Body))
	}
	f.offsets[partition] = o
	return nil
}

// save keeps where a partition goes on. Another instance's place is never taken back: that one has the lease now.
func (f *taker) save(ctx context.Context, partition int32, next int64) error {
	o := f.offsets[partition]
	o.row.Body = binary.BigEndian.AppendUint64(nil, uint64(next))
	rows := []subject.Row{o.row}
	lost, err := f.store.Swap(ctx, subject.Meta, rows)
	if err == nil && len(lost) > 0 {
		err = control.ErrLeaseLost
	}
	o.row, o.next, o.saved = rows[0], next, time.Now()
	return err
}

// take merges a batch of one partition. Only then is its offset kept: signals may be taken twice, and that changes nothing.
func (f *taker) take(ctx context.Context, batch []event.Record) error {
	if len(batch) == 0 {
		return nil
	}
	var said []rights.Message
	marker := uint64(0)
	for i := range batch {
		switch number, ours, is := f.markerOf(&batch[i]); {
		case !is && batch[i].Value != nil:
			said = append(said, batch[i])
		case ours:
			marker = number
		}
	}
	if len(said) > 0 {
		taken, err := f.rights.Take(ctx, said)
		if err != nil {
			return err
		}
		f.refused.WithLabelValues(refusedMalformed).Add(float64(taken.Refused))
		f.refused.WithLabelValues(refusedPurpose).Add(float64(taken.Unknown))
	}
	if len(said) > 0 || time.Since(f.offsets[batch[0].Partition].saved) > offsetAge {
		if err := f.save(ctx, batch[0].Partition, batch[len(batch)-1].Offset+1); err != nil {
			return err
		}
	}
	if marker > 0 {
		f.returned(batch[0].Partition, marker)
	}
	return nil
}

// markerOf reads a marker: its number, and whether this session wrote it.
func (f *taker) markerOf(r *event.Record) (number uint64, ours, is bool) {
	for _, h := range r.Headers {
		if string(h.Key) == markerHeader {
			session, rest, _ := bytes.Cut(h.Value, []byte(" "))
			if len(rest) == 8 {
				number = binary.BigEndian.Uint64(rest)
			}
			return number, number > 0 && bytes.Equal(session, f.session), true
		}
	}
	return 0, false, false
}

// markers writes markers until ctx ends.
func (f *taker) markers(ctx context.Context) error {
	to, err := f.topics.appender(f.names.signals)
	for err == nil {
		limited, cancel := context.WithTimeout(ctx, signalsLeaseTTL)
		err = to.Append(limited, f.nextMarkers())
		cancel()
		if err == nil {
			err = pause(ctx, signalsPause)
		}
	}
	return fmt.Errorf("mark the signals: %w", err)
}

func (f *taker) nextMarkers() []event.Record {
	asOf := f.control.Applied() // before the marker is written
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	f.asOf[f.number] = asOf
	value := binary.BigEndian.AppendUint64(append(slices.Clone(f.session), ' '), f.number)
	var out []event.Record
	for partition := range f.offsets {
		out = append(out, event.Record{Partition: partition, Time: time.Now().UnixMilli(), Headers: []event.Header{{Key: []byte(markerHeader), Value: value}}})
	}
	return out
}

// returned notes that a marker was read back. When all partitions have, what lies before it is merged.
func (f *taker) returned(partition int32, number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read[partition] = number
	all := number
	for p := range f.offsets {
		all = min(all, f.read[p])
	}
	asOf, fresh := f.asOf[all]
	if !fresh {
		return
	}
	for n := range f.asOf {
		if n <= all {
			delete(f.asOf, n)
		}
	}
	select {
	case <-f.claims: // an older one that was not written yet
	default:
	}
	f.claims <- asOf
}

// claim tells all instances that signals are merged, until ctx ends.
func (f *taker) claim(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case asOf := <-f.claims:
			limited, cancel := context.WithTimeout(ctx, signalsLeaseTTL)
			err := f.control.ClaimMerged(limited, asOf)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// The outbox is emptied, and requests are fulfilled, by one instance at a time, by a lease.
const (
	outboxLease    = "outbox"
	outboxLeaseTTL = 5 * time.Second
	outboxPause    = time.Second // between two looks
	requestsPause  = 30 * time.Second
)

// publish fulfills requests that came signed and are left, and tells recipients of those who were erased, until ctx ends.
func (p *people) publish(ctx context.Context) error {
	lease, err := control.NewLease(p.store, outboxLease, p.instance, outboxLeaseTTL, nil)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := lease.Hold(ctx, func(ctx context.Context) error {
			var served time.Time
			for {
				if time.Since(served) > requestsPause {
					served = time.Now()
					if _, err := p.rights.RunRequests(ctx); err != nil {
						p.log.Warn().Err(err).Msg("requests of people wait")
					}
				}
				if _, err := p.rights.RunOutbox(ctx); err != nil {
					return err
				}
				if err := pause(ctx, outboxPause); err != nil {
					return err
				}
			}
		})
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, event.ErrFatal):
			return fmt.Errorf("deletion events: %w", err)
		default:
			p.log.Warn().Err(err).Msg("deletion events wait")
			_ = pause(ctx, outboxPause)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
