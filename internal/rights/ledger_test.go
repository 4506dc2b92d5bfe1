// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// restored is the world with a store as it was before: copied before, while the topics are those of now.
func (f *family) restored(copied *storetest.InMemory) *family {
	w := *f.world
	w.store = copied
	g := *f
	g.world = &w
	copied.Hook(nil)
	return &g
}

// A copy of the store from before an erasure brings nobody back.
func TestReplayErasesInAnOldCopy(t *testing.T) {
	f := newFamily(t)
	held := says(consent.Hold, consent.Deny, at(-time.Minute))
	_, err := f.service().Say(t.Context(), officer, account("42"), "case", held)
	must(t, err)
	old := storetest.Memory()
	f.copyTo(old)
	f.now = f.now.Add(time.Minute)
	_, err = f.service().Say(t.Context(), officer, account("42"), "case closed", says(consent.Hold, consent.Allow, at(time.Minute)))
	must(t, err)
	for _, who := range []consent.Subject{account("42"), account("777")} { // of the second the copy knows nothing
		_, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{who}, Reason: OnRequest, By: officer})
		must(t, err)
	}
	g := f.restored(old)
	if !g.person(g.rows[1]).HasSecret {
		t.Fatal("the copy is not from before")
	}
	s := g.service(func(o *Options) { o.Control = nil })
	n, reached, err := s.ReplayLedger(t.Context(), nil)
	must(t, err)
	if n != 3 || reached[0] != 3 {
		t.Errorf("read %d, reached %v", n, reached)
	}
	for _, key := range append(g.rows, g.key(account("777"))) {
		if p := g.person(key); p.State != subject.StateErased || p.HasSecret {
			t.Error("somebody came back")
		}
	}
	if p := g.create(account("777")); g.person(p).HasSecret {
		t.Error("somebody unknown to the copy is not blocked")
	}
	position, err := s.LedgerPosition(t.Context())
	must(t, err)
	if position[0] != 3 {
		t.Errorf("position %v", position)
	}
	// It may be repeated, and recipients are told by the copy too: nobody knows whether they were.
	_, _, err = s.ReplayLedger(t.Context(), nil)
	must(t, err)
	if n, _, err = s.ReplayLedger(t.Context(), position); err != nil || n != 0 {
		t.Errorf("from the end: %d entries, %v", n, err)
	}
	_, err = g.service().RunOutbox(t.Context())
	must(t, err)
	g.check(true)
}

func TestReplayLeavesALaterLifeAlone(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	f.now = f.now.Add(time.Hour)
	allow := says(consent.Consent, consent.Allow, at(time.Minute))
	allow.Purpose = "insight"
	_, err = s.Take(t.Context(), send(t, account("42"), allow))
	must(t, err)
	key := f.create(account("42"))
	secret := f.person(key).Secret
	_, _, err = s.ReplayLedger(t.Context(), nil)
	must(t, err)
	if p := f.person(key); !p.HasSecret || p.Secret != secret {
		t.Error("the new life ended")
	}
}

func TestReplaySurvivesEveryCrash(t *testing.T) {
	for n := 1; ; n++ {
		f := newFamily(t)
		old := storetest.Memory()
		f.copyTo(old)
		_, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
		must(t, err)
		g := f.restored(old)
		old.Hook(func(context.Context, storetest.Call) error { return g.step() })
		g.calls, g.crashAt = 0, n
		if _, _, err := g.service().ReplayLedger(t.Context(), nil); err == nil && !g.crashed {
			t.Logf("%d moments", n-1)
			return
		}
		g.revive()
		_, _, err = g.service().ReplayLedger(t.Context(), nil)
		must(t, err)
		_, err = g.service().RunOutbox(t.Context())
		must(t, err)
		g.check(true)
	}
}

func TestReplayRefusesWhatIsNotOurs(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	genuine := f.topics[ledger][0][0]
	victim := f.key(account("43"))
	other := *f.world
	other.keys = freshKeys(t)
	foreign, err := other.service().ledgerMessage(other.service().entry(row{key: victim}, 2, at(0), OnTest))
	must(t, err)
	newer := s.entry(row{key: victim}, 2, at(0), OnTest)
	newer.V = 2
	later, err := s.ledgerMessage(newer)
	must(t, err)
	for name, c := range map[string]struct {
		value []byte
		want  error
	}{
		"another key":         {bytes.Replace(genuine.Value, []byte(s.entry(row{key: subject.Key(genuine.Key)}, 0, 0, "").Hex), []byte(s.entry(row{key: victim}, 0, 0, "").Hex), 1), ErrForged},
		"another time":        {bytes.Replace(genuine.Value, []byte(`"erased_at":1`), []byte(`"erased_at":2`), 1), ErrForged},
		"no JSON":             {[]byte("erase them all"), ErrForged},
		"nothing":             {nil, ErrForged},
		"another keyring's":   {foreign.Value, ErrForeign},
		"a newer release's":   {later.Value, ErrFormat},
		"without its MAC":     {[]byte(`{"entry":` + string(genuine.Value[len(`{"entry":`):bytes.Index(genuine.Value, []byte(`,"mac"`))]) + `}`), ErrForged},
		"with another's body": {bytes.Replace(foreign.Value, []byte(other.keys.ID()), []byte(f.keys.ID()), 1), ErrForged},
	} {
		f.topics[ledger][0] = []Message{genuine, {Topic: ledger, Offset: 1, Key: victim[:], Value: c.value}}
		_, _, err := s.ReplayLedger(t.Context(), nil)
		if !errors.Is(err, c.want) || !errors.Is(err, event.ErrFatal) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if f.person(victim).State != subject.StateLive {
			t.Fatalf("%s erased somebody", name)
		}
	}
}

// Sealing anew lets an old store epoch be destroyed while events wait and requests are open.
func TestReseal(t *testing.T) {
	f := newFamily(t)
	f.keys = freshKeys(t)
	f.store = storetest.Memory()
	f.rows = []subject.Key{f.create(handle("anna")), f.create(account("42"))}
	must(t, f.service().Directory.Link(t.Context(), f.rows[0], f.rows[1], at(-time.Hour)))
	f.other, f.whose = f.create(account("43")), map[string]subject.Key{}
	f.told = append(f.pseudonyms(handle("anna")), f.pseudonyms(account("42"))...)
	f.othersTold = nil
	s := f.service()
	_, err := s.File(t.Context(), Request{ID: "r1", Type: Access, Regime: "gdpr", By: officer, Subjects: []consent.Subject{account("43")}})
	must(t, err)
	_, err = s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	must(t, f.keys.NewStoreEpoch(f.now))
	f.now = f.now.Add(keyring.Notice)
	must(t, f.keys.Extend(f.now))
	_, err = s.Directory.Rewrap(t.Context(), nil)
	must(t, err)
	n, err := s.Reseal(t.Context())
	must(t, err)
	if n == 0 {
		t.Error("nothing was sealed anew")
	}
	f.now = f.now.Add(keyring.Notice)
	must(t, f.keys.DestroyStoreEpoch(1, f.now))
	r, err := s.Request(t.Context(), "r1")
	must(t, err)
	if len(r.Subjects) != 1 || r.Subjects[0].ID != "43" {
		t.Error("whom the request is about is lost")
	}
	run, err := s.RunOutbox(t.Context())
	must(t, err)
	if run.Lost != 0 {
		t.Errorf("%+v", run)
	}
	f.check(true)
	f.now = f.now.Add(31 * day)
	_, err = s.Reseal(t.Context())
	must(t, err)
	stats, err := f.store.Stats(t.Context())
	must(t, err)
	if stats.Rows[subject.Outbox] != 0 {
		t.Errorf("%d receipts stay after a month", stats.Rows[subject.Outbox])
	}
}
