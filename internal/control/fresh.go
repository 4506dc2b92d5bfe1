// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Fresh proves that decisions, of which the oldest was made at since (zero: there are none), may be committed now: what
// this instance knows is at most Stale old, was not out of date when they were made, and no change that allows less has come
// after a decision that is more than Stale old. Else it gives an error of class event.ErrTransient: decide again. It gives
// one of event.ErrFatal when this instance may not go on.
func (f *Follower) Fresh(since time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.opts.Now()
	if f.fatal != nil {
		return f.fatal
	}
	if !f.current(now) {
		return fmt.Errorf("what is known of people may be out of date: no own beat has come back on the control log for %v: %w", f.opts.Stale, event.ErrTransient)
	}
	if !f.heeded(now) {
		return fmt.Errorf("nobody has merged the signals about people for %v: %w", f.opts.Merged, event.ErrTransient)
	}
	if !f.joined(now) {
		return fmt.Errorf("this instance still listens for others that differ: %w", event.ErrTransient)
	}
	if since.IsZero() {
		return nil
	}
	if !since.After(f.regained) {
		return fmt.Errorf("it was decided while what is known of people was out of date: %w", event.ErrTransient)
	}
	if !f.tightened.Before(since) && age(since, now) > f.opts.Stale {
		return fmt.Errorf("somebody allows less since it was decided: %w", event.ErrTransient)
	}
	return nil
}

// Await waits until this instance has joined the others and is fresh. Run must be at work. The error is ctx's, or the one
// of class event.ErrFatal that ends Run.
func (f *Follower) Await(ctx context.Context) error {
	for {
		f.mu.Lock()
		now := f.opts.Now()
		fatal, ready := f.fatal, f.current(now) && f.heeded(now) && f.joined(now)
		f.mu.Unlock()
		if fatal != nil || ready {
			return fatal
		}
		if err := wait(ctx, f.opts.Beat/10); err != nil {
			return err
		}
	}
}

// age is how long ago t was, by the clock that was not set back: one of them may stand still while a machine sleeps.
func age(t, now time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// The methods below need the lock.

// current tells whether what is known is recent enough. When it finds that this has ended, everything is dropped, once.
func (f *Follower) current(now time.Time) bool {
	if !f.beat.IsZero() && age(f.beat, now) <= f.opts.Stale {
		return !f.lost
	}
	f.lose()
	return false
}

func (f *Follower) lose() {
	if f.lost {
		return
	}
	f.lost = true
	f.opts.Evictions.DropAll()
	f.opts.Logger.Warn().Msg("what is known of people may be out of date; dropped all of it")
}

// gap notes that the log is not followed any more.
func (f *Follower) gap() {
	f.lose()
	f.beat, f.placed = time.Time{}, time.Time{}
}

// returned takes note of an own beat that was read back: everything that was written before it was sent has been applied.
func (f *Follower) returned(number uint64, now time.Time) {
	sent, known := f.sent[number]
	for n := range f.sent {
		if n <= number {
			delete(f.sent, n)
		}
	}
	if !known {
		return
	}
	f.current(now) // it may have been out of date without anybody looking
	f.beat = sent
	if f.lost && age(sent, now) <= f.opts.Stale {
		f.lost, f.regained = false, now
	}
}

// joined tells whether instances that differ would have been heard.
func (f *Follower) joined(now time.Time) bool {
	return !f.listening.IsZero() && now.Sub(f.listening) >= f.opts.Listen
}
