// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// deed is a step that worked, by whom and when.
type deed struct {
	by   string
	role bool // the actor had the step's role
	at   time.Time
}

// told is what the model knows of a request.
type told struct {
	asked         deed
	approved      *deed
	denied        bool
	opens, opened int
}

// Whatever people with whatever roles do in whatever order: an identity comes out only where an investigator had asked, another
// person who is a privacy officer had approved within seven days, and it is opened by who asked, within a day, as often as approved.
func TestNobodyRevealsAlone(t *testing.T) {
	base := newHouse(t)
	p := base.account("42")
	opened := 0
	rapid.Check(t, func(t *rapid.T) {
		h := base.fresh()
		model := map[string]*told{}
		var ids []string
		anyone := rapid.Custom(func(t *rapid.T) reveal.Actor {
			name := rapid.SampledFrom([]string{"ann", "bob", "ANN", "Bob", "ａｎｎ"}).Draw(t, "name")
			return reveal.Actor{Name: name, Roles: rapid.SliceOfNDistinct(rapid.SampledFrom(reveal.Roles()), 0, 4, rapid.ID).Draw(t, "roles")}
		})
		actor := rapid.OneOf(anyone, rapid.SampledFrom([]reveal.Actor{
			{Name: "ann", Roles: []string{reveal.Investigator}}, {Name: "bob", Roles: []string{reveal.PrivacyOfficer}}, {Name: "ann", Roles: reveal.Roles()},
		}))
		can := func(a reveal.Actor, role string) bool { return strings.Contains(strings.Join(a.Roles, " "), role) }
		one := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "ａｎｎ", "ann")) }
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			by := actor.Draw(t, "actor")
			step := rapid.SampledFrom([]string{"request", "approve", "approve", "deny", "open", "open", "open", "wait"}).Draw(t, "step")
			if step == "wait" {
				h.pass(rapid.SampledFrom([]time.Duration{time.Minute, 23 * time.Hour, time.Hour, 6 * 24 * time.Hour}).Draw(t, "time"))
				continue
			}
			if step == "request" {
				a := ask(p)
				a.Opens = rapid.IntRange(1, 2).Draw(t, "opens")
				if id, err := h.Request(base.t.Context(), by, a); err == nil {
					ids = append(ids, id)
					model[id] = &told{asked: deed{one(by.Name), can(by, reveal.Investigator), h.clock()}, opens: a.Opens}
				}
				continue
			}
			if len(ids) == 0 {
				continue
			}
			id := rapid.SampledFrom(ids).Draw(t, "id")
			m := model[id]
			switch step {
			case "approve":
				if h.Approve(base.t.Context(), by, id) == nil {
					m.approved = &deed{one(by.Name), can(by, reveal.PrivacyOfficer), h.clock()}
				}
			case "deny":
				m.denied = h.Deny(base.t.Context(), by, id) == nil || m.denied
			case "open":
				r, err := h.Open(base.t.Context(), by, id, h.key)
				if err != nil {
					if r != nil || !errors.Is(err, reveal.ErrRefused) {
						t.Fatalf("result %v, %v", r != nil, err)
					}
					continue
				}
				opened++
				m.opened++
				switch at := h.clock(); {
				case r.Items[0].Who.ID != "42":
					t.Fatal("another identity")
				case m.approved == nil || m.denied:
					t.Fatal("opened without an approval")
				case !m.asked.role || !m.approved.role || !can(by, reveal.Investigator):
					t.Fatal("a role was missing")
				case m.approved.by == m.asked.by:
					t.Fatal("one person asked and approved")
				case one(by.Name) != m.asked.by:
					t.Fatal("opened by another than asked")
				case m.approved.at.Sub(m.asked.at) >= 7*24*time.Hour || at.Sub(m.approved.at) >= 24*time.Hour:
					t.Fatal("out of time")
				case m.opened > m.opens:
					t.Fatal("opened more often than approved")
				}
			}
		}
	})
	if opened == 0 && !testing.Short() {
		t.Error("nothing was ever opened: the test shows nothing")
	}
}

// fresh gives the house a service of its own, with the people and without requests.
func (h *house) fresh() *house {
	f := &house{t: h.t, store: storetest.Memory(), keys: h.keys, key: h.key, audit: new(journal), topics: shelf{}, now: start}
	for _, space := range []subject.Space{subject.People, subject.DataKeys} {
		must(h.t, h.store.Scan(h.t.Context(), space, subject.Key{}, func(rows []subject.Row) error {
			copied := append([]subject.Row{}, rows...)
			for i := range copied {
				copied[i].Version = 0
			}
			_, err := f.store.Swap(h.t.Context(), space, copied)
			return err
		}))
	}
	f.people = subject.NewDirectory(subject.Options{Store: f.store, Keys: f.keys, Now: f.clock})
	f.Service = reveal.New(reveal.Options{
		Directory: f.people, Store: f.store, Keys: f.keys, Topics: f.topics, Audit: f.audit, SubjectHash: hash, Alarm: f.alarmed, Now: f.clock,
	})
	return f
}

// Every pseudonym of everybody in every domain leads back to them, and only those that were asked for are answered.
func TestFindsWhomItIsAskedFor(t *testing.T) {
	base := newHouse(t)
	secrets := map[string]keyring.Secret{}
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		secrets[id] = base.create(id).Secret
	}
	rapid.Check(t, func(t *rapid.T) {
		h := base.fresh()
		wanted := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "nobody"}), 1, 6, rapid.ID).Draw(t, "wanted")
		recipient := rapid.SampledFrom([]string{"analytics", "ads"}).Draw(t, "recipient")
		a := ask()
		a.Recipient = recipient
		for _, id := range wanted {
			a.Pseudonyms = append(a.Pseudonyms, h.pseudonym(recipient, 1, secrets[id]))
		}
		r := h.revealed(a)
		for i, id := range wanted {
			if it := r.Items[i]; id == "nobody" && it.State != reveal.Unknown || id != "nobody" && it.Who.ID != id {
				t.Fatalf("item %d: %s", i, it.State)
			}
		}
	})
}
