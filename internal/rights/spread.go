// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/subject"
)

// due gives the moment at which one row's deletion events are published: uniform within Spread, so that nothing ties it to those of the
// person's other rows. 0: at once. Times are milliseconds since the Unix epoch.
func (s *Service) due(made int64) int64 {
	if s.Spread < time.Millisecond {
		return 0
	}
	after, _ := crand.Int(crand.Reader, big.NewInt(s.Spread.Milliseconds())) // it never fails
	return made + after.Int64()
}

// rowDeletions is how many deletion events are in one row of the outbox, and so are published together.
func (s *Service) rowDeletions() int {
	if s.Spread < time.Millisecond {
		return mostDeletions
	}
	return 1
}

// wait counts a row that is not due.
func (p *outboxPass) wait(due int64) {
	p.waiting++
	if p.next == 0 || due < p.next {
		p.next = due
	}
}

// settle announces whose rows this process has not met before, and waits until no instance can commit a record of them any more. It
// does so when a row is met, not when it is due: whoever reads announcements sees nothing of when deletion events come.
func (s *Service) settle(ctx context.Context, p *outboxPass) error {
	fresh := map[subject.Key]seenRow{}
	var keys []subject.Key
	for i, r := range p.rows {
		if _, is := s.seen.find(r.Key); is {
			continue
		}
		d := &p.deletions[i]
		fresh[r.Key] = seenRow{due: d.Due}
		if !slices.Contains(keys, d.Key) {
			keys = append(keys, d.Key)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	offset, err := s.announce(ctx, keys, true, "erase")
	if err != nil {
		return err
	}
	acknowledged, err := s.Control.Settled(ctx, offset)
	if err != nil {
		return fmt.Errorf("wait until every instance knows: %w", err)
	}
	s.seen.add(fresh, acknowledged, p.now)
	return nil
}

// keepDue leaves the rows of a pass that are due, and gives when the oldest of them was made; 0: none is due.
func (s *Service) keepDue(p *outboxPass) (oldest int64) {
	n := 0
	p.acknowledged = true
	for i, r := range p.rows {
		d := p.deletions[i]
		if d.Due > p.now {
			p.wait(d.Due)
			continue
		}
		if oldest == 0 || d.Made < oldest {
			oldest = d.Made
		}
		one, _ := s.seen.find(r.Key)
		p.acknowledged = p.acknowledged && one.acknowledged
		p.rows[n], p.deletions[n] = r, d
		n++
	}
	p.rows, p.deletions = p.rows[:n], p.deletions[:n]
	return oldest
}

// seen remembers rows of deletion events that were settled: they are announced once, and opened again only when they are due.
type seen struct {
	mu   sync.Mutex
	rows map[subject.Key]seenRow
}

type seenRow struct {
	due          int64
	acknowledged bool // by every instance; false: the longest transaction has run out instead
}

// seenLife is after which time a row is forgotten that somebody else has published, in milliseconds after it was due.
const seenLife = int64(time.Hour / time.Millisecond)

func (m *seen) find(key subject.Key) (seenRow, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, is := m.rows[key]
	return r, is
}

func (m *seen) add(rows map[subject.Key]seenRow, acknowledged bool, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[subject.Key]seenRow{}
	}
	maps.DeleteFunc(m.rows, func(_ subject.Key, r seenRow) bool { return r.due < now-seenLife })
	for key, r := range rows {
		r.due, r.acknowledged = max(r.due, now), acknowledged
		m.rows[key] = r
	}
}

// drop forgets rows that were published.
func (m *seen) drop(rows []subject.Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		delete(m.rows, r.Key)
	}
}
