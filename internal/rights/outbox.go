// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

const (
	passRows   = 512 // of the outbox, in one pass
	appendRows = 500 // messages in one call of Append
)

// OutboxRun tells what one run of the outbox did.
type OutboxRun struct {
	Entered     int   // erasures that the ledger had not got
	Published   int   // deletion events
	Unreachable int   // deletion events for recipients that the policy has no more
	Waiting     int   // rows that are not due, or wait for others to be mixed with
	Lost        int   // rows whose store epoch was destroyed before they were published
	Settled     bool  // every instance had acknowledged; false also where nothing was published
	Next        int64 // when the first of the rows that are not due is, milliseconds since the Unix epoch; 0: all are due
}

// outboxPass is what one look at the outbox found.
type outboxPass struct {
	pending   []*receipt
	rows      []subject.Row // of deletions
	deletions []deletions   // of each
	lost      []subject.Row
	now       int64 // milliseconds since the Unix epoch, as all times here
	waiting   int   // rows known to be not due
	next      int64 // when the first of them is due; 0: there are none
	rest      int   // rows for another pass

	acknowledged bool // every instance knows of these rows' people
}

// RunOutbox finishes erasures: what the ledger has not got is appended; deletion events are published once no instance can commit a
// record of these people any more. They are mixed over people and recipients, each a record of its own. What was published leaves the
// outbox after the broker has it; after an error it is published again by the next run. What is not
// due waits: call it again and again.
func (s *Service) RunOutbox(ctx context.Context) (OutboxRun, error) {
	var run OutboxRun
	for {
		more, err := s.runPass(ctx, &run)
		if err != nil {
			return run, fmt.Errorf("run the outbox: %w", err)
		}
		if !more {
			return run, nil
		}
	}
}

// runPass does a part; more tells whether there may be another.
func (s *Service) runPass(ctx context.Context, run *OutboxRun) (more bool, err error) {
	p, err := s.readOutbox(ctx)
	if err != nil {
		return false, err
	}
	if err := s.enter(ctx, p.pending); err != nil {
		return false, err
	}
	run.Entered += len(p.pending)
	run.Lost += len(p.lost)
	if err := s.remove(ctx, p.lost); err != nil {
		return false, err
	}
	if s.Control == nil {
		return false, nil
	}
	if err := s.settle(ctx, p); err != nil {
		return false, err
	}
	oldest := s.keepDue(p)
	run.Waiting, run.Next = p.waiting, p.next
	if p.now-oldest < s.Gather.Milliseconds() {
		run.Waiting += len(p.rows) + p.rest
		return false, nil
	}
	if err := s.publish(ctx, p, run); err != nil {
		return false, err
	}
	if len(p.rows) > 0 {
		run.Settled = p.acknowledged
	}
	if err := s.remove(ctx, p.rows); err != nil {
		return false, err
	}
	s.seen.drop(p.rows)
	return p.rest > 0, nil
}

// Waiting gives the times, in milliseconds since the Unix epoch, since which what is in the outbox could have left it: erasures that the
// ledger has not got, and deletion events from their moment on, which may lie ahead.
func (s *Service) Waiting(ctx context.Context, each func(since int64)) error {
	err := s.Store.Scan(ctx, subject.Outbox, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			if rows[i].Key[0] == receiptRow {
				return errDone
			}
			p := outboxPass{now: math.MaxInt64} // all are due
			err := s.readRow(&p, rows[i])
			if errors.Is(err, keyring.ErrDestroyed) {
				continue
			}
			if err != nil {
				return err
			}
			for _, rec := range p.pending {
				each(rec.Made)
			}
			for i := range p.deletions {
				each(max(p.deletions[i].Made, p.deletions[i].Due))
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDone) {
		return fmt.Errorf("look what waits in the outbox: %w", err)
	}
	return nil
}

// errDone ends a scan before the receipts that are done with.
var errDone = errors.New("the rest is done")

// readOutbox reads all pending receipts, and as many deletions as fit into one pass.
func (s *Service) readOutbox(ctx context.Context) (*outboxPass, error) {
	p := &outboxPass{now: s.nowMs()}
	err := s.Store.Scan(ctx, subject.Outbox, subject.Key{}, func(rows []subject.Row) error {
		for _, r := range rows {
			if r.Key[0] == receiptRow {
				return errDone
			}
			r.Body = slices.Clone(r.Body)
			err := s.readRow(p, r)
			if errors.Is(err, keyring.ErrDestroyed) {
				p.lost, err = append(p.lost, r), nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return p, err
}

func (s *Service) readRow(p *outboxPass, r subject.Row) error {
	switch r.Key[0] {
	case deletionRow:
		return s.readDeletions(p, r)
	case pendingRow:
		rec := new(receipt)
		if err := s.open(useReceipt, r.Key, r.Body, rec); err != nil {
			return err
		}
		p.pending = append(p.pending, rec)
		return nil
	}
	return ErrFormat
}

func (s *Service) readDeletions(p *outboxPass, r subject.Row) error {
	if one, is := s.seen.find(r.Key); is && one.due > p.now {
		p.wait(one.due)
		return nil
	}
	if len(p.rows) == passRows {
		p.rest++
		return nil
	}
	var d deletions
	if err := s.open(useDeletions, r.Key, r.Body, &d); err != nil {
		return err
	}
	p.rows, p.deletions = append(p.rows, r), append(p.deletions, d)
	return nil
}

// publish appends the deletion events of a pass; what was decided before the erasures is settled.
func (s *Service) publish(ctx context.Context, p *outboxPass, run *OutboxRun) error {
	byTopic, order, err := s.mix(p, run)
	if err != nil {
		return err
	}
	for _, topic := range order {
		for part := range slices.Chunk(byTopic[topic], appendRows) {
			if err := s.Topics.Append(ctx, topic, part); err != nil {
				return fmt.Errorf("publish deletion events: %w", err)
			}
		}
	}
	return nil
}

// mix gives the messages of a pass by topic, in no order that tells whose they are.
func (s *Service) mix(p *outboxPass, run *OutboxRun) (byTopic map[string][]Message, order []string, err error) {
	var all []deletion
	for i := range p.deletions {
		all = append(all, p.deletions[i].Events...)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	plan, now := s.Plan(), s.nowMs()
	byTopic = map[string][]Message{}
	for _, d := range all {
		r := recipient(plan, d.Recipient)
		if r == nil {
			run.Unreachable++
			continue
		}
		messages, err := s.deletionMessages(r, d.Pseudonym, now)
		if err != nil {
			return nil, nil, err
		}
		if byTopic[r.Topic] == nil {
			order = append(order, r.Topic)
		}
		byTopic[r.Topic] = append(byTopic[r.Topic], messages...)
		run.Published++
	}
	return byTopic, order, nil
}

// remove deletes rows of the outbox, each for itself: one that somebody else has deleted meanwhile is gone as well.
func (s *Service) remove(ctx context.Context, rows []subject.Row) error {
	for part := range slices.Chunk(rows, passRows) {
		changes := make([]subject.Change, len(part))
		for i, r := range part {
			changes[i] = subject.Change{Space: subject.Outbox, Row: subject.Row{Key: r.Key, Version: r.Version}}
		}
		ok, err := s.Store.Commit(ctx, changes)
		for i := 0; !ok && err == nil && i < len(changes); i++ {
			_, err = s.Store.Commit(ctx, changes[i:i+1])
		}
		if err != nil {
			return fmt.Errorf("remove what is done from the outbox: %w", err)
		}
	}
	return nil
}

// randomKey makes a key of a kind of row that is in nobody's order.
func randomKey(k *subject.Key, kind byte) {
	_, _ = crand.Read(k[:]) // it never fails
	k[0] = kind
}

func parseKey(text string) (k subject.Key, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(k) {
		return k, errors.New("no lookup key")
	}
	return subject.Key(b), nil
}
