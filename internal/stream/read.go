// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	// fetchTries is how often a batch that cannot be read is fetched: the fault may be on the way.
	fetchTries = 3
	retryPause = 200 * time.Millisecond
	// mostRecords bounds one call of Process beside its bytes.
	mostRecords = 10_000
)

// take works through one broker's answer.
func (w *worker) take(fetching, hard context.Context, got *fetched) error {
	if got.err != nil {
		if hopeless(got.err) {
			return got.err
		}
		if fetching.Err() == nil {
			w.log.Warn().Err(got.err).Msg("could not fetch")
			_, _ = w.s.cluster.refresh(fetching, w.s.opts.topics()...) // leaders may have moved; the next fetch tells
			w.fetch.follow(fetching)
		}
		return nil
	}
	for i := range got.response.Topics {
		t := &got.response.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			c := w.cursors[tp{t.Topic, p.Partition}]
			if c == nil || c.reason != "" || !w.fetch.expected(c, got) {
				continue
			}
			if err := w.takePartition(fetching, hard, c, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *worker) takePartition(fetching, hard context.Context, c *cursor, p *fetchedPartition) error {
	if p.ErrorCode != 0 {
		return w.refused(fetching, c, refuse("fetch", c.topic, p.ErrorCode))
	}
	c.refusals = 0
	c.stable, c.high = p.LastStable, p.HighWatermark
	ahead, turn := offsetAfter(p.records().bytes, c.next), c.turn
	err := w.read(fetching, hard, c, p)
	if err == nil && c.next != ahead && c.turn == turn {
		w.fetch.rewind(c, 0)
	}
	w.s.metrics.lag(c)
	return err
}

// read decodes the batches of one partition and has them decided.
func (w *worker) read(fetching, hard context.Context, c *cursor, p *fetchedPartition) error {
	slices.SortFunc(p.Aborted, func(a, b abortedTxn) int { return cmp.Compare(a.First, b.First) })
	filter := abortFilter{aborted: p.Aborted}
	set, next := p.records().bytes, c.next
	w.dec.reset()
	for {
		b, rest, err := nextBatch(set)
		if errors.Is(err, errCut) {
			return w.decide(hard, c, next)
		}
		if err == nil && b.last < next {
			set = rest
			continue
		}
		if err == nil {
			err = b.check()
		}
		if err == nil && b.leaderEpoch() >= 0 && b.leaderEpoch() < c.epoch {
			if err := w.decide(hard, c, next); err != nil {
				return err
			}
			w.stop(c, "the partition holds an earlier leader epoch than was read before: it was made again or lost records")
			return nil
		}
		if err == nil && !filter.skips(&b) {
			err = w.dec.decode(&b, c.topic, c.partition, next)
		}
		if err != nil {
			if err := w.decide(hard, c, next); err != nil {
				return err
			}
			if b.bytes == nil {
				b = rawBatch{bytes: set, base: c.next, last: c.next}
			}
			return w.unreadable(fetching, c, &b, err)
		}
		c.epoch = max(c.epoch, b.leaderEpoch())
		next, set = b.last+1, rest
		if w.dec.size >= w.s.opts.ProcessBytes || len(w.dec.records) >= mostRecords {
			if err := w.decide(hard, c, next); err != nil {
				return err
			}
		}
	}
}

// refused deals with an error code for one partition.
func (w *worker) refused(fetching context.Context, c *cursor, err error) error {
	switch {
	case hopeless(err):
		return err
	case isCode(err, codeOutOfRange), isCode(err, kafka.InvalidMessage):
		if c.tries++; c.tries >= fetchTries {
			reason := "the offset is out of range: records were lost, or the topic was made again"
			if isCode(err, kafka.InvalidMessage) {
				reason = "the broker finds its own log corrupt here"
			}
			w.stop(c, reason)
			return nil
		}
	case c.refusals&(c.refusals-1) == 0: // the first, and then ever more rarely
		w.log.Warn().Err(err).Str(logTopic, c.topic).Int32(logPartition, c.partition).Msg("could not fetch from a partition")
	}
	pause := min(retryPause<<min(c.refusals, 5), 5*time.Second)
	c.refusals++
	w.fetch.rewind(c, pause)
	states, err := w.s.cluster.refresh(fetching, c.topic)
	if err == nil {
		w.compare(c, states[c.topic])
	}
	w.fetch.follow(fetching)
	return nil
}

// unreadable deals with a batch that fails its checksum, cannot be decoded or is a bomb: it is fetched again, and at
// last sealed as it came, if the broker agrees on where the next batch begins. Else nobody knows what would be skipped,
// and the partition stops.
func (w *worker) unreadable(ctx context.Context, c *cursor, b *rawBatch, cause error) error {
	if c.tries++; c.tries < fetchTries {
		w.fetch.rewind(c, retryPause/4)
		return nil
	}
	after := b.last + 1
	confirmed, err := w.confirm(ctx, c, after)
	if err != nil {
		c.tries--
		return fmt.Errorf("confirm the offset after a corrupt batch of %s: %w", c.tp, err)
	}
	if !confirmed {
		w.stop(c, "a corrupt batch, and the broker does not confirm where the next one begins")
		return nil
	}
	reason := event.CorruptBatch
	if errors.Is(cause, errBomb) {
		reason = event.Bomb
	}
	rec := event.Record{Topic: c.topic, Partition: c.partition, Offset: max(b.base, c.next), Time: w.s.opts.Now().UnixMilli(), Value: b.bytes}
	w.out.batch()
	if err := w.out.Quarantine(&event.Quarantined{Record: &rec, Recipients: w.s.opts.readers(c.topic), Reason: reason}); err != nil {
		return err
	}
	w.log.Error().Str(logTopic, c.topic).Int32(logPartition, c.partition).Int64(logOffset, rec.Offset).Str(logReason, reason.String()).
		Int("bytes", len(b.bytes)).Msg("quarantined a batch that cannot be read")
	c.next, c.tries = after, 0
	w.touch(c)
	return nil
}

// confirm tells whether a batch begins at, or after a gap behind, offset at; or the partition ends there.
func (w *worker) confirm(ctx context.Context, c *cursor, at int64) (bool, error) {
	end, err := w.s.cluster.listOffset(ctx, c.tp, offsetLatest)
	if err != nil || at <= c.next || at >= end {
		return err == nil && at > c.next && at == end, err
	}
	l, ok := w.s.cluster.leader(c.tp)
	if !ok {
		return false, errNoLeader
	}
	m, err := w.s.cluster.send(ctx, &fetchRequest{
		ReplicaID: -1, MaxWaitMillis: millis(fetchWait), MinBytes: 1, MaxBytes: leastFetchBytes, IsolationLevel: readUncommitted, SessionEpoch: -1, broker: l.broker,
		Topics: []fetchTopic{{Topic: c.topic, ID: c.id, Partitions: []fetchPartition{{Partition: c.partition, LeaderEpoch: -1, Offset: at, FetchedEpoch: -1, LogStart: -1, MaxBytes: leastFetchBytes}}}},
	})
	if err != nil {
		return false, err
	}
	got := fetched{response: m.(*fetchResponse)}
	defer got.release()
	for _, t := range got.response.Topics {
		for i := range t.Partitions {
			if err := refuse("fetch", c.topic, t.Partitions[i].ErrorCode); err != nil {
				return false, err
			}
			// The first batch is the one that holds the offset asked for, or the next after it.
			if b, _, err := nextBatch(t.Partitions[i].records().bytes); err == nil {
				return b.base >= at, nil
			}
		}
	}
	return false, nil
}
