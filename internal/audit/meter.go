// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Service is the actor of entries that no operator caused.
const Service = "nymstream"

// Counts makes an entry of how many of a recipient's records came to what: forwarded, withheld.no-consent, quarantined.malformed …
func Counts(recipient string, numbers map[string]uint64) Entry {
	return Entry{Actor: Service, Act: CountsAct, Recipient: recipient, Numbers: maps.Clone(numbers)}
}

// Meter counts between entries, for each recipient. Its zero value is ready, and it is safe for concurrent use.
type Meter struct {
	mu     sync.Mutex
	counts map[string]map[string]uint64
}

// Add counts n more of a kind.
func (m *Meter) Add(recipient, kind string, n uint64) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]map[string]uint64{}
	}
	if m.counts[recipient] == nil {
		m.counts[recipient] = map[string]uint64{}
	}
	m.counts[recipient][kind] += n
}

// take gives what was counted since the last time.
func (m *Meter) take() map[string]map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := m.counts
	m.counts = nil
	return counts
}

// Run writes an entry for each recipient with counts each interval, and a last one when ctx ends. collect is called before, to Add
// what was counted elsewhere. Counts that could not be written in time are written again with the next entry, and may then be there
// twice; ErrRefused and event.ErrFatal end it.
func (m *Meter) Run(ctx context.Context, l *Log, interval time.Duration, collect func()) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			collect()
			return m.write(l)
		case <-tick.C:
			collect()
			if err := m.write(l); err != nil && !errors.Is(err, event.ErrTransient) {
				return err
			}
		}
	}
}

func (m *Meter) write(l *Log) error {
	counts := m.take()
	var fault error
	for _, recipient := range slices.Sorted(maps.Keys(counts)) {
		if fault == nil {
			_, fault = l.Append(context.Background(), Counts(recipient, counts[recipient])) // it has its own time limit
		}
		if fault != nil {
			for kind, n := range counts[recipient] {
				m.Add(recipient, kind, n)
			}
		}
	}
	return fault
}
