// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Service is the actor of entries that no operator caused.
const Service = "nymstream"

// Counts makes an entry of counts, for example forwarded, withheld.no-consent, quarantined.malformed, reveals.
func Counts(numbers map[string]uint64) Entry {
	return Entry{Actor: Service, Act: CountsAct, Numbers: maps.Clone(numbers)}
}

// Meter counts between entries. Its zero value is ready, and it is safe for concurrent use.
type Meter struct {
	mu     sync.Mutex
	counts map[string]uint64
}

// Add counts n more of a kind.
func (m *Meter) Add(kind string, n uint64) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]uint64{}
	}
	m.counts[kind] += n
}

// take gives what was counted since the last time.
func (m *Meter) take() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := m.counts
	m.counts = nil
	return counts
}

// Run writes an entry of counts each interval in which there were any, and a last one when ctx ends. Counts that could not be
// written in time are written again with the next entry, and may then be there twice; ErrRefused and event.ErrFatal end it.
func (m *Meter) Run(ctx context.Context, l *Log, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return m.write(l)
		case <-tick.C:
			if err := m.write(l); err != nil && !errors.Is(err, event.ErrTransient) {
				return err
			}
		}
	}
}

func (m *Meter) write(l *Log) error {
	counts := m.take()
	if len(counts) == 0 {
		return nil
	}
	_, err := l.Append(context.Background(), Counts(counts)) // it has its own time limit
	if err != nil {
		for kind, n := range counts {
			m.Add(kind, n)
		}
	}
	return err
}
