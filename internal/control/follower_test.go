// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nymstream/nymstream/internal/event"
)

func TestFreshOnlyAfterAnOwnBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, newMemory(), "a", func(o *Options) { o.Listen = time.Millisecond })
		i.wire.set(func(w *faults) { w.down = true })
		synctest.Wait()
		for range 5 {
			i.wantFresh(time.Time{}, event.ErrTransient)
			time.Sleep(time.Second)
		}
		i.wire.set(func(w *faults) { w.down = false })
		time.Sleep(time.Second)
		i.wantFresh(time.Time{}, nil)
		if n := i.evictions.dropped(); n != 1 {
			t.Errorf("dropped %d times until joined, want once, when the place in the log was found", n)
		}
		i.leave()
		i.wantFresh(time.Time{}, event.ErrTransient)
	})
}

func TestAnnouncementsAreApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		var plans [][32]byte
		a, b := join(t, log, "a"), join(t, log, "b", func(o *Options) { o.OnPlan = func(hash [32]byte) { plans = append(plans, hash) } })
		many := make([]Key, mostKeys+1)
		for n := range many {
			many[n] = key(n)
		}
		offset, err := a.Announce(t.Context(), many, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.AnnouncePlan(t.Context(), [32]byte{7}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		for _, i := range []*instance{a, b} {
			if !i.evictions.has(key(0)) || !i.evictions.has(key(mostKeys)) || len(i.evictions.keys) != len(many) {
				t.Errorf("%s has evicted %d of %d", i.opts.Instance, len(i.evictions.keys), len(many))
			}
		}
		for _, other := range b.Instances() {
			if !other.Live || other.Applied < offset {
				t.Errorf("%s has not acknowledged: %+v", other.Name, other)
			}
		}
		if len(plans) != 1 || plans[0] != [32]byte{7} {
			t.Errorf("got plans %v", plans)
		}
		if offset, err := a.Announce(t.Context(), nil, true); offset != -1 || err != nil {
			t.Errorf("nothing announced: got %d, %v", offset, err)
		}
		a.leave()
		b.leave()
	})
}

// TestDecisionsOlderThanAChange: within Stale a decision may be committed beside a change that allows less; later not.
func TestDecisionsOlderThanAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := join(t, newMemory(), "a")
		time.Sleep(time.Second)
		since := time.Now()
		time.Sleep(time.Second)
		if _, err := a.Announce(t.Context(), []Key{key(1)}, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		a.wantFresh(since, nil) // nobody allows less
		since = time.Now()
		time.Sleep(500 * time.Millisecond)
		if _, err := a.Announce(t.Context(), []Key{key(1)}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		after := time.Now()
		a.wantFresh(since, nil)
		time.Sleep(1500 * time.Millisecond)
		a.wantFresh(since, event.ErrTransient)
		time.Sleep(3 * time.Second)
		a.wantFresh(after, nil)
		a.wantFresh(time.Time{}, nil)
		a.leave()
	})
}

func TestStaleDropsOnce(t *testing.T) {
	all := map[string]func(*faults){
		"nothing can be written":              func(w *faults) { w.down = true },
		"a deposed leader is read":            func(w *faults) { w.frozen = true },
		"beats come back later than they may": func(w *faults) { w.delay = 2100 * time.Millisecond },
	}
	for name, fault := range all {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := join(t, newMemory(), "a")
				before, since := a.evictions.dropped(), time.Now()
				a.wire.set(fault)
				time.Sleep(1400 * time.Millisecond)
				a.wantFresh(since, nil)
				time.Sleep(1200 * time.Millisecond)
				if got := a.evictions.dropped() - before; got != 1 {
					t.Errorf("dropped %d times without being asked, want once", got)
				}
				for range 10 {
					a.wantFresh(time.Time{}, event.ErrTransient)
					time.Sleep(time.Second)
				}
				if got := a.evictions.dropped() - before; got != 1 {
					t.Errorf("dropped %d times, want once", got)
				}
				during := time.Now()
				a.wire.set(func(w *faults) { *w = faults{} })
				time.Sleep(3 * time.Second)
				a.wantFresh(time.Time{}, nil)
				a.wantFresh(during, event.ErrTransient) // decided while out of date
				a.wantFresh(time.Now(), nil)
				a.leave()
			})
		})
	}
}

// TestSlowLogStaysFresh: beats that take long to come back prove less, but enough.
func TestSlowLogStaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := join(t, newMemory(), "a")
		a.wire.set(func(w *faults) { w.delay, w.twice = 400*time.Millisecond, true })
		time.Sleep(time.Second)
		for range 50 {
			a.wantFresh(time.Now(), nil)
			time.Sleep(100 * time.Millisecond)
		}
		a.leave()
	})
}

// TestPausedProcess: the clock has gone on and nothing ran. The decision that was made before the pause, and the one made
// before the backlog was read, must not be committed.
func TestPausedProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		var late atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
		a, b := join(t, log, "a"), join(t, log, "b", func(o *Options) { o.Now = now })
		before := time.Now()
		b.wire.set(func(w *faults) { w.down, w.frozen = true, true })
		if _, err := a.Announce(t.Context(), []Key{key(1)}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		late.Store(int64(10 * time.Second))
		resumed := now()
		b.wire.set(func(w *faults) { *w = faults{} })
		b.wantFresh(before, event.ErrTransient)
		b.wantFresh(resumed, event.ErrTransient)
		drops := b.evictions.dropped()
		if drops != 2 {
			t.Errorf("dropped %d times, want at the start and after the pause", drops)
		}
		time.Sleep(time.Second)
		if !b.evictions.has(key(1)) {
			t.Error("the announcement during the pause was not applied")
		}
		b.wantFresh(time.Time{}, nil)
		b.wantFresh(resumed, event.ErrTransient)
		b.wantFresh(now(), nil)
		a.leave()
		b.leave()
	})
}

// TestClockSetBack: the wall clock may be set back, and the monotonic one may stand still while a machine sleeps.
func TestClockSetBack(t *testing.T) {
	now := time.Now()
	if got := age(now, now.Round(0).Add(5*time.Second)); got < 5*time.Second {
		t.Errorf("by the wall clock 5 s have passed, got %v", got)
	}
	later := now.Add(3 * time.Second)
	if got := age(now, later); got != 3*time.Second {
		t.Errorf("by both clocks 3 s have passed, got %v", got)
	}
}

func TestLogIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		a, b := join(t, log, "a"), join(t, log, "b")
		before := time.Now()
		b.wire.set(func(w *faults) { w.breaking = errors.New("out of range") })
		drops := b.evictions.dropped()
		for n := range 30 {
			if _, err := a.Announce(t.Context(), []Key{key(n)}, true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		if got := b.evictions.dropped() - drops; got < 1 {
			t.Error("announcements may have been missed, and nothing was dropped")
		}
		b.wantFresh(time.Time{}, nil)
		b.wantFresh(before, event.ErrTransient)
		a.leave()
		b.leave()
	})
}

func TestWhoDiffersMayNotJoin(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Options)
		want string
	}{
		"tenant":   {func(o *Options) { o.Tenant = "other" }, "another tenant or keyring"},
		"keyring":  {func(o *Options) { o.Keyring = "other"; o.MAC = func() MAC { return hash("other") } }, "another tenant or keyring"},
		"store":    {func(o *Options) { o.Store = "other" }, "another store"},
		"no store": {func(o *Options) { o.Store = "" }, "another store"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newMemory()
				first := join(t, log, "first")
				time.Sleep(200 * time.Millisecond)
				second := start(t, log, "second", c.edit)
				if err := second.Await(t.Context()); !errors.Is(err, event.ErrFatal) {
					t.Errorf("it joined: %v", err)
				}
				if err := second.refusal(); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				time.Sleep(5 * time.Second)
				first.wantFresh(time.Time{}, nil) // those at work go on
				first.leave()
			})
		})
	}
}

func TestNewerFormatsEndOlderReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		a := join(t, log, "a")
		value, err := a.codec.sealAs(format+1, []byte("who knows"))
		if err != nil {
			t.Fatal(err)
		}
		log.append(event.Record{Value: value})
		if err := a.refusal(); err == nil || !strings.Contains(err.Error(), "newer release") {
			t.Errorf("a genuine message of the next format: got %v", err)
		}
	})
}

func TestForgedMessagesAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		registry := prometheus.NewRegistry()
		a := join(t, log, "a", func(o *Options) { o.Registerer = registry })
		drops := a.evictions.dropped()
		genuine, err := a.codec.seal(&message{kind: kindChanged, keys: []Key{key(1)}, tightened: true})
		if err != nil {
			t.Fatal(err)
		}
		other := newCodec("acme", "ring", func() MAC { return hash("guess") })
		forged, _ := other.sealAs(format+1, genuine)
		foreign := newCodec("evil", "ring", func() MAC { return hash("key") })
		strange, _ := foreign.seal(&message{kind: kindHello})
		values := [][]byte{nil, {}, []byte("nymc"), []byte("{}"), forged, strange}
		for n := range len(genuine) {
			changed := append([]byte(nil), genuine...)
			changed[n] ^= 1
			values = append(values, changed, genuine[:n])
		}
		for _, v := range values {
			log.append(event.Record{Value: v})
		}
		time.Sleep(3 * time.Second)
		a.wantFresh(time.Time{}, nil)
		if len(a.evictions.keys) > 0 || a.evictions.dropped() != drops {
			t.Error("a forged message had an effect")
		}
		refused := 0.0
		for _, reason := range reasons() {
			refused += testutil.ToFloat64(a.metrics.refused.WithLabelValues(reason))
		}
		if int(refused) != len(values) {
			t.Errorf("%v messages were refused, want %d", refused, len(values))
		}
		if n := testutil.ToFloat64(a.metrics.refused.WithLabelValues(refusedForged)); n < 2 {
			t.Errorf("%v count as forged", n)
		}
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
		if _, err := a.Announce(t.Context(), []Key{key(2)}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !a.evictions.has(key(2)) {
			t.Error("a genuine message after them was not applied")
		}
		a.leave()
	})
}

// TestOldBeatsProveNothing: whoever can write to the log can write old messages again.
func TestOldBeatsProveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		a := join(t, log, "a")
		a.wire.set(func(w *faults) { w.down = true })
		old, _ := log.from(0)
		for range 60 {
			for _, rec := range old {
				log.append(rec)
			}
			time.Sleep(100 * time.Millisecond)
		}
		a.wantFresh(time.Time{}, event.ErrTransient)
		a.wire.set(func(w *faults) { w.down = false })
		time.Sleep(2 * time.Second)
		a.leave()
	})
}

func TestWithoutAKeyNothingIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wiped atomic.Bool
		mac := func() MAC {
			if wiped.Load() {
				return nil
			}
			return hash("key")
		}
		a := join(t, newMemory(), "a", func(o *Options) { o.MAC = mac })
		wiped.Store(true)
		time.Sleep(3 * time.Second)
		a.wantFresh(time.Time{}, event.ErrTransient)
		if _, err := a.Announce(t.Context(), []Key{key(1)}, true); !errors.Is(err, errNoKey) {
			t.Errorf("Announce without a key: got %v", err)
		}
		wiped.Store(false)
		time.Sleep(3 * time.Second)
		a.wantFresh(time.Time{}, nil)
		a.leave()
	})
}

func TestFatalErrorsOfTheLogEndRun(t *testing.T) {
	denied := fmt.Errorf("denied: %w", event.ErrFatal)
	for name, fault := range map[string]func(*faults){
		"reading": func(w *faults) { w.breaking = denied },
		"writing": func(w *faults) { w.failing = denied },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := join(t, newMemory(), "a")
				a.wire.set(fault)
				if err := a.refusal(); !errors.Is(err, denied) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestNoDecisionOutlivesItsChange lets instances decide, pause and be cut off at random while people revoke: whatever is
// committed was decided with all that was announced five seconds before the commit.
func TestNoDecisionOutlivesItsChange(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) { outlive(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func outlive(t *testing.T, random *rand.Rand) {
	log := newMemory()
	sender := join(t, log, "sender")
	worker := join(t, log, "worker", func(o *Options) { o.Settle = time.Second })
	var announced []time.Time // of person n
	commits := 0
	for range 300 {
		if random.IntN(4) == 0 {
			if _, err := sender.Announce(t.Context(), []Key{key(len(announced))}, true); err != nil {
				t.Fatal(err)
			}
			announced = append(announced, time.Now())
		}
		switch random.IntN(12) {
		case 0:
			worker.wire.set(func(w *faults) { w.frozen = !w.frozen })
		case 1:
			worker.wire.set(func(w *faults) { w.down = !w.down })
		case 2:
			worker.wire.set(func(w *faults) { w.delay = time.Duration(random.IntN(1500)) * time.Millisecond })
		case 3:
			worker.wire.set(func(w *faults) { *w = faults{} })
		case 4:
			worker.wire.set(func(w *faults) { w.breaking = errors.New("cut off") })
		}
		since := time.Now()
		worker.evictions.mu.Lock()
		known, loaded := slices.Clone(worker.evictions.keys), worker.evictions.last
		worker.evictions.mu.Unlock()
		time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		if worker.Fresh(since) != nil {
			continue
		}
		commits++
		// Of a person, the worker may have remembered since it last dropped all what the store had then.
		for n, at := range announced {
			if !slices.Contains(known, key(n)) && at.After(loaded) && time.Since(at) > 5*time.Second {
				t.Fatalf("a decision is committed without person %d, announced %v ago", n, time.Since(at))
			}
		}
	}
	if commits < 20 {
		t.Errorf("only %d of 300 decisions were committed", commits)
	}
	worker.wire.set(func(w *faults) { *w = faults{} })
	sender.leave()
	worker.leave()
}

func TestOptions(t *testing.T) {
	good := Options{Log: &wire{}, MAC: func() MAC { return nil }, Evictions: &evictions{}, Tenant: "t", Keyring: "k", Instance: "i"}
	if _, err := New(good); err != nil {
		t.Errorf("the least: %v", err)
	}
	for want, edit := range map[string]func(*Options){
		"no log":            func(o *Options) { o.Log = nil },
		"no instance name":  func(o *Options) { o.Instance = "" },
		"negative duration": func(o *Options) { o.Live = -1 },
		"rows below 1":      func(o *Options) { o.Reads = -1 },
		"beats rarer":       func(o *Options) { o.Stale = 900 * time.Millisecond },
	} {
		bad := good
		edit(&bad)
		if _, err := New(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Await(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Await: got %v", err)
	}
}
