// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"sync"
	"sync/atomic"
)

// horizon knows up to which write the store is durable. Writes are numbered in the order of the log, so one that has reached the disk
// says so of all before it. After a failure nothing is durable any more.
type horizon struct {
	applied atomic.Uint64 // the last write that readers may have seen
	durable atomic.Uint64
	broken  atomic.Pointer[error]
	mu      sync.Mutex
	moved   *sync.Cond
}

func (h *horizon) init() { h.moved = sync.NewCond(&h.mu) }

func (h *horizon) next() uint64 { return h.applied.Add(1) }

func (h *horizon) seen() uint64 { return h.applied.Load() }

func (h *horizon) failed() error {
	if err := h.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// fail keeps the first error for all who wait and come.
func (h *horizon) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken.CompareAndSwap(nil, &err)
	h.moved.Broadcast()
}

// arrive says that a write and all before it are on disk.
func (h *horizon) arrive(write uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.failed(); err != nil {
		return err
	}
	if write > h.durable.Load() {
		h.durable.Store(write)
		h.moved.Broadcast()
	}
	return nil
}

// reach waits until a write and all before it are on disk.
func (h *horizon) reach(write uint64) error {
	if h.durable.Load() >= write {
		return h.failed()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.durable.Load() < write && h.failed() == nil {
		h.moved.Wait()
	}
	return h.failed()
}

// gate counts who is inside, so that closing can wait for them.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.closed {
		close(g.empty)
	}
}

// close lets nobody in any more and waits until the last has left; false if it was closed before.
func (g *gate) close() bool {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return false
	}
	g.closed, g.empty = true, make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	<-g.empty
	return true
}
