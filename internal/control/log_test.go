// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
)

// memory is a log in memory that several instances share, each through a wire of its own.
type memory struct {
	mu      sync.Mutex
	records []event.Record
	grown   chan struct{}
}

func newMemory() *memory { return &memory{grown: make(chan struct{})} }

func (m *memory) append(rec event.Record) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec.Offset = int64(len(m.records))
	rec.Value = slices.Clone(rec.Value)
	m.records = append(m.records, rec)
	close(m.grown)
	m.grown = make(chan struct{})
	return rec.Offset
}

// from gives the records from an offset on, and what tells of more.
func (m *memory) from(offset int64) ([]event.Record, chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records[min(offset, int64(len(m.records))):]), m.grown
}

func (m *memory) end() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.records))
}

// wire is one instance's way to the log, with faults.
type wire struct {
	log *memory
	mu  sync.Mutex
	now faults
}

type faults struct {
	delay    time.Duration // of each append, before the log has it, and of each batch read
	twice    bool          // each append is written twice
	down     bool          // nothing can be written
	frozen   bool          // reads end where they are: a leader that was deposed and does not know
	failing  error         // appends get it
	breaking error         // the next read gets it, once
}

func (w *wire) set(edit func(*faults)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	edit(&w.now)
}

func (w *wire) faults() faults {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *wire) Append(ctx context.Context, records []event.Record) error {
	for w.faults().down {
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	f := w.faults()
	if f.failing != nil {
		return f.failing
	}
	if err := wait(ctx, f.delay); err != nil {
		return err
	}
	for i := range records {
		records[i].Offset = w.log.append(records[i])
		if f.twice {
			records[i].Offset = w.log.append(records[i])
		}
	}
	return nil
}

func (w *wire) Follow(ctx context.Context, from int64, fn func([]event.Record, bool) error) error {
	next := from
	if from == fromEnd {
		next = w.log.end()
	}
	if err := fn(nil, true); err != nil {
		return err
	}
	for {
		f := w.faults()
		if f.breaking != nil {
			w.set(func(now *faults) { now.breaking = nil })
			return f.breaking
		}
		batch, grown := w.log.from(next)
		if f.frozen {
			batch = nil
		}
		if len(batch) > 0 {
			if err := wait(ctx, f.delay); err != nil {
				return err
			}
			if err := fn(batch, false); err != nil {
				return err
			}
			next = batch[len(batch)-1].Offset + 1
			continue
		}
		look := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		case <-look.C:
		}
		look.Stop()
	}
}

// evictions counts.
type evictions struct {
	mu    sync.Mutex
	keys  []Key
	drops int
	last  time.Time // of the drops
}

func (e *evictions) Evict(keys []Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = append(e.keys, keys...)
}

func (e *evictions) DropAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drops++
	e.last = time.Now()
}

func (e *evictions) dropped() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.drops
}

func (e *evictions) has(k Key) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.keys, k)
}

// hash is a MAC.
type hash []byte

func (h hash) Sum(dst, msg []byte) []byte {
	m := hmac.New(sha256.New, h)
	m.Write(msg)
	return m.Sum(dst)[:len(dst)+16]
}

func (h hash) Verify(tag, msg []byte) error {
	if !hmac.Equal(tag, h.Sum(nil, msg)) {
		return errors.New("wrong")
	}
	return nil
}

// instance is a follower at work.
type instance struct {
	*Follower
	t         *testing.T
	wire      *wire
	evictions *evictions
	stop      context.CancelFunc
	done      chan error
}

func start(t *testing.T, log *memory, name string, edit ...func(*Options)) *instance {
	t.Helper()
	i := &instance{t: t, wire: &wire{log: log}, evictions: &evictions{}, done: make(chan error, 1)}
	o := Options{
		Log: i.wire, MAC: func() MAC { return hash("key") }, Evictions: i.evictions, Tenant: "acme", Keyring: "ring", Store: "store", Instance: name,
		Logger: zerolog.New(zerolog.NewTestWriter(t)),
	}
	for _, e := range edit {
		e(&o)
	}
	var err error
	if i.Follower, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	i.stop = cancel
	go func() { i.done <- i.Run(ctx) }()
	return i
}

// join starts an instance and waits until it is fresh.
func join(t *testing.T, log *memory, name string, edit ...func(*Options)) *instance {
	t.Helper()
	i := start(t, log, name, edit...)
	if err := i.Await(t.Context()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return i
}

// leave ends an instance that may not have failed.
func (i *instance) leave() {
	i.t.Helper()
	i.stop()
	if err := <-i.done; err != nil {
		i.t.Errorf("%s: %v", i.opts.Instance, err)
	}
}

// refusal waits for the error that ends an instance.
func (i *instance) refusal() error {
	i.t.Helper()
	defer i.stop()
	select {
	case err := <-i.done:
		if !errors.Is(err, event.ErrFatal) {
			i.t.Errorf("%s ended with %v", i.opts.Instance, err)
		}
		if fresh := i.Fresh(time.Time{}); !errors.Is(fresh, event.ErrFatal) {
			i.t.Errorf("%s ended and Fresh gives %v", i.opts.Instance, fresh)
		}
		return err
	case <-time.After(time.Minute):
		i.t.Errorf("%s goes on", i.opts.Instance)
		return nil
	}
}

func (i *instance) wantFresh(since time.Time, want error) {
	i.t.Helper()
	if err := i.Fresh(since); !errors.Is(err, want) || want == nil && err != nil {
		i.t.Errorf("%s: Fresh gives %v, want %v", i.opts.Instance, err, want)
	}
}

func key(n int) (k Key) {
	copy(k[:], fmt.Sprint("person ", n))
	return k
}
