// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// still is a follower that joined long ago, of which nothing runs, at a time that stands still.
func still(t *testing.T) (f *Follower, e *evictions, now *time.Time) {
	t.Helper()
	e = &evictions{}
	at := time.Now()
	now = &at
	f, err := New(Options{Log: &wire{}, MAC: func() MAC { return hash("key") }, Evictions: e, Tenant: "t", Keyring: "k", Instance: "i", Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	f.place()
	f.listening = at.Add(-time.Hour)
	return f, e, now
}

// beatBack has a beat that was sent some time ago read back now.
func beatBack(f *Follower, now time.Time, ago time.Duration) {
	m := f.nextBeat()
	f.sent[m.number] = now.Add(-ago)
	m.session = f.session
	_ = f.apply(m, 1)
}

// TestFreshnessCountsFromTheSending of a beat, not from its return.
func TestFreshnessCountsFromTheSending(t *testing.T) {
	f, _, now := still(t)
	beatBack(f, *now, 1500*time.Millisecond)
	if err := f.Fresh(time.Time{}); err != nil {
		t.Errorf("1.5 s after the sending: %v", err)
	}
	*now = now.Add(600 * time.Millisecond)
	if err := f.Fresh(time.Time{}); !errors.Is(err, event.ErrTransient) {
		t.Errorf("2.1 s after the sending: got %v", err)
	}
	beatBack(f, *now, 2100*time.Millisecond)
	if err := f.Fresh(time.Time{}); !errors.Is(err, event.ErrTransient) {
		t.Errorf("a beat that comes back 2.1 s after its sending: got %v", err)
	}
}

// TestUnnoticedStaleness: the process stood still, and a beat sent since is back before anybody asked.
func TestUnnoticedStaleness(t *testing.T) {
	f, e, now := still(t)
	beatBack(f, *now, 0)
	*now = now.Add(time.Second)
	before, drops := *now, e.drops
	*now = now.Add(1500 * time.Millisecond)
	beatBack(f, *now, 100*time.Millisecond)
	if e.drops != drops+1 {
		t.Errorf("dropped %d times after 2.5 s without a beat, want once", e.drops-drops)
	}
	if err := f.Fresh(before); !errors.Is(err, event.ErrTransient) {
		t.Errorf("what was decided meanwhile: got %v", err)
	}
	*now = now.Add(time.Millisecond)
	if err := f.Fresh(*now); err != nil {
		t.Errorf("what is decided now: %v", err)
	}
}

// TestAcknowledgesWhatDecisionsKnow: while a decision waits that was made before a change, the change is not acknowledged.
func TestAcknowledgesWhatDecisionsKnow(t *testing.T) {
	f, _, now := still(t)
	var pending time.Time
	f.opts.Pending = func() time.Time { return pending }
	changed := func(offset int64) {
		_ = f.apply(&message{kind: kindChanged, tightened: true, keys: []Key{key(1)}}, offset)
	}
	want := func(offset int64, when string) {
		t.Helper()
		if got := f.nextBeat().applied; got != offset {
			t.Errorf("%s: acknowledges up to %d, want %d", when, got, offset)
		}
	}
	changed(10)
	want(10, "nothing waits")
	pending = now.Add(time.Second)
	*now = now.Add(2 * time.Second)
	changed(20)
	*now = now.Add(time.Second)
	changed(30)
	_ = f.apply(&message{kind: kindBye}, 35)
	want(19, "a decision before both changes waits")
	pending = now.Add(-time.Millisecond)
	want(29, "a decision between the changes waits")
	pending = now.Add(time.Millisecond)
	want(35, "a decision after both changes waits")
	f.place()
	want(35, "the log was lost and found")
	pending = now.Add(-time.Second)
	f.place()
	*now = now.Add(time.Second)
	changed(50)
	want(35, "a decision from before the log was lost waits")
	pending = time.Time{}
	want(50, "nothing waits any more")
}
