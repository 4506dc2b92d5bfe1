// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestApply(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	a := h.say("42", deny(consent.Sale, "", 10))
	if !a.Changed || !a.Tightened || a.Erase || a.Held || a.Key != h.key("42") {
		t.Errorf("a deny: changed %v, tightened %v, erase %v, held %v", a.Changed, a.Tightened, a.Erase, a.Held)
	}
	if h.Find(h.person("42").Name) != nil {
		t.Error("memory still has who they were")
	}
	swaps := h.store.Calls(storetest.Swap)
	if a := h.say("42", deny(consent.Sale, "", 10)); a.Changed || a.Key != h.key("42") {
		t.Errorf("repeated: changed %v", a.Changed)
	}
	if h.store.Calls(storetest.Swap) != swaps {
		t.Error("a repeated signal was written")
	}
	if p := h.look("42"); !p.Standing.Refuses(consent.Sale, 20) || !p.HasSecret {
		t.Error("the row lacks the deny or the secret")
	}
}

func TestApplyAllAnswersOncePerPerson(t *testing.T) {
	h := newHouse(t)
	loads, swaps := h.store.Calls(storetest.Load), h.store.Calls(storetest.Swap)
	applied, err := h.ApplyAll(t.Context(), []subject.Said{
		{Key: h.key("1"), Signals: []consent.Signal{deny(consent.Sale, "", 1)}},
		{Key: h.key("2"), Signals: []consent.Signal{deny(consent.Erasure, "", 2)}},
		{Key: h.key("1"), Signals: []consent.Signal{deny(consent.Sharing, "", 3)}},
		{Key: h.key("3")},
	})
	must(t, err)
	if len(applied) != 3 || applied[0].Key != h.key("1") || !applied[1].Erase || applied[1].ErasedAs != 2 || applied[2].Changed {
		t.Errorf("%+v", applied)
	}
	if l, s := h.store.Calls(storetest.Load)-loads, h.store.Calls(storetest.Swap)-swaps; l != 1 || s != 1 {
		t.Errorf("%d loads and %d swaps", l, s)
	}
	p := h.look("1")
	if !p.Standing.Refuses(consent.Sale, 9) || !p.Standing.Refuses(consent.Sharing, 9) || p.State != subject.StateLive || p.Generation != 1 {
		t.Error("a signal of person 1 is missing")
	}
	if h.look("3").State != subject.StateNone {
		t.Error("a row for whom nothing was said of")
	}
}

func TestErase(t *testing.T) {
	h := newHouse(t)
	secret := h.create("42").Secret
	h.say("42", allow(consent.Consent, "ads", 5), deny(consent.Sale, "", 6))
	e, err := h.Erase(t.Context(), h.key("42"), 100)
	must(t, err)
	if e.Was == nil || e.Was.Secret != secret || e.Was.Generation != 1 || e.Generation != 2 || e.At != 100 {
		t.Errorf("was %v, generation %d, at %d", e.Was != nil, e.Generation, e.At)
	}
	p := h.look("42")
	if p.HasSecret || p.State != subject.StateErased || p.ErasedAt != 100 || p.Generation != 2 || p.Withholds(1000) != event.Erased {
		t.Errorf("secret %v, state %d, at %d, generation %d", p.HasSecret, p.State, p.ErasedAt, p.Generation)
	}
	if !p.Standing.Refuses(consent.Sale, 1000) {
		t.Error("the deny did not outlive the erasure")
	}
	for _, at := range []int64{100, 50, 100} {
		e, err := h.Erase(t.Context(), h.key("42"), at)
		must(t, err)
		if e.Was != nil || e.Generation != 2 || e.At != 100 {
			t.Errorf("repeated: was %v, generation %d, at %d", e.Was != nil, e.Generation, e.At)
		}
	}
	if e, err := h.Erase(t.Context(), h.key("42"), 200); err != nil || e.Was != nil || e.Generation != 2 || h.look("42").ErasedAt != 200 {
		t.Errorf("again later: was %v, generation %d, %v", e.Was != nil, e.Generation, err)
	}
	if p := h.create("42"); p.HasSecret || p.State != subject.StateErased {
		t.Error("an erased person was created")
	}
	rows := []subject.Row{{Key: h.key("42")}}
	must(t, h.store.Load(t.Context(), subject.People, rows))
	if len(rows[0].Body) > 100 {
		t.Errorf("a tombstone of %d bytes", len(rows[0].Body))
	}
}

func TestEraseOfNobodyKnownLeavesATombstone(t *testing.T) {
	h := newHouse(t)
	e, err := h.Erase(t.Context(), h.key("42"), 100)
	must(t, err)
	if e.Was == nil || e.Was.HasSecret || e.Generation != 1 {
		t.Errorf("was %v, generation %d", e.Was != nil, e.Generation)
	}
	if p := h.create("42"); p.HasSecret || p.Withholds(1000) != event.Erased {
		t.Error("created after their erasure")
	}
}

func TestEraseWithWritesAllOrNothing(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	outbox := subject.Key{1}
	calls := 0
	more := func(was *subject.Person) ([]subject.Change, error) {
		if calls++; calls == 1 { // somebody else is faster
			_, err := h.another().Apply(t.Context(), h.key("42"), deny(consent.Sale, "", 7))
			must(t, err)
		}
		if !was.HasSecret {
			t.Error("who they were has no secret")
		}
		return []subject.Change{{Space: subject.Outbox, Row: subject.Row{Key: outbox, Body: []byte("events")}}}, nil
	}
	_, err := h.EraseWith(t.Context(), h.key("42"), 100, more)
	must(t, err)
	rows := []subject.Row{{Key: outbox}}
	must(t, h.store.Load(t.Context(), subject.Outbox, rows))
	if calls != 2 || string(rows[0].Body) != "events" || !h.look("42").Standing.Refuses(consent.Sale, 200) {
		t.Errorf("%d calls, outbox %q", calls, rows[0].Body)
	}
	h.create("43")
	broken := errors.New("no pseudonyms")
	_, err = h.EraseWith(t.Context(), h.key("43"), 100, func(*subject.Person) ([]subject.Change, error) { return nil, broken })
	if !errors.Is(err, broken) || !h.look("43").HasSecret {
		t.Errorf("%v, secret %v", err, h.look("43").HasSecret)
	}
}

// An erasure whose answer was lost is done, with its outbox row; repeating it finds that.
func TestEraseWhoseAnswerWasLost(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	h.store.Hook(func(_ context.Context, c storetest.Call) error {
		if c.Method == storetest.Commit && c.Done {
			return event.ErrTransient
		}
		return nil
	})
	outbox := subject.Row{Key: subject.Key{1}, Body: []byte("events")}
	more := func(*subject.Person) ([]subject.Change, error) {
		return []subject.Change{{Space: subject.Outbox, Row: outbox}}, nil
	}
	if _, err := h.EraseWith(t.Context(), h.key("42"), 100, more); !errors.Is(err, event.ErrTransient) {
		t.Fatalf("%v, want a transient error", err)
	}
	if h.Find(h.person("42").Name) != nil {
		t.Error("memory still has who they were")
	}
	h.store.Hook(nil)
	e, err := h.EraseWith(t.Context(), h.key("42"), 100, more)
	must(t, err)
	rows := []subject.Row{{Key: outbox.Key}}
	must(t, h.store.Load(t.Context(), subject.Outbox, rows))
	if e.Was != nil || e.Generation != 2 || rows[0].Version != 1 {
		t.Errorf("was %v, generation %d, outbox version %d", e.Was != nil, e.Generation, rows[0].Version)
	}
}

func TestDamagedSecretsCanBeErased(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	rows := []subject.Row{{Key: h.key("42")}}
	must(t, h.store.Load(t.Context(), subject.People, rows))
	rows[0].Body[60] ^= 1
	_, err := h.store.Swap(t.Context(), subject.People, rows)
	must(t, err)
	if err := h.another().Load(t.Context(), [][]byte{h.person("42").Name}); !errors.Is(err, subject.ErrDamaged) {
		t.Fatalf("%v, want it damaged", err)
	}
	e, err := h.Erase(t.Context(), h.key("42"), 100)
	must(t, err)
	if e.Was == nil || e.Was.HasSecret || h.look("42").State != subject.StateErased {
		t.Error("not erased")
	}
}

func TestErasureBySignal(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	a, err := h.Apply(t.Context(), h.key("42"), deny(consent.Erasure, "", 50))
	must(t, err)
	if !a.Erase || a.Held || a.ErasedAs != 50 || !a.Tightened {
		t.Fatalf("%+v", a)
	}
	if p := h.look("42"); p.Withholds(100) != event.Erased || !p.Erasing {
		t.Error("events pass until the erasure is done")
	}
	if a, err := h.Apply(t.Context(), h.key("42"), deny(consent.Erasure, "", 50)); err != nil || !a.Erase {
		t.Errorf("replayed before it is done: erase %v, %v", a.Erase, err)
	}
	_, err = h.Erase(t.Context(), a.Key, a.ErasedAs)
	must(t, err)
	if a, err := h.Apply(t.Context(), h.key("42"), deny(consent.Erasure, "", 50)); err != nil || a.Erase {
		t.Errorf("replayed after it is done: erase %v, %v", a.Erase, err)
	}
}

func TestHold(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	h.say("42", deny(consent.Hold, "", 10))
	a, err := h.Apply(t.Context(), h.key("42"), deny(consent.Erasure, "", 50))
	must(t, err)
	if a.Erase || !a.Held {
		t.Fatalf("erase %v, held %v", a.Erase, a.Held)
	}
	if p := h.look("42"); !p.HasSecret || p.Withholds(100) != event.Erased {
		t.Error("a held person's data must stay, and not flow")
	}
	if _, err := h.Erase(t.Context(), h.key("42"), 60); !errors.Is(err, subject.ErrHeld) {
		t.Errorf("%v, want ErrHeld", err)
	}
	if n, err := h.Expire(t.Context(), 1e6, nil); n != 0 || err != nil {
		t.Errorf("%d held people expired, %v", n, err)
	}
	if a := h.say("42", allow(consent.Hold, "", 70)); !a.Erase || a.ErasedAs != 50 {
		t.Errorf("released: erase %v as of %d", a.Erase, a.ErasedAs)
	}
	if p := h.look("42"); p.State != subject.StateErased {
		t.Error("not erased after the release")
	}
}

func TestNewLife(t *testing.T) {
	for _, kind := range []consent.Kind{consent.Consent, consent.Parental} {
		h := newHouse(t)
		first := h.create("42").Secret
		_, err := h.Erase(t.Context(), h.key("42"), 100)
		must(t, err)
		for _, s := range []consent.Signal{
			allow(kind, "ads", 100), allow(kind, "ads", 99), allow(consent.ParentalThirdParty, "ads", 150), allow(consent.Sale, "", 150), deny(kind, "ads", 150),
		} {
			if h.say("42", s); h.look("42").State != subject.StateErased || h.create("42").HasSecret {
				t.Fatalf("kind %d, verdict %d at %d began a new life", s.Kind, s.Verdict, s.At)
			}
		}
		h.say("42", allow(kind, "ads", 200))
		p := h.look("42")
		if p.State != subject.StateLive || p.HasSecret || p.NotBefore != 200 || p.Generation != 2 || p.ErasedAt != 100 {
			t.Fatalf("state %d, secret %v, not before %d, generation %d", p.State, p.HasSecret, p.NotBefore, p.Generation)
		}
		if p.Withholds(199) != event.Erased || p.Withholds(200) != event.None {
			t.Error("the new life does not begin with the consent")
		}
		if p := h.create("42"); !p.HasSecret || p.Secret == first || p.Generation != 2 || p.NotBefore != 200 {
			t.Error("no new secret in the new life")
		}
		if h.say("42", allow(kind, "ads", 180)); h.look("42").NotBefore != 180 {
			t.Errorf("an earlier consent that came late: not before %d", h.look("42").NotBefore)
		}
		if e, err := h.Erase(t.Context(), h.key("42"), 150); err != nil || e.Was != nil || !h.look("42").HasSecret {
			t.Errorf("an older erasure ended the new life: %v", err)
		}
		if e, err := h.Erase(t.Context(), h.key("42"), 200); err != nil || e.Was == nil || e.Generation != 3 || h.look("42").NotBefore != 0 {
			t.Errorf("a second erasure: was %v, generation %d, %v", e.Was != nil, e.Generation, err)
		}
	}
}

// What a person had allowed before their erasure does not come back with their new life, not by replay either.
func TestOldConsentsEndWithTheOldLife(t *testing.T) {
	h := newHouse(t)
	h.say("42", allow(consent.Consent, "ads", 50))
	if !question(h.look("42"), "ads", 60) {
		t.Fatal("no consent to begin with")
	}
	_, err := h.Erase(t.Context(), h.key("42"), 100)
	must(t, err)
	h.say("42", allow(consent.Consent, "study", 200))
	h.say("42", allow(consent.Consent, "ads", 50))
	if p := h.look("42"); !question(p, "study", 250) || question(p, "ads", 250) || question(p, "study", 199) {
		t.Errorf("study %v, ads %v, study before %v", question(p, "study", 250), question(p, "ads", 250), question(p, "study", 199))
	}
}

// question asks whether an event of a time may be forwarded at time 1000.
func question(p *subject.Person, purpose string, eventTime int64) bool {
	q := consent.Question{
		Purpose: consent.PurposeOf(purpose), Basis: "consent", Sale: true, Minors: consent.AllowMinors, EventTime: eventTime, Now: 1000,
	}
	return p.Withholds(eventTime) == event.None && p.Standing.Ask(&q) == event.None
}

// Signals and erasures out of order, twice, or replayed whole, never let more pass than in the order of their times.
func TestOrderNeverLetsMorePass(t *testing.T) {
	keys := newKeys(t)
	person := openHouse(t, keys)
	rapid.Check(t, func(rt *rapid.T) {
		signals := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) consent.Signal {
			return consent.Signal{
				Kind: rapid.SampledFrom([]consent.Kind{
					consent.Consent, consent.Consent, consent.Consent, consent.Parental, consent.Sale, consent.Objection, consent.Erasure, consent.Erasure,
				}).Draw(t, "kind"),
				Purpose: rapid.SampledFrom([]string{"", "ads", "study"}).Draw(t, "purpose"),
				Verdict: rapid.SampledFrom([]consent.Verdict{consent.Deny, consent.Allow}).Draw(t, "verdict"),
				At:      rapid.Int64Range(1, 12).Draw(t, "at"),
			}
		}), 1, 8).Draw(rt, "signals")
		for i := range signals {
			switch signals[i].Kind {
			case consent.Erasure:
				signals[i].Verdict, signals[i].Purpose = consent.Deny, ""
			case consent.Sale:
				signals[i].Purpose = ""
			}
		}
		shuffled := append(slices.Clone(signals), signals[:len(signals)/2]...)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		slices.SortStableFunc(signals, func(a, b consent.Signal) int { return int(a.At - b.At) })

		ordered, disordered, replayed := live(t, person, signals), live(t, person, shuffled), live(t, person, append(slices.Clone(signals), signals...))
		for at := range int64(15) {
			for _, purpose := range []string{"ads", "study", "other"} {
				want := question(ordered, purpose, at)
				if question(disordered, purpose, at) && !want {
					rt.Fatalf("out of order an event of %d passes for %s: not before %d, erased at %d", at, purpose, disordered.NotBefore, disordered.ErasedAt)
				}
				if got := question(replayed, purpose, at); got && !want {
					rt.Fatalf("after a replay an event of %d passes for %s", at, purpose)
				}
			}
		}
	})
}

// live applies signals one by one to a new person.
func live(t *testing.T, of *house, signals []consent.Signal) *subject.Person {
	of.store = storetest.Memory()
	h := &house{t: t, store: of.store, keys: of.keys, now: start}
	h.Directory = h.another()
	n := h.person("42")
	n.Canonical = nil
	for i, s := range signals {
		if h.say("42", s); i%3 == 0 {
			must(t, h.Create(t.Context(), []subject.Newcomer{n}))
		}
	}
	return lookIn(t, h.another(), n.Name)
}
