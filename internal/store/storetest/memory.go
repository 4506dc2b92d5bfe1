// SPDX-License-Identifier: Apache-2.0

// Package storetest holds what every store must do, as tests, and a store in memory for tests of others.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// Method is one that InMemory can be made to fail in.
type Method string

const (
	Load   Method = "load"
	Swap   Method = "swap"
	Commit Method = "commit"
	Scan   Method = "scan"
	Stats  Method = "stats"
)

// Call is one under way, as a hook sees it: before the store does its work, and again after it (Done), while the caller still waits.
// What the hook does between the two, others see and the call does not. Space is 0 and Keys nil where there is not one.
type Call struct {
	Method Method
	Space  subject.Space
	Keys   []subject.Key
	Done   bool
}

type place struct {
	space subject.Space
	key   subject.Key
}

// InMemory is a subject.Store with faults to order. Its methods may be called at any time.
type InMemory struct {
	mu     sync.Mutex
	rows   map[place]subject.Row
	closed bool
	faults faults
	calls  map[Method]int
}

type faults struct {
	before, after       int // calls still to fail
	beforeErr, afterErr error
	delay               time.Duration
	hook                func(context.Context, Call) error
}

var _ subject.Store = (*InMemory)(nil)

// Memory gives an empty store.
func Memory() *InMemory {
	return &InMemory{rows: map[place]subject.Row{}, calls: map[Method]int{}}
}

// FailNext makes the next n calls give err and do nothing.
func (m *InMemory) FailNext(n int, err error) {
	m.set(func(f *faults) { f.before, f.beforeErr = n, err })
}

// LoseNext makes the next n calls do their work and give err nevertheless, as when an answer is lost.
func (m *InMemory) LoseNext(n int, err error) {
	m.set(func(f *faults) { f.after, f.afterErr = n, err })
}

// Delay makes every call wait before it works; a context that ends meanwhile ends the call.
func (m *InMemory) Delay(d time.Duration) { m.set(func(f *faults) { f.delay = d }) }

// Hook is called before and after the work of every call; its error becomes the call's. It may use the store. nil: none.
func (m *InMemory) Hook(fn func(context.Context, Call) error) { m.set(func(f *faults) { f.hook = fn }) }

// Calls tells how many calls of a method have come.
func (m *InMemory) Calls(method Method) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

// Reopen opens a closed store again, with its rows and without faults.
func (m *InMemory) Reopen() *InMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &InMemory{rows: m.rows, calls: map[Method]int{}}
}

func (m *InMemory) set(change func(*faults)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.faults)
}

// call runs work under the lock, between the faults that were ordered.
func (m *InMemory) call(ctx context.Context, c Call, work func()) error {
	m.mu.Lock()
	m.calls[c.Method]++
	f := m.faults
	m.faults.before, m.faults.after = max(0, f.before-1), max(0, f.after-min(1, f.after))
	m.mu.Unlock()
	if f.delay > 0 {
		wait := time.NewTimer(f.delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	if err := m.meet(ctx, f, c); err != nil {
		return err
	}
	m.mu.Lock()
	closed := m.closed
	if !closed {
		work()
	}
	m.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	if f.after > 0 {
		return f.afterErr
	}
	if c.Done = true; f.hook != nil {
		return f.hook(ctx, c)
	}
	return nil
}

// meet gives what stands in a call's way.
func (m *InMemory) meet(ctx context.Context, f faults, c Call) error {
	if f.before > 0 {
		return f.beforeErr
	}
	if f.hook != nil {
		if err := f.hook(ctx, c); err != nil {
			return err
		}
	}
	return store.CheckContext(ctx)
}

func (m *InMemory) load(space subject.Space, key subject.Key) subject.Row {
	row := m.rows[place{space, key}]
	row.Key, row.Body = key, bytes.Clone(row.Body)
	return row
}

func (m *InMemory) put(space subject.Space, row subject.Row) {
	row.Version++
	row.Body = append([]byte{}, row.Body...)
	m.rows[place{space, row.Key}] = row
}

// Load sets version and body of rows by key.
func (m *InMemory) Load(ctx context.Context, space subject.Space, rows []subject.Row) error {
	if err := store.CheckSpace(space); err != nil {
		return err
	}
	return m.call(ctx, Call{Method: Load, Space: space, Keys: keys(rows)}, func() {
		for i := range rows {
			rows[i] = m.load(space, rows[i].Key)
		}
	})
}

// Swap writes the rows whose versions still hold.
func (m *InMemory) Swap(ctx context.Context, space subject.Space, rows []subject.Row) (lost []int, err error) {
	if _, err := store.SwapOrder(space, rows); err != nil {
		return nil, err
	}
	var after []subject.Row
	err = m.call(ctx, Call{Method: Swap, Space: space, Keys: keys(rows)}, func() {
		for i, row := range rows {
			now := m.load(space, row.Key)
			if now.Version == row.Version {
				m.put(space, row)
				now = subject.Row{Key: row.Key, Version: row.Version + 1, Body: row.Body}
			} else {
				lost = append(lost, i)
			}
			after = append(after, now)
		}
	})
	if err != nil {
		return nil, err
	}
	copy(rows, after)
	return lost, nil
}

// Commit writes all changes or none.
func (m *InMemory) Commit(ctx context.Context, changes []subject.Change) (ok bool, err error) {
	if changes, err = store.CommitOrder(changes); err != nil {
		return false, err
	}
	err = m.call(ctx, Call{Method: Commit}, func() {
		for _, c := range changes {
			if m.rows[place{c.Space, c.Row.Key}].Version != c.Row.Version {
				return
			}
		}
		for _, c := range changes {
			if c.Row.Body == nil {
				delete(m.rows, place{c.Space, c.Row.Key})
			} else {
				m.put(c.Space, c.Row)
			}
		}
		ok = true
	})
	return ok && err == nil, err
}

// blockRows is small so that tests meet more than one block.
const blockRows = 64

// Scan hands out the rows of a space from a key on.
func (m *InMemory) Scan(ctx context.Context, space subject.Space, from subject.Key, fn func([]subject.Row) error) error {
	if err := store.CheckSpace(space); err != nil {
		return err
	}
	for more := true; more; {
		var block []subject.Row
		err := m.call(ctx, Call{Method: Scan, Space: space}, func() { block, from, more = m.block(space, from) })
		if err == nil && len(block) > 0 {
			err = fn(block)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *InMemory) block(space subject.Space, from subject.Key) (rows []subject.Row, next subject.Key, more bool) {
	var there []subject.Key
	for p := range maps.Keys(m.rows) {
		if p.space == space && bytes.Compare(p.key[:], from[:]) >= 0 {
			there = append(there, p.key)
		}
	}
	slices.SortFunc(there, func(a, b subject.Key) int { return bytes.Compare(a[:], b[:]) })
	if more = len(there) > blockRows; more {
		next, there = there[blockRows], there[:blockRows]
	}
	for _, key := range there {
		rows = append(rows, m.load(space, key))
	}
	return rows, next, more
}

// Stats counts the rows and the bytes of their bodies.
func (m *InMemory) Stats(ctx context.Context) (subject.Stats, error) {
	s := subject.Stats{Rows: map[subject.Space]int64{}}
	err := m.call(ctx, Call{Method: Stats}, func() {
		for p, row := range m.rows {
			s.Rows[p.space]++
			s.Bytes += int64(len(row.Body))
		}
	})
	return s, err
}

// Close ends the store; Reopen begins again.
func (m *InMemory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return nil
}

func keys(rows []subject.Row) []subject.Key {
	all := make([]subject.Key, len(rows))
	for i := range rows {
		all[i] = rows[i].Key
	}
	return all
}

// errStopped ends a scan from within.
var errStopped = errors.New("seen enough")
