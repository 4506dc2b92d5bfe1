// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// noting gives people over a store in memory, whom nobody runs.
func noting(t *testing.T) (*people, *storetest.InMemory) {
	t.Helper()
	keys, err := keyring.Ephemeral("example", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	store := storetest.Memory()
	return &people{store: store, directory: subject.NewDirectory(subject.Options{Store: store, Keys: keys}),
		wake: make(chan struct{}, 1), touched: map[subject.Key]int32{}, linked: map[link]int64{}}, store
}

// keyOf gives a key that is spread as a PRF's output is.
func keyOf(n int) (k subject.Key) {
	for i := range k {
		n = n*1664525 + 1013904223
		k[i] = byte(n >> 16)
	}
	return k
}

func (p *people) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.linked)
}

func TestLinksAreNotedOnceAPeriod(t *testing.T) {
	p, store := noting(t)
	for range 3 {
		for at := range int64(10) {
			p.Link(keyOf(1), keyOf(2), at)
		}
	}
	if n := p.waiting(); n != 1 {
		t.Fatalf("%d links wait", n)
	}
	if err := p.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Link(keyOf(1), keyOf(2), 11)
	if n := p.waiting(); n != 0 {
		t.Errorf("%d links wait that were written", n)
	}
	p.Link(keyOf(1), keyOf(2), linkPeriod+1)
	p.Link(keyOf(1), keyOf(3), 11)
	if n := p.waiting(); n != 2 {
		t.Errorf("%d links wait, want a later one and another account's", n)
	}
	if n := store.Calls(storetest.Commit); n != 1 {
		t.Errorf("%d commits", n)
	}
}

// Links that a failing store does not take wait again, and many failures make one error.
func TestLinksWaitForTheStore(t *testing.T) {
	p, store := noting(t)
	const all = 5*linkBatch + 1
	for i := range all {
		p.Link(keyOf(2*i), keyOf(2*i+1), 5)
	}
	store.FailNext(6, fmt.Errorf("down: %w", event.ErrTransient))
	err := p.write(t.Context())
	if !errors.Is(err, event.ErrTransient) || len(err.Error()) > 200 {
		t.Errorf("%v", err)
	}
	if n := p.waiting(); n != all {
		t.Fatalf("%d links wait, want %d", n, all)
	}
	if err := p.write(t.Context()); err != nil || p.waiting() != 0 {
		t.Errorf("%v; %d links wait", err, p.waiting())
	}
	if links, err := p.directory.Links(t.Context(), keyOf(0)); err != nil || len(links) != 1 {
		t.Errorf("%v, %+v", err, links)
	}
}

// What waits when the service ends is written.
func TestLinksAreWrittenAtTheEnd(t *testing.T) {
	p, _ := noting(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	p.Link(keyOf(1), keyOf(2), 5)
	if err := p.notes(ctx); err != nil {
		t.Fatal(err)
	}
	if links, err := p.directory.Links(t.Context(), keyOf(1)); err != nil || len(links) != 1 {
		t.Errorf("%v, %+v", err, links)
	}
}

func TestRecentLinks(t *testing.T) {
	r := new(recentLinks)
	const all = recentBuckets // a quarter of what it holds
	at := func(i int, period int64) link { return link{keyOf(2 * i), keyOf(2*i + 1), period} }
	for i := range all {
		if r.has(at(i, 1)) {
			t.Fatal("it has what was not added")
		}
		r.add(at(i, 1))
	}
	kept := 0
	for i := range all {
		if r.has(at(i, 1)) {
			kept++
		}
		if r.has(at(i, 2)) {
			t.Fatal("it has another period")
		}
	}
	if kept < all*98/100 {
		t.Errorf("it kept %d of %d", kept, all)
	}
	r.add(at(all-1, 2))
	if r.has(at(all-1, 1)) || !r.has(at(all-1, 2)) {
		t.Error("a pair has two periods")
	}
	if r.forget(at(all-1, 2)); r.has(at(all-1, 2)) {
		t.Error("it has what it was to forget")
	}
}

func BenchmarkLinkAgain(b *testing.B) {
	p := &people{wake: make(chan struct{}, 1), linked: map[link]int64{}}
	p.Link(keyOf(1), keyOf(2), 5)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Link(keyOf(1), keyOf(2), 5)
		}
	})
}

// A link that comes after its account was erased, as after a crash, has the handle erased, but for one that is held.
func TestLateLinksEraseTheHandle(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	p, now := r.service.people, time.Now().UnixMilli()
	var keys []subject.Key
	for _, name := range []string{"late", "held", "account"} {
		if err := p.directory.Create(t.Context(), []subject.Newcomer{{Name: []byte(name)}}); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, p.directory.KeyOf([]byte(name)))
	}
	hold := consent.Signal{Kind: consent.Hold, Verdict: consent.Deny, At: now - 1000, Source: "test"}
	if _, err := p.directory.Apply(t.Context(), keys[1], hold); err != nil {
		t.Fatal(err)
	}
	r.until("the account is erased", func() bool {
		_, err := p.rights.Erase(t.Context(), rights.Erasure{Keys: keys[2:], Reason: rights.OnTest, By: rights.Actor{Name: "tester"}})
		return err == nil
	})
	p.Link(keys[0], keys[2], now)
	p.Link(keys[1], keys[2], now)
	state := map[subject.Key]subject.State{}
	r.until("the handle is erased", func() bool {
		if err := p.directory.Scan(t.Context(), func(v *subject.View) error { state[v.Key] = v.State; return nil }); err != nil {
			t.Fatal(err)
		}
		return state[keys[0]] == subject.StateErased
	})
	if state[keys[1]] != subject.StateLive {
		t.Error("a handle was erased that is held")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
