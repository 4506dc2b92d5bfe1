// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
)

// firstWatch is soon after a session begins: by then all members of a new group have committed.
const firstWatch = time.Second

// worker reads its share of the partitions and writes what the processor decides, transaction after transaction.
// Reading and deciding happen before a transaction is opened, so that none ever waits for keys or a store.
type worker struct {
	s    *Stream
	n    int
	log  zerolog.Logger
	proc Processor
	txn  *producer
	out  *outbox
	dec  decoder
	mail chan resumption

	// Of one session, from the stable offsets to the next error or the end of the generation.
	gen     *generation
	cursors map[tp]*cursor
	fetch   *fetcher
	known   map[string]int // what notes say; see note
	dirty   map[*cursor]struct{}
	since   time.Time // when the oldest uncommitted work was done
	decided time.Time // before the oldest uncommitted decision; zero: there is none

	doubt *doubt
}

// doubt is a transaction of which it is not known whether it was committed; the offsets will tell.
type doubt struct {
	offsets map[tp]int64
	counts  counts
}

// resumption asks a stopped partition to go on at an offset.
type resumption struct {
	tp
	at   int64
	done chan error
}

// run works until the generation is over, which ctx tells; what must still be finished then has hard's time.
func (w *worker) run(ctx, hard context.Context, g *generation, parts []tp) error {
	w.gen = g
	pause := backoff{next: 100 * time.Millisecond, longest: 5 * time.Second}
	for {
		before := w.s.opts.Now()
		err := w.session(ctx, hard, parts)
		if err == nil || hopeless(err) {
			return err
		}
		if hard.Err() != nil {
			return fmt.Errorf("gave up after the drain timeout: %w", err)
		}
		if lostGeneration(err) || ctx.Err() != nil {
			w.log.Info().Err(err).Msg("gave up uncommitted work at the end of a generation")
			// Nobody else can use these partitions' offsets before the open transaction is ended.
			if err := w.recover(hard); hopeless(err) {
				return err
			}
			return errGeneration
		}
		w.log.Warn().Err(err).Msg("gave up uncommitted work; it is done again")
		if w.s.opts.Now().Sub(before) > time.Minute {
			pause.next = 100 * time.Millisecond
		}
		if pause.wait(ctx) != nil {
			return w.recover(hard)
		}
	}
}

// recover makes the producer ready within the transaction timeout: after that the coordinator has ended it anyway. What was
// decided and not committed is then given up: the caller forgets it before it decides again.
func (w *worker) recover(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, w.s.opts.TransactionTimeout)
	defer cancel()
	if err := w.txn.recover(limited); err != nil {
		return err
	}
	w.undecided()
	return nil
}

func (w *worker) session(ctx, hard context.Context, parts []tp) error {
	w.out.empty(false)
	w.dirty = make(map[*cursor]struct{})
	if err := w.recover(hard); err != nil {
		return err
	}
	if err := w.locate(ctx, parts); err != nil {
		if ctx.Err() != nil && !hopeless(err) {
			return nil
		}
		return err
	}
	fetching, stop := context.WithCancel(ctx)
	w.fetch.follow(fetching)
	defer func() {
		stop()
		w.fetch.done.Wait()
	}()
	return w.loop(ctx, fetching, hard)
}

func (w *worker) loop(ctx, fetching, hard context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	watch := time.NewTimer(firstWatch)
	defer watch.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return w.flush(hard)
		case got := <-w.fetch.out:
			err = w.take(fetching, hard, &got)
			got.release()
		case <-due.C:
			err = w.flush(hard)
		case <-watch.C:
			err = w.watch(fetching)
			watch.Reset(w.s.opts.WatchInterval)
		case r := <-w.mail:
			r.done <- w.resume(r)
		}
		if err != nil {
			return err
		}
		switch {
		case len(w.dirty) == 0:
		case w.s.opts.Now().Sub(w.since) >= w.s.opts.CommitInterval:
			if err := w.flush(hard); err != nil {
				return err
			}
		default:
			due.Reset(w.s.opts.CommitInterval - w.s.opts.Now().Sub(w.since))
		}
	}
}

// locate finds where every partition goes on.
func (w *worker) locate(ctx context.Context, parts []tp) error {
	o := &w.s.opts
	topics := o.topics()
	states, err := w.s.cluster.refresh(ctx, topics...)
	if err != nil {
		return err
	}
	all, err := w.s.cluster.stableOffsets(ctx, o.Group, topics, parts, !o.UnstableOffsets)
	if err != nil {
		return err
	}
	w.resolve(all)
	past := w.learn(all, parts)
	w.cursors = make(map[tp]*cursor, len(parts))
	list := make([]*cursor, 0, len(parts))
	for _, p := range parts {
		state, at := states[p.topic], all[p]
		l, _ := w.s.cluster.leader(p)
		c := &cursor{tp: p, id: state.id, leader: l, next: at.offset, committed: at.offset, epoch: at.epoch, high: -1}
		w.cursors[p] = c
		list = append(list, c)
		switch {
		case at.offset < 0:
			if err := w.begin(ctx, c, past); err != nil {
				return err
			}
		case at.note.topicID != "" && state.id.String() != "" && at.note.topicID != state.id.String():
			w.stop(c, "the topic was deleted and made again: its offsets mean other records now")
		case at.epoch > l.epoch && l.epoch >= 0:
			w.stop(c, "the partition has an earlier leader epoch than the committed offset: it was made again or lost records")
		}
		c.fetch = c.next
	}
	w.fetch = newFetcher(w.s.cluster, list, o.FetchBytes/(2*o.Workers))
	w.out.outputs, w.out.quarantine = w.s.targets()
	w.s.own(w, list)
	return nil
}

// learn reads the group's past, and keeps what is written into notes from now on.
func (w *worker) learn(all map[tp]committed, parts []tp) *history {
	count := func(topic string) int { return len(w.s.cluster.topic(topic).partitions) }
	past := readHistory(all, count)
	mine := make(map[tp]committed, len(all))
	for p, c := range all {
		mine[p] = c
	}
	for _, p := range parts {
		if mine[p].offset < 0 && int(p.partition) >= past.known[p.topic] {
			mine[p] = committed{} // it will have one with the next transaction
		}
	}
	w.known = maps.Clone(past.known)
	for topic, full := range readHistory(mine, count).full {
		if full {
			w.known[topic] = max(w.known[topic], count(topic))
		}
	}
	return &past
}

func (w *worker) begin(ctx context.Context, c *cursor, past *history) error {
	when, err := past.begin(c.tp, &w.s.opts)
	if err != nil {
		w.stop(c, err.Error())
		return nil
	}
	if c.next, err = w.s.cluster.listOffset(ctx, c.tp, when); err != nil {
		return err
	}
	w.touch(c)
	return nil
}

// touch notes that c is to be committed.
func (w *worker) touch(c *cursor) {
	if len(w.dirty) == 0 {
		w.since = w.s.opts.Now()
	}
	w.dirty[c] = struct{}{}
}

// stop halts one partition until an operator resumes it; the others go on.
func (w *worker) stop(c *cursor, reason string) {
	c.reason = reason
	if w.fetch == nil {
		c.halted = true
	} else {
		w.fetch.change(func() { c.halted = true })
	}
	w.s.status.stop(c.tp, reason)
	w.log.Error().Str(logTopic, c.topic).Int32(logPartition, c.partition).Int64(logOffset, c.next).Str(logReason, reason).
		Msg("stopped a partition; it waits for `resume --at`")
}

func (w *worker) resume(r resumption) error {
	c := w.cursors[r.tp]
	if c == nil {
		return errNotAssigned
	}
	if c.reason == "" {
		return fmt.Errorf("%s is not stopped", r.tp)
	}
	state := w.s.cluster.topic(c.topic)
	c.id, c.reason, c.tries, c.epoch = state.id, "", 0, -1
	c.next = r.at
	w.touch(c)
	w.fetch.change(func() { c.halted = false })
	w.fetch.rewind(c, 0)
	w.s.status.resume(r.tp)
	w.log.Info().Str(logTopic, c.topic).Int32(logPartition, c.partition).Int64(logOffset, r.at).Msg("resumed a partition")
	return nil
}

// watch looks for topics that were made again, new leaders and a start that all members have finished.
func (w *worker) watch(fetching context.Context) error {
	states, err := w.s.cluster.refresh(fetching, w.s.opts.topics()...)
	if err != nil {
		return nil // the next look is soon
	}
	for _, c := range w.cursors {
		w.compare(c, states[c.topic])
	}
	w.fetch.follow(fetching)
	for _, topic := range w.s.opts.topics() {
		if w.known[topic] >= len(states[topic].partitions) {
			continue
		}
		all, err := w.s.cluster.groupOffsets(fetching, w.s.opts.Group, w.s.opts.topics(), false)
		if err != nil {
			return nil
		}
		before := w.known[topic]
		if w.learn(all, nil); w.known[topic] > before {
			for _, c := range w.cursors {
				if c.reason == "" {
					w.touch(c)
				}
			}
		}
	}
	return nil
}

func (w *worker) compare(c *cursor, now topicState) {
	if c.reason == "" && now.err == nil && now.id != (topicID{}) && c.id != (topicID{}) && now.id != c.id {
		w.stop(c, "the topic was deleted and made again: its offsets mean other records now")
		w.touch(c) // the broker forgot the offset with the topic; the note with the old id must outlive this process
	}
}

// flush commits what is done.
func (w *worker) flush(ctx context.Context) error {
	if len(w.dirty) == 0 {
		return nil
	}
	consumed := &offsets{group: w.s.opts.Group, generation: w.gen}
	moved := make([]*cursor, 0, len(w.dirty))
	for c := range w.dirty {
		moved = append(moved, c)
	}
	slices.SortFunc(moved, func(a, b *cursor) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	for _, c := range moved {
		if n := len(consumed.topics); n == 0 || consumed.topics[n-1].Name != c.topic {
			consumed.topics = append(consumed.topics, txnOffsetTopic{Name: c.topic})
		}
		t := &consumed.topics[len(consumed.topics)-1]
		t.Partitions = append(t.Partitions, txnOffset{Partition: c.partition, Offset: c.next, LeaderEpoch: c.epoch,
			Metadata: note{topicID: c.id.String(), known: w.known[c.topic]}.String()})
	}
	began := w.s.opts.Now()
	if err := w.txn.commit(ctx, w.out.list(), consumed, w.decided); err != nil {
		w.s.metrics.aborts.Inc()
		w.suspect(moved)
		var big *oversized
		if errors.As(err, &big) {
			w.s.shrink(ctx, big)
		}
		return err
	}
	w.s.metrics.seconds.Observe(w.s.opts.Now().Sub(began).Seconds())
	w.s.metrics.add(&w.out.counts, w.s.opts.Recipients)
	for _, c := range moved {
		c.committed = c.next
		w.s.metrics.lag(c)
		w.s.status.moved(c)
	}
	clear(w.dirty)
	w.undecided()
	w.out.empty(true)
	w.out.outputs, w.out.quarantine = w.s.targets()
	return nil
}

// suspect remembers what a failed transaction would have counted.
func (w *worker) suspect(moved []*cursor) {
	w.doubt = &doubt{offsets: make(map[tp]int64, len(moved)), counts: w.out.counts}
	for _, c := range moved {
		w.doubt.offsets[c.tp] = c.next
	}
	w.out.counts = newCounts(len(w.s.opts.Recipients))
}

// resolve counts a transaction that was committed after all.
func (w *worker) resolve(all map[tp]committed) {
	if w.doubt == nil {
		return
	}
	happened := true
	for p, offset := range w.doubt.offsets {
		happened = happened && all[p].offset == offset
	}
	if happened {
		w.s.metrics.add(&w.doubt.counts, w.s.opts.Recipients)
	}
	w.doubt = nil
}

// decides notes, before a decision is made, that from now on one waits for its transaction.
func (w *worker) decides() {
	if w.decided.IsZero() {
		now := w.s.opts.Now()
		w.decided = now
		w.s.decided[w.n].Store(&now)
	}
}

// undecided notes that no decision waits: all are committed, or given up with their transaction ended.
func (w *worker) undecided() {
	w.decided = time.Time{}
	w.s.decided[w.n].Store(nil)
}

// decide hands the decoded records to the processor. next is the offset after them.
func (w *worker) decide(hard context.Context, c *cursor, next int64) error {
	if next == c.next {
		return nil
	}
	if t, ok := w.proc.(Turner); ok && len(w.dirty) == 0 {
		t.Turn()
	}
	if n := len(w.dec.records); n > 0 {
		w.out.batch()
		w.decides()
		if err := w.proc.Process(w.dec.records, w.out); err != nil {
			if !errors.Is(err, event.ErrTransient) && !hopeless(err) {
				err = fmt.Errorf("%w: %w", err, event.ErrFatal)
			}
			return fmt.Errorf("process %s: %w", c.tp, err)
		}
		w.out.counts.read[c.topic] += n
	}
	w.dec.forget()
	c.next, c.tries = next, 0
	w.touch(c)
	if w.out.bytes >= w.s.opts.outboxShare() {
		return w.flush(hard)
	}
	return nil
}
