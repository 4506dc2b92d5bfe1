// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// memoryLog is a control log that instances share.
type memoryLog struct {
	mu      sync.Mutex
	records []event.Record
}

// wire is one instance's way to it. While it is cut nothing goes through, as for a process that stands still.
type wire struct {
	log *memoryLog
	cut func() bool
}

const look = 5 * time.Millisecond

func (w *wire) Append(ctx context.Context, records []event.Record) error {
	for w.cut() {
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	for i := range records {
		records[i].Offset = int64(len(w.log.records))
		kept := records[i]
		kept.Value = slices.Clone(kept.Value)
		w.log.records = append(w.log.records, kept)
	}
	return nil
}

func (w *wire) Follow(ctx context.Context, from int64, fn func([]event.Record, bool) error) error {
	w.log.mu.Lock()
	if from < 0 {
		from = int64(len(w.log.records))
	}
	w.log.mu.Unlock()
	if err := fn(nil, true); err != nil {
		return err
	}
	for {
		if err := pause(ctx, look); err != nil {
			return err
		}
		if w.cut() {
			continue
		}
		w.log.mu.Lock()
		batch := slices.Clone(w.log.records[from:])
		w.log.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		from += int64(len(batch))
		if err := fn(batch, false); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// follow joins an instance to the log, whose memory of people is a directory.
func follow(t *testing.T, h *house, d *subject.Directory, name string, log *memoryLog, cut func() bool) *control.Follower {
	t.Helper()
	f, err := control.New(control.Options{
		Log: &wire{log, cut}, MAC: func() control.MAC { return h.keys.ControlMAC() }, Evictions: d,
		Tenant: h.keys.Tenant(), Keyring: h.keys.ID(), Instance: name, Logger: zerolog.Nop(),
	})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	must(t, f.Await(t.Context()))
	return f
}

// A worker that knows somebody sleeps over their erasure, for however long. Later than 2 s after the erasure it commits nothing that it
// decided before, nor anything that it decides from what it remembers; and then it decides that they are erased.
func TestZombies(t *testing.T) {
	longest := 12 * time.Second
	for asleep := 100 * time.Millisecond; asleep <= longest; asleep += 300 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) { zombie(t, asleep) })
		if t.Failed() {
			t.Fatalf("asleep for %v", asleep)
		}
	}
}

func zombie(t *testing.T, asleep time.Duration) {
	h := newHouse(t, keysInMemory(t, "left", "right"), sealing)
	h.say(policy.Account, "1001", oldGrant("insight"))
	log, cut := new(memoryLog), false
	var mu sync.Mutex
	sleep := func(now bool) {
		mu.Lock()
		defer mu.Unlock()
		cut = now
	}
	worker := follow(t, h, h.directory, "zombie", log, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return cut
	})
	other := h.another()
	alive := follow(t, h, other, "alive", log, func() bool { return false })

	decided := time.Now()
	forwards := func() bool { return len(h.decide(h.pipeline, payload(`{"by":1001}`)).sent) > 0 }
	if !forwards() || worker.Fresh(decided) != nil {
		t.Fatal("the worker does not work to begin with")
	}
	time.Sleep(50 * time.Millisecond)
	sleep(true)
	key := h.key(policy.Account, "1001")
	_, err := other.Erase(t.Context(), key, h.now.UnixMilli())
	must(t, err)
	_, err = alive.Announce(t.Context(), []control.Key{key}, true)
	must(t, err)
	erased := time.Now()
	time.Sleep(asleep)

	late := func() bool { return time.Since(erased) > 2*time.Second }
	refuses := func(what string, since time.Time) {
		t.Helper()
		if err := worker.Fresh(since); late() && !errors.Is(err, event.ErrTransient) {
			t.Errorf("%v after the erasure %s may be committed: %v", time.Since(erased), what, err)
		}
	}
	refuses("what was decided before", decided)
	remembered := time.Now().Add(time.Nanosecond)
	time.Sleep(2 * time.Nanosecond)
	if forwards() {
		refuses("what was decided from memory", remembered)
	}
	sleep(false)
	for range 300 { // as it finds out, step by step
		time.Sleep(10 * time.Millisecond)
		refuses("what was decided before", decided)
		again := time.Now()
		time.Sleep(time.Nanosecond)
		if forwards() {
			refuses("what was decided from memory", remembered)
			refuses("what is decided now", again)
		}
	}
	must(t, worker.Await(t.Context()))
	again := time.Now()
	time.Sleep(time.Millisecond)
	o := h.decide(h.pipeline, payload(`{"by":1001}`))
	if len(o.sent) > 0 || o.withheld[place("left", 0)] != event.Erased {
		t.Error("awake again it does not know that they are erased")
	}
	if err := worker.Fresh(again); err != nil {
		t.Errorf("what is decided then cannot be committed: %v", err)
	}
	refuses("what was decided before", decided)
}
