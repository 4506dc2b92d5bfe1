// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	// fetchTries is how often a batch that cannot be read is fetched: the fault may be on the way.
	fetchTries = 3
	retryPause = 200 * time.Millisecond
	// mostRecords bounds one call of Process beside its bytes: a batch with more is decided in parts.
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
			return w.unreadable(fetching, c, &b, rest, err)
		}
		c.epoch = max(c.epoch, b.leaderEpoch())
		if err := w.decideParts(hard, c); err != nil {
			return err
		}
		next, set = b.last+1, rest
		if w.dec.size >= w.s.opts.ProcessBytes || len(w.dec.records) >= mostRecords {
			if err := w.decide(hard, c, next); err != nil {
				return err
			}
		}
	}
}

// decideParts has a batch decided that is too large to be decoded at once, but for its last part.
func (w *worker) decideParts(hard context.Context, c *cursor) error {
	for w.dec.unread() {
		last := w.dec.records[len(w.dec.records)-1]
		if err := w.decide(hard, c, last.Offset+1); err != nil {
			return err
		}
		if err := w.dec.more(); err != nil {
			return err
		}
	}
	return nil
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
// last sealed as it came, if what follows it and the broker agree on where the next batch begins. Else nobody knows
// what would be skipped, and the partition stops. rest is what follows b in the fetched set.
func (w *worker) unreadable(ctx context.Context, c *cursor, b *rawBatch, rest []byte, cause error) error {
	if c.tries++; c.tries < fetchTries {
		w.fetch.rewind(c, retryPause/4)
		return nil
	}
	after := b.last + 1
	confirmed, err := w.confirm(ctx, c, b, rest)
	if err != nil {
		c.tries--
		return fmt.Errorf("confirm the offset after a corrupt batch of %s: %w", c.tp, err)
	}
	if !confirmed {
		w.stop(c, "a corrupt batch, and nothing confirms where the next one begins")
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

// confirm tells whether the corrupt batch b ends where its header says. The header may be what is corrupt, so two
// others must agree: the batch that follows b's bytes begins at, or after a gap behind, the offset after b, and the
// broker has that same batch as the first from there on. Or the log ends there and nothing follows.
func (w *worker) confirm(ctx context.Context, c *cursor, b *rawBatch, rest []byte) (bool, error) {
	after := b.last + 1
	if after <= c.next {
		return false, nil
	}
	end, err := w.s.cluster.listOffset(ctx, c.tp, offsetLatest)
	if err != nil {
		return false, err
	}
	following, follows := baseOf(rest)
	if !follows { // the fetch ended with b: one that has room for more shows what comes behind
		same := false
		err := w.peek(ctx, c, max(b.base, c.next), len(b.bytes)+leastFetchBytes, func(set []byte) {
			again, rest, err := nextBatch(set)
			for err == nil && again.base < b.base {
				again, rest, err = nextBatch(rest)
			}
			if same = err == nil && again.base == b.base && len(again.bytes) == len(b.bytes); same {
				following, follows = baseOf(rest)
			}
		})
		if err != nil || !same {
			return false, err
		}
	}
	if !follows {
		return after == end, nil
	}
	if following < after || after > end {
		return false, nil
	}
	agreed := false
	err = w.peek(ctx, c, after, leastFetchBytes, func(set []byte) {
		first, ok := baseOf(set)
		agreed = ok && first == following
	})
	return agreed, err
}

// baseOf reads where the first batch in set begins, even when the batch is cut.
func baseOf(set []byte) (int64, bool) {
	if len(set) < 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(set)), true
}

// peek fetches from an offset, beside the fetcher, and shows what came: first the batch that holds the offset, or the
// next after it.
func (w *worker) peek(ctx context.Context, c *cursor, at int64, size int, show func(set []byte)) error {
	l, ok := w.s.cluster.leader(c.tp)
	if !ok {
		return errNoLeader
	}
	most := int32(min(size, math.MaxInt32))
	m, err := w.s.cluster.send(ctx, &fetchRequest{
		ReplicaID: -1, MaxWaitMillis: millis(fetchWait), MinBytes: 1, MaxBytes: most, IsolationLevel: readUncommitted, SessionEpoch: -1, broker: l.broker,
		Topics: []fetchTopic{{Topic: c.topic, ID: c.id, Partitions: []fetchPartition{{Partition: c.partition, LeaderEpoch: -1, Offset: at, FetchedEpoch: -1, LogStart: -1, MaxBytes: most}}}},
	})
	if err != nil {
		return err
	}
	got := fetched{response: m.(*fetchResponse)}
	defer got.release()
	for _, t := range got.response.Topics {
		for i := range t.Partitions {
			if err := refuse("fetch", c.topic, t.Partitions[i].ErrorCode); err != nil {
				return err
			}
			show(t.Partitions[i].records().bytes)
		}
	}
	return nil
}
