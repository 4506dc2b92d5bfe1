// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func (h *house) pair(s seen) subject.Pair {
	return subject.Pair{Handle: h.key(s.handle), Account: h.key(s.account), At: s.at}
}

func (h *house) linkAll(all ...seen) (erase []subject.Key) {
	h.t.Helper()
	var pairs []subject.Pair
	for _, s := range all {
		pairs = append(pairs, h.pair(s))
	}
	erase, err := h.LinkAll(h.t.Context(), pairs)
	must(h.t, err)
	return erase
}

func TestLinkAllNeedsTwoCalls(t *testing.T) {
	h := newHouse(t)
	var all []seen
	for i := range 500 {
		all = append(all, seen{fmt.Sprint("h", i), fmt.Sprint("a", i/2), int64(i)}) // two handles of each account
	}
	for range 2 { // the second time nothing is to be written
		if erase := h.linkAll(all...); len(erase) > 0 {
			t.Fatalf("%d of people nobody erased", len(erase))
		}
	}
	if loads, commits := h.store.Calls(storetest.Load), h.store.Calls(storetest.Commit); loads != 2 || commits != 1 {
		t.Errorf("%d loads and %d commits", loads, commits)
	}
	for i := range 500 {
		if links := h.links(fmt.Sprint("h", i)); len(links) != 1 || links[0].Key != h.key(fmt.Sprint("a", i/2)) {
			t.Fatalf("handle %d: %+v", i, links)
		}
	}
	if n := len(h.links("a7")); n != 2 {
		t.Errorf("an account has %d handles", n)
	}
}

// A batch says what its links say one after the other.
func TestLinkAllIsLinkOfEach(t *testing.T) {
	all := []seen{{"h", "a", 10}, {"h", "a", 20}, {"h", "b", 15}, {"i", "b", 15}, {"h", "c", 30}, {"h", "h", 1}, {"i", "a", 9}}
	keys := newKeys(t)
	one, many := openHouse(t, keys), openHouse(t, keys)
	one.see(all...)
	many.linkAll(all...)
	for _, id := range []string{"h", "i", "a", "b", "c"} {
		if a, b := one.links(id), many.links(id); !slices.Equal(a, b) {
			t.Errorf("%s: %+v, one by one %+v", id, b, a)
		}
	}
}

func TestLinkAllTellsWhomErasureMissed(t *testing.T) {
	for name, test := range map[string]struct {
		before func(h *house)
		late   []seen
		want   bool
		linked bool // after it
	}{
		"the account lives":             {func(*house) {}, []seen{{"h", "a", 15}}, false, true},
		"the account was erased":        {func(h *house) { h.end("a", 20) }, []seen{{"h", "a", 15}}, true, false},
		"after the erasure":             {func(h *house) { h.end("a", 20) }, []seen{{"h", "a", 25}}, true, false},
		"told twice":                    {func(h *house) { h.end("a", 20) }, []seen{{"h", "a", 15}, {"h", "a", 16}}, true, false},
		"the handle was erased too":     {func(h *house) { h.end("a", 20); h.end("h", 20) }, []seen{{"h", "a", 15}}, false, false},
		"only the handle was erased":    {func(h *house) { h.end("h", 20) }, []seen{{"h", "a", 15}}, false, false},
		"another has the handle":        {func(h *house) { h.see(seen{"h", "b", 15}); h.end("a", 20) }, []seen{{"h", "a", 15}}, false, true},
		"another gets it by the batch":  {func(h *house) { h.end("a", 20) }, []seen{{"h", "a", 15}, {"h", "b", 18}}, false, true},
		"another had it and was erased": {func(h *house) { h.see(seen{"h", "b", 5}); h.end("b", 8); h.end("a", 20) }, []seen{{"h", "a", 15}}, true, true},
		"before a later life":           {func(h *house) { h.riseAfter("a", 20, 30) }, []seen{{"h", "a", 15}}, true, false},
		"in a later life":               {func(h *house) { h.riseAfter("a", 20, 30) }, []seen{{"h", "a", 35}}, false, true},
		"it is the later life's":        {func(h *house) { h.riseAfter("a", 20, 30) }, []seen{{"h", "a", 35}, {"h", "a", 15}}, false, true},
		"the erasure is to come":        {func(h *house) { must(h.t, h.ask("a", 20)) }, []seen{{"h", "a", 15}}, false, true},
		"the account has expired":       {func(h *house) { h.expire("h") }, []seen{{"h", "a", 15}}, false, false},
		"the handle has expired":        {func(h *house) { h.expire("a") }, []seen{{"h", "a", 15}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.create("h")
			h.create("a")
			test.before(h)
			for range 2 { // repeating it tells the same
				erase := h.linkAll(test.late...)
				if got := slices.Equal(erase, []subject.Key{h.key("h")}); got != test.want || !test.want && len(erase) > 0 {
					t.Errorf("%d keys to be erased, want the handle's: %v", len(erase), test.want)
				}
				if got := len(h.links("h")) > 0; got != test.linked {
					t.Errorf("links %+v", h.links("h"))
				}
			}
		})
	}
}

func (h *house) end(id string, at int64) {
	h.t.Helper()
	_, err := h.Erase(h.t.Context(), h.key(id), at)
	must(h.t, err)
}

func (h *house) riseAfter(id string, erased, consented int64) {
	h.t.Helper()
	h.end(id, erased)
	h.say(id, allow(consent.Consent, "ads", consented))
	h.create(id)
}

// ask asks for an erasure that nobody has done.
func (h *house) ask(id string, at int64) error {
	_, err := h.Apply(h.t.Context(), h.key(id), deny(consent.Erasure, "", at))
	return err
}

// expire lets everybody expire but one.
func (h *house) expire(but string) {
	h.t.Helper()
	must(h.t, h.Touch(h.t.Context(), []subject.Key{h.key(but)}, 1e6))
	n, err := h.Expire(h.t.Context(), 1e5, func([]subject.Key) error { return nil })
	must(h.t, err)
	if n != 1 {
		h.t.Fatalf("%d people expired", n)
	}
}

// An account that is erased between reading and writing is linked to nobody, and the others of the batch are linked.
func TestLinkAllWhileAnAccountIsErased(t *testing.T) {
	h := newHouse(t)
	var all []seen
	for i := range 20 {
		all = append(all, seen{fmt.Sprint("h", i), fmt.Sprint("a", i), 10})
		h.create(all[i].handle)
	}
	erased := false
	h.store.Hook(func(ctx context.Context, c storetest.Call) error {
		if c.Method == storetest.Commit && !c.Done && !erased {
			erased = true
			_, err := h.reader.Erase(ctx, h.key("a13"), 20)
			return err
		}
		return nil
	})
	if erase := h.linkAll(all...); !slices.Equal(erase, []subject.Key{h.key("h13")}) {
		t.Errorf("%d keys to be erased", len(erase))
	}
	for i, s := range all {
		if linked := len(h.links(s.handle)) > 0; linked != (i != 13) {
			t.Errorf("handle %d is linked: %v", i, linked)
		}
	}
}

// A row that does not read keeps no other from being linked, and the error is one however many there are.
func TestLinkAllPastDamagedRows(t *testing.T) {
	h := newHouse(t)
	var rows []subject.Row
	var all []subject.Pair
	for i := range 9 {
		all = append(all, h.pair(seen{fmt.Sprint("h", i), fmt.Sprint("a", i), 10}))
		if i%3 == 0 {
			rows = append(rows, subject.Row{Key: all[i].Account, Body: []byte{99}})
		}
	}
	_, err := h.store.Swap(t.Context(), subject.People, rows)
	must(t, err)
	_, err = h.LinkAll(t.Context(), all)
	if want := "link identifiers: 3 of 9 pairs: " + subject.ErrFormat.Error(); !errors.Is(err, event.ErrFatal) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if len(h.links("h0")) != 0 || len(h.links("h1")) != 1 || len(h.links("h8")) != 1 {
		t.Error("others were not linked, or one was by half")
	}
}
