// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// mostRounds is how often one record may find that somebody is missing: once who they are, once their secret, once those who are
// found only while it is written.
const mostRounds = 6

// optimistic decides a batch where people are kept in a store. It takes for granted that everybody is at hand. The first record
// that misses somebody is given up, with all after it, for as long as it takes to see whom the rest of the batch misses too;
// then all of them are brought at hand at once, and the work goes on at that record.
func (w *Worker) optimistic(batch []event.Record, now int64, sink event.Sink) error {
	g := &w.registry
	g.missing.reset()
	for i, rounds := 0, 0; i < len(batch); {
		w.held.reset()
		w.rewrite.Mark()
		if err := w.locate(&batch[i], now, &w.held); err != nil {
			return err
		}
		if !g.missing.any() {
			if err := w.held.release(&batch[i], sink); err != nil {
				return err
			}
			i, rounds = i+1, 0
			continue
		}
		if rounds++; rounds > mostRounds {
			return fmt.Errorf("%w: people are not kept at hand for as long as one record takes: the cache of subjects is too small", event.ErrTransient)
		}
		for j := i + 1; j < len(batch); j++ {
			if err := w.locate(&batch[j], now, unheard{}); err != nil {
				return err
			}
		}
		w.rewrite.Undo()
		if err := g.fetch(); err != nil {
			return err
		}
	}
	w.touch(now)
	return nil
}

// touch tells of those who were seen again after a while.
func (w *Worker) touch(now int64) {
	if g := &w.registry; len(g.seen) > 0 {
		g.people.Touch(subject.Day(now), g.seen)
		clear(g.seen)
		g.seen = g.seen[:0]
	}
}

// unheard is for records that are only looked through.
type unheard struct{}

func (unheard) Forward(int, *event.Record, *event.Output) error { return nil }
func (unheard) Withhold(int, *event.Record, event.Reason) error { return nil }
func (unheard) Quarantine(*event.Quarantined) error             { return nil }
