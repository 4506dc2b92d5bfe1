// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/subject"
)

type seen struct {
	handle, account string
	at              int64
}

func (h *house) see(all ...seen) {
	h.t.Helper()
	for _, s := range all {
		must(h.t, h.Link(h.t.Context(), h.key(s.handle), h.key(s.account), s.at))
	}
}

func (h *house) links(id string) []subject.Link {
	h.t.Helper()
	links, err := h.Links(h.t.Context(), h.key(id))
	must(h.t, err)
	return links
}

func TestLink(t *testing.T) {
	type interval struct {
		account  string
		from, to int64
	}
	for name, test := range map[string]struct {
		seen []seen
		want []interval
	}{
		"once":                     {[]seen{{"h", "a", 10}}, []interval{{"a", 10, 10}}},
		"again":                    {[]seen{{"h", "a", 10}, {"h", "a", 10}}, []interval{{"a", 10, 10}}},
		"later":                    {[]seen{{"h", "a", 10}, {"h", "a", 20}}, []interval{{"a", 10, 20}}},
		"earlier":                  {[]seen{{"h", "a", 20}, {"h", "a", 10}}, []interval{{"a", 10, 20}}},
		"within":                   {[]seen{{"h", "a", 10}, {"h", "a", 20}, {"h", "a", 15}}, []interval{{"a", 10, 20}}},
		"moved on":                 {[]seen{{"h", "a", 10}, {"h", "b", 20}, {"h", "b", 30}}, []interval{{"a", 10, 10}, {"b", 20, 30}}},
		"parted":                   {[]seen{{"h", "a", 10}, {"h", "a", 20}, {"h", "b", 15}}, []interval{{"a", 10, 14}, {"b", 15, 15}, {"a", 16, 20}}},
		"parted, and again":        {[]seen{{"h", "a", 10}, {"h", "a", 20}, {"h", "b", 15}, {"h", "b", 15}, {"h", "a", 12}}, []interval{{"a", 10, 14}, {"b", 15, 15}, {"a", 16, 20}}},
		"parted at the end":        {[]seen{{"h", "a", 10}, {"h", "a", 20}, {"h", "b", 20}}, []interval{{"a", 10, 19}, {"b", 20, 20}}},
		"grows into the gap":       {[]seen{{"h", "a", 10}, {"h", "b", 30}, {"h", "a", 20}}, []interval{{"a", 10, 20}, {"b", 30, 30}}},
		"grows down into the gap":  {[]seen{{"h", "a", 10}, {"h", "b", 30}, {"h", "b", 20}}, []interval{{"a", 10, 10}, {"b", 20, 30}}},
		"a third one into the gap": {[]seen{{"h", "a", 10}, {"h", "b", 30}, {"h", "c", 20}}, []interval{{"a", 10, 10}, {"c", 20, 20}, {"b", 30, 30}}},
	} {
		h := newHouse(t)
		h.see(test.seen...)
		var want []subject.Link
		for _, i := range test.want {
			want = append(want, subject.Link{Key: h.key(i.account), From: i.from, To: i.to, Account: true})
		}
		if got := h.links("h"); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// An account's row always says of a handle what the handle's row says of the account, and a handle is one account's at a time.
func TestBothHalvesOfALinkAgree(t *testing.T) {
	keys := newKeys(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := openHouse(t, keys)
		accounts, handles := []string{"a", "b", "c"}, []string{"h", "i"}
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			s := seen{rapid.SampledFrom(handles).Draw(rt, "handle"), rapid.SampledFrom(accounts).Draw(rt, "account"), rapid.Int64Range(1, 20).Draw(rt, "at")}
			h.see(s)
			before := h.links(s.handle)
			if h.see(s); !slices.Equal(before, h.links(s.handle)) {
				rt.Fatal("repeating changed something")
			}
		}
		for _, handle := range handles {
			links := h.links(handle)
			for i, l := range links {
				if l.From > l.To || i > 0 && (l.From <= links[i-1].To) {
					rt.Fatalf("not in order, or over each other: %+v", links)
				}
			}
			for _, account := range accounts {
				if a, b := half(links, h.key(account), true), half(h.links(account), h.key(handle), false); !slices.Equal(a, b) {
					rt.Fatalf("the handle says %v, the account %v", a, b)
				}
			}
		}
	})
}

// half gives the intervals that links say of one other.
func half(links []subject.Link, other subject.Key, account bool) (out [][2]int64) {
	for _, l := range links {
		if l.Key == other && l.Account == account {
			out = append(out, [2]int64{l.From, l.To})
		}
	}
	return out
}

func TestLinked(t *testing.T) {
	h := newHouse(t)
	secret := h.create("a").Secret
	h.see(seen{"h", "a", 10}, seen{"h", "b", 20}, seen{"h", "a", 30}, seen{"mail", "a", 10})
	keys, err := h.Linked(t.Context(), h.key("h"))
	must(t, err)
	if len(keys) != 2 || !slices.Contains(keys, h.key("a")) || !slices.Contains(keys, h.key("b")) {
		t.Errorf("%d keys of the handle", len(keys))
	}
	if keys, err = h.Linked(t.Context(), h.key("a")); err != nil || len(keys) != 2 || !slices.Contains(keys, h.key("mail")) {
		t.Errorf("%d keys of the account, %v", len(keys), err)
	}
	if p := h.look("a"); p.Secret != secret {
		t.Error("linking changed the person")
	}
}

func TestLinksStayBounded(t *testing.T) {
	h := newHouse(t)
	for i := range int64(150) {
		h.see(seen{"h", []string{"a", "b"}[i%2], 100 + i})
	}
	if n := len(h.links("h")); n > 64 {
		t.Errorf("%d links", n)
	}
	for _, account := range []string{"a", "b"} {
		if a, b := half(h.links("h"), h.key(account), true), half(h.links(account), h.key("h"), false); !slices.Equal(a, b) {
			t.Errorf("%d and %d intervals", len(a), len(b))
		}
	}
}

func TestErasedPeopleAreNotLinked(t *testing.T) {
	h := newHouse(t)
	h.see(seen{"h", "a", 10})
	_, err := h.Erase(t.Context(), h.key("a"), 20)
	must(t, err)
	if len(h.links("a")) != 0 {
		t.Error("an erased account has links")
	}
	h.see(seen{"h", "a", 30}, seen{"i", "a", 30})
	if len(h.links("a")) != 0 || len(h.links("i")) != 0 {
		t.Error("an erased account was linked")
	}
	h.see(seen{"h", "b", 11}, seen{"h", "b", 9}) // the handle is another's around it
	if len(h.links("a")) != 0 || len(h.links("b")) != 2 {
		t.Error("a link came back to an erased account")
	}
}
