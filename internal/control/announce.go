// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// beats says hello and then beats, until ctx ends; then it says goodbye. An error is final.
func (f *Follower) beats(ctx context.Context) error {
	failed := 0
	say := func(m *message) (int64, error) {
		limited, cancel := context.WithTimeout(ctx, f.opts.Stale)
		defer cancel()
		offset, err := f.write(limited, m)
		switch {
		case err == nil:
			failed = 0
		case ctx.Err() == nil:
			if failed++; failed&(failed-1) == 0 {
				f.opts.Logger.Warn().Err(err).Msg("could not write to the control log")
			}
		}
		return offset, err
	}
	for ctx.Err() == nil {
		offset, err := say(&message{kind: kindHello, instance: f.opts.Instance})
		if errors.Is(err, event.ErrFatal) {
			return err
		}
		if err == nil {
			f.mu.Lock()
			f.born = offset
			f.mu.Unlock()
			break
		}
		_ = wait(ctx, f.opts.Beat)
	}
	for ctx.Err() == nil {
		if _, err := say(f.nextBeat()); errors.Is(err, event.ErrFatal) {
			return err
		}
		f.await(ctx)
	}
	if errors.Is(context.Cause(ctx), event.ErrFatal) {
		return nil // what is in hand may still be on its way
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.opts.Stale)
	defer cancel()
	if _, err := f.write(leaving, &message{kind: kindBye}); err != nil {
		f.opts.Logger.Warn().Err(err).Msg("could not say goodbye on the control log; the others wait for this instance")
	}
	return nil
}

// await waits for the next beat's time: soon after a change, so that others learn that it has arrived.
func (f *Follower) await(ctx context.Context) {
	if wait(ctx, f.opts.Beat/10) != nil {
		return
	}
	rest := time.NewTimer(f.opts.Beat - f.opts.Beat/10)
	defer rest.Stop()
	select {
	case <-ctx.Done():
	case <-f.wake:
	case <-rest.C:
	}
}

// hurry asks for a beat.
func (f *Follower) hurry() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Follower) nextBeat() *message {
	plan := f.opts.Plan()
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.opts.Now()
	f.number++
	for n, at := range f.sent {
		if now.Sub(at) > time.Minute {
			delete(f.sent, n)
		}
	}
	f.sent[f.number] = now
	return &message{
		kind: kindBeat, instance: f.opts.Instance, number: f.number, born: max(f.born, 0), applied: f.known(), reads: f.opts.Reads, store: f.store, plan: plan,
	}
}

// known is the offset up to which every decision in hand, and every later one, knows the changes. It needs the lock.
func (f *Follower) known() int64 {
	oldest := f.opts.Pending()
	if oldest.IsZero() {
		f.arrivals = nil
	}
	for len(f.arrivals) > 0 && f.arrivals[0].at.Before(oldest) {
		f.arrivals = f.arrivals[1:]
	}
	if len(f.arrivals) > 0 {
		return f.arrivals[0].offset - 1
	}
	return f.applied
}

// write appends a message of this session and gives its offset.
func (f *Follower) write(ctx context.Context, m *message) (int64, error) {
	m.session = f.session
	value, err := f.codec.seal(m)
	if err != nil {
		return 0, err
	}
	rec := []event.Record{{Value: value, Time: f.opts.Now().UnixMilli()}}
	if err := f.opts.Log.Append(ctx, rec); err != nil {
		return 0, err
	}
	return rec[0].Offset, nil
}

// Announce tells all instances, this one too, that the rows of these keys have changed, after the store has them.
// tightened: some of these people allow less than before. It returns, with the offset of the announcement, when the log has
// it; after an error it must be announced again. Without keys it does nothing and returns -1.
func (f *Follower) Announce(ctx context.Context, keys []Key, tightened bool) (offset int64, err error) {
	offset = -1
	for part := range slices.Chunk(keys, mostKeys) {
		if offset, err = f.write(ctx, &message{kind: kindChanged, keys: part, tightened: tightened}); err != nil {
			return -1, fmt.Errorf("announce changes: %w", err)
		}
	}
	return offset, nil
}

// AnnouncePlan tells all instances, this one too, which plan is to be at work.
func (f *Follower) AnnouncePlan(ctx context.Context, hash [32]byte) error {
	if _, err := f.write(ctx, &message{kind: kindPlan, plan: hash}); err != nil {
		return fmt.Errorf("announce a plan: %w", err)
	}
	return nil
}

// peer is a session that beats, this instance's own too.
type peer struct {
	instance string
	number   uint64
	seen     time.Time
	applied  int64
	reads    int
	plan     [32]byte
}

// Settled waits until nothing that was decided without the announcement at offset can be committed any more. It gives true
// when every instance that has beaten within Stale and Settle together, and not said goodbye, has acknowledged the
// announcement, and none can be unknown: this one has followed the log for so long. It gives false when as much has passed
// since the call, which settles it too. The error is ctx's.
func (f *Follower) Settled(ctx context.Context, offset int64) (acknowledged bool, err error) {
	passed := time.NewTimer(f.opts.settled())
	defer passed.Stop()
	for {
		f.mu.Lock()
		done, moved := f.acknowledged(offset, f.opts.Now()), f.moved
		f.mu.Unlock()
		if done {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-passed.C:
			return false, nil
		case <-moved:
		}
	}
}

// settled is how long after a change a transaction may still be committed that was decided without it: one can be begun until
// the change is Stale old.
func (o *Options) settled() time.Duration { return o.Stale + o.Settle }

// acknowledged needs the lock.
func (f *Follower) acknowledged(offset int64, now time.Time) bool {
	if !f.current(now) || now.Sub(f.placed) < f.opts.settled() || f.peers[f.session] == nil {
		return false
	}
	f.forgetPeers(now)
	for _, p := range f.peers {
		if p.applied < offset {
			return false
		}
	}
	return true
}

// forgetPeers forgets those of which no transaction can be open. It needs the lock.
func (f *Follower) forgetPeers(now time.Time) {
	for s, p := range f.peers {
		if age(p.seen, now) > max(f.opts.settled(), f.opts.Live) {
			delete(f.peers, s)
		}
	}
}

// Instance is one that was heard not long ago.
type Instance struct {
	Name    string        `json:"name"`
	Session string        `json:"session"` // another one after a restart
	Self    bool          `json:"self"`
	Live    bool          `json:"live"`
	Silent  time.Duration `json:"silent_ns"` // since its newest beat was read
	Applied int64         `json:"applied"`   // offset of the newest announcement it has acknowledged, or of a later message; -1: none
	Reads   int           `json:"reads"`     // newest format of the store's rows that its build reads
	Plan    string        `json:"plan"`      // hash of the plan at work, hexadecimal
}

// Instances tells of all that were heard, by name.
func (f *Follower) Instances() []Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.opts.Now()
	all := make([]Instance, 0, len(f.peers))
	for s, p := range f.peers {
		silent := age(p.seen, now)
		all = append(all, Instance{Name: p.instance, Session: hex.EncodeToString(s[:]), Self: s == f.session, Live: silent <= f.opts.Live,
			Silent: silent, Applied: p.applied, Reads: p.reads, Plan: hex.EncodeToString(p.plan[:])})
	}
	slices.SortFunc(all, func(a, b Instance) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Session, b.Session)) })
	return all
}

// Heard gives those that live, by name, once none can be unknown: this one has followed the log for Live. Run must be at work. The error
// is ctx's, or the one of class event.ErrFatal that ends Run.
func (f *Follower) Heard(ctx context.Context) ([]Instance, error) {
	for {
		f.mu.Lock()
		now := f.opts.Now()
		fatal, whole := f.fatal, f.current(now) && age(f.placed, now) > f.opts.Live
		f.mu.Unlock()
		switch {
		case fatal != nil:
			return nil, fatal
		case whole:
			return slices.DeleteFunc(f.Instances(), func(i Instance) bool { return !i.Live }), nil
		}
		if err := wait(ctx, f.opts.Beat/10); err != nil {
			return nil, err
		}
	}
}
