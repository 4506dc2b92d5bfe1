// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func (i *instance) announce(n int) int64 {
	i.t.Helper()
	offset, err := i.Announce(i.t.Context(), []Key{key(n)}, true)
	if err != nil {
		i.t.Fatal(err)
	}
	return offset
}

// settled gives what Settled says of an offset, and how long it took.
func (i *instance) settled(offset int64) (bool, time.Duration) {
	i.t.Helper()
	began := time.Now()
	ok, err := i.Settled(i.t.Context(), offset)
	if err != nil {
		i.t.Errorf("Settled: %v", err)
	}
	return ok, time.Since(began)
}

func TestSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		a := join(t, log, "a")
		began := time.Now()
		b, c := join(t, log, "b"), join(t, log, "c")
		if ok, took := a.settled(a.announce(0)); !ok || time.Since(began) < 25*time.Second {
			t.Errorf("soon after the start: got %v after %v, though an instance may be unknown that was paused before", ok, took)
		}
		if ok, took := a.settled(a.announce(1)); !ok || took > time.Second {
			t.Errorf("with all of them alive: got %v after %v", ok, took)
		}
		c.leave()
		if ok, took := a.settled(a.announce(2)); !ok || took > time.Second {
			t.Errorf("after a goodbye: got %v after %v", ok, took)
		}
		b.wire.set(func(w *faults) { w.down, w.frozen = true, true })
		time.Sleep(4 * time.Second)
		for _, other := range a.Instances() {
			if other.Live != other.Self {
				t.Errorf("%s: alive is %v after 4 s without a beat of b", other.Name, other.Live)
			}
		}
		if ok, took := a.settled(a.announce(3)); !ok || took < 22*time.Second || took > 24*time.Second {
			t.Errorf("beside a silent one: got %v after %v, want as long as its transactions may last", ok, took)
		}
		b.wire.set(func(w *faults) { *w = faults{} })
		time.Sleep(3 * time.Second)
		if n := len(a.Instances()); n != 2 {
			t.Errorf("%d instances after it came back, want 2", n)
		}
		b.leave()
		a.leave()
	})
}

// TestSettledWaitsForDecisionsInHand: an instance that beats, and has a transaction in hand that is older.
func TestSettledWaitsForDecisionsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		since := time.Now().Add(-time.Second)
		a := join(t, log, "a")
		b := join(t, log, "b", func(o *Options) { o.Pending = func() time.Time { return since } })
		time.Sleep(time.Minute)
		if ok, took := a.settled(a.announce(1)); ok || took != 27*time.Second {
			t.Errorf("got %v after %v, want false after 27 s", ok, took)
		}
		a.leave()
		b.leave()
	})
}

func TestSettledEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := join(t, newMemory(), "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if ok, err := a.Settled(ctx, 1000); ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", ok, err)
		}
		a.leave()
	})
}

func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		a := join(t, log, "a", func(o *Options) { o.Reads = 3 })
		b := join(t, log, "b", func(o *Options) { o.Plan = func() [32]byte { return [32]byte{0xab} } })
		time.Sleep(time.Second)
		got := a.Instances()
		if len(got) != 2 || got[0].Name != "a" || !got[0].Self || got[1].Self || got[0].Reads != 3 || got[1].Reads != 1 || got[1].Plan[:4] != "ab00" || got[0].Session == got[1].Session {
			t.Errorf("got %+v", got)
		}
		first := got[1].Session
		b.leave()
		b = join(t, log, "b")
		time.Sleep(time.Second)
		if got := a.Instances(); len(got) != 2 || got[1].Session == first {
			t.Errorf("after a restart of b: got %+v", got)
		}
		a.leave()
		b.leave()
	})
}

// Heard does not answer before whoever lives must have been heard, and leaves out who has gone or fallen silent.
func TestHeardKnowsAllThatLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		older := join(t, log, "older")
		gone := join(t, log, "gone")
		silent := join(t, log, "silent")
		time.Sleep(5 * time.Second)
		gone.leave()
		a := start(t, log, "a", func(o *Options) { o.Reads = 2 })
		began := time.Now()
		got, err := a.Heard(t.Context())
		if took := time.Since(began); err != nil || took < 3*time.Second || took > 4*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if len(got) != 3 || got[0].Name != "a" || got[0].Reads != 2 || got[1].Name != "older" || got[1].Reads != 1 || got[2].Name != "silent" {
			t.Errorf("got %+v", got)
		}
		silent.wire.set(func(w *faults) { w.down, w.frozen = true, true })
		time.Sleep(5 * time.Second)
		if got, err := a.Heard(t.Context()); err != nil || len(got) != 2 {
			t.Errorf("one is silent: got %+v, %v", got, err)
		}
		older.leave()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a.wire.set(func(w *faults) { w.down, w.frozen = true, true })
		time.Sleep(5 * time.Second)
		if _, err := a.Heard(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off from the log: got %v", err)
		}
		for _, i := range []*instance{a, silent} {
			i.wire.set(func(w *faults) { *w = faults{} })
			i.leave()
		}
	})
}
