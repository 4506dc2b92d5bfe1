// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"time"
)

// Whoever merges the signals about people claims, again and again: when I had read the control log up to this offset, every
// signal that had arrived was merged and announced. Each instance knows by its own clock when it read that offset itself, so
// the age of the claim needs no clock of anybody else.

// reading is when an offset of the log was read.
type reading struct {
	offset int64
	at     time.Time
}

// readingStep is how far apart the remembered readings are.
const readingStep = 20 * time.Millisecond

// Applied gives the offset up to which the log has been applied; below 0: nothing has.
func (f *Follower) Applied() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

// ClaimMerged tells all instances, this one too, that every signal about people was merged and announced which had arrived when
// Applied gave asOf.
func (f *Follower) ClaimMerged(ctx context.Context, asOf int64) error {
	if _, err := f.write(ctx, &message{kind: kindMerged, asOf: asOf}); err != nil {
		return fmt.Errorf("claim that signals are merged: %w", err)
	}
	return nil
}

// The methods below need the lock.

// remember notes when an offset was read.
func (f *Follower) remember(offset int64, now time.Time) {
	if n := len(f.readings); n > 0 && now.Sub(f.readings[n-1].at) < readingStep {
		return
	}
	f.readings = append(f.readings, reading{offset, now})
	forget := 0
	for forget < len(f.readings)-1 && now.Sub(f.readings[forget+1].at) > 2*(f.opts.Merged+f.opts.Stale) {
		forget++
	}
	f.readings = f.readings[forget:]
}

// claimed takes note of a claim. One of before this instance began to read is too old to count.
func (f *Follower) claimed(asOf int64) {
	for i := len(f.readings) - 1; i >= 0; i-- {
		if r := f.readings[i]; r.offset <= asOf {
			if r.at.After(f.merged) {
				f.merged = r.at
			}
			return
		}
	}
}

// heeded tells whether the signals that arrived are merged, up to a short while ago.
func (f *Follower) heeded(now time.Time) bool {
	return f.opts.Merged == 0 || !f.merged.IsZero() && age(f.merged, now) <= f.opts.Merged
}
