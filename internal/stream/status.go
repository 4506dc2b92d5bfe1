// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

// notReadyAfter is how long an instance without a living membership still counts as ready: a rebalance is no outage.
const notReadyAfter = time.Minute

// Status is what an instance does at a moment.
type Status struct {
	Group           string            `json:"group"`
	Instance        string            `json:"instance"`
	Generation      int32             `json:"generation"` // 0: none yet
	Rebalancing     bool              `json:"rebalancing"`
	OpenTransaction float64           `json:"open_transaction_seconds"`
	Partitions      []PartitionStatus `json:"partitions"`
}

// PartitionStatus is one source partition of this instance.
type PartitionStatus struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	Committed     int64  `json:"committed"` // -1: nothing yet
	LastStable    int64  `json:"last_stable"`
	HighWatermark int64  `json:"high_watermark"`    // -1: not told yet
	Stopped       string `json:"stopped,omitempty"` // why it waits for an operator
}

// board keeps what Status and Ready tell.
type board struct {
	mu         sync.Mutex
	status     Status
	partitions map[tp]*PartitionStatus
	beat       time.Time // last sign of a living membership
	ended      bool
	now        func() time.Time
	changed    func(stopped int)
}

func newBoard(o *Options) *board {
	return &board{
		status: Status{Group: o.Group, Instance: o.Instance}, partitions: make(map[tp]*PartitionStatus),
		now: o.Now, changed: func(int) {},
	}
}

func (b *board) begin(g *generation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Generation, b.status.Rebalancing, b.beat = g.id, false, b.now()
	clear(b.partitions)
	for _, p := range g.assigned {
		b.partitions[p] = &PartitionStatus{Topic: p.topic, Partition: p.partition, Committed: -1, HighWatermark: -1}
	}
	b.count()
}

func (b *board) alive() {
	b.mu.Lock()
	b.beat = b.now()
	b.mu.Unlock()
}

func (b *board) pause() {
	b.mu.Lock()
	b.status.Rebalancing = true
	b.mu.Unlock()
}

func (b *board) end() {
	b.mu.Lock()
	b.ended = true
	clear(b.partitions)
	b.count()
	b.mu.Unlock()
}

func (b *board) moved(c *cursor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.partitions[c.tp]; p != nil {
		p.Committed, p.LastStable, p.HighWatermark = c.committed, c.stable, c.high
	}
}

func (b *board) stop(at tp, reason string) { b.set(at, reason) }
func (b *board) resume(at tp)              { b.set(at, "") }

func (b *board) set(at tp, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.partitions[at]; p != nil {
		p.Stopped = reason
	}
	b.count()
}

func (b *board) count() {
	n := 0
	for _, p := range b.partitions {
		if p.Stopped != "" {
			n++
		}
	}
	b.changed(n)
}

// Status tells what the instance does now. It is safe to call at any time.
func (s *Stream) Status() Status {
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	now := s.status.status
	now.OpenTransaction = s.openAge()
	now.Partitions = make([]PartitionStatus, 0, len(s.status.partitions))
	for _, p := range s.status.partitions {
		now.Partitions = append(now.Partitions, *p)
	}
	slices.SortFunc(now.Partitions, func(a, b PartitionStatus) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return now
}

// Ready is nil once the instance has joined its group, also through rebalances; not before, nor when the group has
// not been reached for a minute, nor after Run.
func (s *Stream) Ready() error {
	b := s.status
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
		return errors.New("stopped")
	case b.beat.IsZero():
		return errors.New("has not joined its group yet")
	case b.now().Sub(b.beat) > notReadyAfter:
		return errors.New("has not reached its group for a minute")
	}
	return nil
}
