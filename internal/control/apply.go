// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Why a message was refused, as a metric's label.
const (
	refusedFrame  = "malformed" // no message at all
	refusedOrigin = "foreign"   // of another tenant or keyring
	refusedForged = "forged"    // the tag is wrong
	refusedDiffer = "differs"   // of an instance that will find out that it may not join
)

func reasons() []string { return []string{refusedFrame, refusedOrigin, refusedForged, refusedDiffer} }

// place notes that the log is followed now. What lies before is unknown, so all that is remembered is dropped: what is
// loaded from now on is newer than that.
func (f *Follower) place() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = true
	f.opts.Evictions.DropAll()
	now := f.opts.Now()
	f.beat, f.placed, f.tightened = time.Time{}, now, now
	if f.applied >= 0 {
		f.arrivals = append(f.arrivals, arrival{f.applied + 1, now})
	}
	if f.listening.IsZero() {
		f.listening = now
	}
}

// take applies a batch in order.
func (f *Follower) take(batch []event.Record) error {
	for i := range batch {
		rec := &batch[i]
		m, err := f.codec.open(rec.Value)
		if err == nil {
			err = f.apply(m, rec.Offset)
		} else {
			err = f.refuse(err, rec.Offset)
		}
		if err != nil {
			return err
		}
		if m != nil && m.kind == kindPlan {
			f.opts.OnPlan(m.plan)
		}
	}
	return nil
}

// refuse deals with a value that is no message for this release: a forged one changes nothing, a genuine one that cannot be
// read ends this instance, for it may say that somebody allows less.
func (f *Follower) refuse(err error, offset int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case errors.Is(err, errNoKey):
		return fmt.Errorf("%w: %w", err, event.ErrTransient)
	case errors.Is(err, errUnknown), errors.Is(err, errBody):
		return fmt.Errorf("an instance of a newer release writes to the control log what this one cannot read; run the newer release: %w", event.ErrFatal)
	case errors.Is(err, errOrigin):
		if !f.joined(f.opts.Now()) {
			return fmt.Errorf("an instance with another tenant or keyring writes to the same control log; give it the same `tenant` and keyring, or a control topic of its own: %w", event.ErrFatal)
		}
		f.count(refusedOrigin, offset)
	case errors.Is(err, errForged):
		f.count(refusedForged, offset)
	default:
		f.count(refusedFrame, offset)
	}
	f.applied = max(f.applied, offset)
	return nil
}

// count counts a refused message, and logs the first of a reason and then ever fewer.
func (f *Follower) count(reason string, offset int64) {
	f.metrics.refused.WithLabelValues(reason).Inc()
	if f.refused[reason]++; f.refused[reason]&(f.refused[reason]-1) == 0 {
		f.opts.Logger.Warn().Str("reason", reason).Int64("offset", offset).Int("records", f.refused[reason]).Msg("refused a message on the control log")
	}
}

func (f *Follower) apply(m *message, offset int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remember(offset, f.opts.Now())
	var err error
	switch m.kind {
	case kindBeat:
		err = f.heard(m, offset)
	case kindChanged:
		f.changed(m, offset)
	case kindMerged:
		f.claimed(m.asOf)
	case kindBye:
		delete(f.peers, m.session)
		f.move()
	}
	f.applied = max(f.applied, offset)
	return err
}

// changed drops what is remembered of the people. Only then is the change said to have arrived: what was decided without it
// is older.
func (f *Follower) changed(m *message, offset int64) {
	f.opts.Evictions.Evict(m.keys)
	f.metrics.changes.Inc()
	now := f.opts.Now()
	if m.tightened {
		f.tightened = now
	}
	f.arrivals = append(f.arrivals, arrival{offset, now})
	f.hurry()
}

// heard takes note of a beat, of this session too.
func (f *Follower) heard(m *message, offset int64) error {
	now := f.opts.Now()
	if m.session == f.session {
		f.returned(m.number, now)
	} else if ok, err := f.agrees(m, offset); !ok {
		return err
	}
	p := f.peers[m.session]
	if p == nil {
		p = &peer{}
		f.peers[m.session] = p
	} else if m.number <= p.number {
		return nil // written twice
	}
	*p = peer{instance: m.instance, number: m.number, seen: now, applied: m.applied, reads: max(m.reads, 1), plan: m.plan}
	f.move()
	return nil
}

// agrees refuses to work beside an instance that differs. Of two the one that came later ends, so that a wrong setting
// does not stop those at work. Releases may differ: what is stored is written in a format that all of them read.
func (f *Follower) agrees(m *message, offset int64) (bool, error) {
	if m.store == f.store {
		return true, nil
	}
	if f.born < 0 || m.born < f.born {
		return false, fmt.Errorf("instance %q works with another store; give both the same `store`: %w", m.instance, event.ErrFatal)
	}
	f.count(refusedDiffer, offset)
	return false, nil
}

// move wakes those who wait for beats.
func (f *Follower) move() {
	close(f.moved)
	f.moved = make(chan struct{})
}
