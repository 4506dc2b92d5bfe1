// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// family is an account with a handle, and somebody else who was seen in the same events.
type family struct {
	*world
	rows       []subject.Key // of the person
	told       []Pseudonym   // that recipients know of them
	other      subject.Key
	othersTold []Pseudonym
}

func newFamily(t testing.TB) *family {
	w := newWorld(t)
	f := &family{world: w}
	f.rows = []subject.Key{w.create(handle("anna")), w.create(account("42"))}
	must(t, w.service().Directory.Link(t.Context(), f.rows[0], f.rows[1], at(-time.Hour)))
	f.other = w.create(account("43"))
	f.told = append(w.pseudonyms(handle("anna")), w.pseudonyms(account("42"))...)
	f.othersTold = w.pseudonyms(account("43"))
	return f
}

// check holds what must be true after RunOutbox, however it came there. All: the person was erased whole.
func (f *family) check(all bool) {
	f.t.Helper()
	for i, key := range f.rows {
		p := f.person(key)
		erased := p.State == subject.StateErased
		switch {
		case all && !erased:
			f.t.Fatalf("row %d is not erased", i)
		case erased && p.HasSecret:
			f.t.Fatalf("row %d has a secret", i)
		case erased != f.entered(key):
			f.t.Fatalf("row %d: erased %v, in the ledger %v", i, erased, f.entered(key))
		}
	}
	for _, p := range f.told {
		erased := f.person(f.whose[p.Text]).State == subject.StateErased
		if n := f.world.told(p); erased != (n > 0) {
			f.t.Fatalf("recipient %s, epoch %d, type %s: erased %v, %d deletion events", p.Recipient, p.Epoch, p.Type, erased, n)
		}
	}
	if len(f.early) > 0 {
		f.t.Fatalf("%d deletion events came before no instance could commit a record any more", len(f.early))
	}
	if rows := f.outbox(); len(rows) > 0 {
		f.t.Fatalf("%d rows wait in the outbox", len(rows))
	}
	if p := f.person(f.other); !p.HasSecret || p.State != subject.StateLive || f.entered(f.other) {
		f.t.Fatal("somebody else was touched")
	}
	for _, p := range f.othersTold {
		if f.world.told(p) > 0 {
			f.t.Fatal("a deletion event names somebody else")
		}
	}
}

// acknowledged holds what must be true once an erasure has returned without error: the ledger has all of it.
func (f *family) acknowledged() {
	f.t.Helper()
	for i, key := range f.rows {
		if f.person(key).State != subject.StateErased || !f.entered(key) {
			f.t.Fatalf("row %d: acknowledged before it was erased and in the ledger", i)
		}
	}
}

// Whatever call of the store, a topic or the control log is the last one of a process, before it or after it, the erasure is then either
// not begun or finished by the outbox alone, and finished by repeating it.
func TestErasureSurvivesEveryCrash(t *testing.T) {
	erase := map[string]func(context.Context, *Service, consent.Subject) error{
		"by an officer": func(ctx context.Context, s *Service, who consent.Subject) error {
			c, err := s.Erase(ctx, Erasure{Subjects: []consent.Subject{who}, Reason: OnRequest, By: officer, At: at(0)})
			if err == nil && (len(c.Erased) != 2 || c.Recipients[0].Pseudonyms+c.Recipients[1].Pseudonyms < 8) {
				err = fmt.Errorf("the certificate tells of %d rows, %+v", len(c.Erased), c.Recipients)
			}
			return err
		},
		"by a signal": func(ctx context.Context, s *Service, who consent.Subject) error {
			_, err := s.Take(ctx, send(t, who, says(consent.Erasure, consent.Deny, at(0))))
			return err
		},
	}
	for way, erase := range erase {
		for _, who := range []consent.Subject{account("42"), handle("anna")} {
			for _, again := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s of the %s, repeated %v", way, who.Type, again), func(t *testing.T) {
					for n := 1; ; n++ {
						f := newFamily(t)
						f.calls, f.crashAt = 0, n
						s := f.service()
						err := erase(t.Context(), s, who)
						acknowledged := err == nil
						if err == nil {
							_, err = s.RunOutbox(t.Context())
						}
						done := !f.crashed
						f.revive()
						if done {
							must(t, err)
							f.check(true)
							t.Logf("%d moments", n-1)
							return
						}
						s = f.service()
						if again {
							must(t, erase(t.Context(), s, who))
							f.acknowledged()
						}
						_, err = s.RunOutbox(t.Context())
						must(t, err)
						f.check(again || acknowledged)
					}
				})
			}
		}
	}
}

func TestEraseTellsTheLedgerBeforeItAcknowledges(t *testing.T) {
	f := newFamily(t)
	c, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	for _, key := range f.rows {
		if !f.entered(key) {
			t.Error("a row is not in the ledger")
		}
	}
	if len(f.announced) != 1 || !f.announced[0].tightened || len(f.announced[0].keys) != 2 {
		t.Errorf("announced %d times", len(f.announced))
	}
	for _, p := range f.told {
		if f.world.told(p) > 0 {
			t.Error("a recipient was told before instances were")
		}
	}
	if len(c.Erased) != 2 || c.Erased[0].Type != "hdl" || c.Erased[1].Type != "acc" || c.Erased[1].Generation != 2 {
		t.Errorf("certificate: %+v", c.Erased)
	}
	if got := []int{c.Recipients[0].Pseudonyms, c.Recipients[1].Pseudonyms}; got[0]+got[1] != len(f.told) {
		t.Errorf("certificate counts %v pseudonyms, want %d", got, len(f.told))
	}
	position, err := f.service().LedgerPosition(t.Context())
	must(t, err)
	if position[0] != 2 {
		t.Errorf("ledger position %v, want 2", position)
	}
}

func TestEraseTwice(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	o := Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer, At: at(0)}
	first, err := s.Erase(t.Context(), o)
	must(t, err)
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	events := len(f.topics["out.partner"][0])
	second, err := s.Erase(t.Context(), o)
	must(t, err)
	run, err := s.RunOutbox(t.Context())
	must(t, err)
	f.check(true)
	if run.Published != 0 || len(f.topics["out.partner"][0]) != events || len(f.topics[ledger][0]) != 2 {
		t.Error("the second erasure told recipients or the ledger again")
	}
	slices.Reverse(second.Erased) // the account has no links any more: its handle is found by its receipt
	if fmt.Sprint(second.Erased, second.Recipients) != fmt.Sprint(first.Erased, first.Recipients) {
		t.Errorf("erased %v, before %v", second.Erased, first.Erased)
	}
}

func TestEraseRefusesUnderALegalHold(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	hold := says(consent.Hold, consent.Deny, at(-time.Minute))
	hold.Source = "officer"
	_, err := s.Say(t.Context(), officer, account("42"), "case", hold)
	must(t, err)
	_, err = s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("43"), handle("anna")}, Reason: OnRequest, By: officer})
	wantErr(t, err, ErrHeld)
	if !strings.Contains(err.Error(), "ordered by officer") || strings.Contains(err.Error(), "anna") {
		t.Errorf("error %q", err)
	}
	if f.person(f.other).State != subject.StateLive {
		t.Error("somebody was erased beside one who is held")
	}
	if last := f.entries[len(f.entries)-1]; last.Act != audit.Deny {
		t.Errorf("the audit log ends with %s", last.Act)
	}
	taken, err := s.Take(t.Context(), send(t, account("42"), says(consent.Erasure, consent.Deny, at(0))))
	must(t, err)
	if taken.Held != 2 || taken.Erased != 0 || !f.person(f.rows[1]).Erasing {
		t.Errorf("%+v", taken)
	}
	f.now = f.now.Add(time.Hour)
	released, err := s.Say(t.Context(), officer, account("42"), "case closed", says(consent.Hold, consent.Allow, at(time.Minute)))
	must(t, err)
	if released.Erased != 2 {
		t.Errorf("after the release %d rows were erased", released.Erased)
	}
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	f.check(true)
}

func TestEraseOfSomebodyUnknownBlocksThem(t *testing.T) {
	w := newWorld(t)
	c, err := w.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("7")}, Reason: OnRequest, By: officer})
	must(t, err)
	if len(c.Recipients) != 0 || len(c.Erased) != 1 {
		t.Errorf("certificate: %+v", c)
	}
	key := w.create(account("7"))
	if p := w.person(key); p.State != subject.StateErased || p.HasSecret || p.Withholds(at(time.Hour)) != event.Erased {
		t.Error("an event made somebody erased live again")
	}
}

func TestNewConsentBeginsAnotherLife(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnWithdrawn, By: officer})
	must(t, err)
	f.now = f.now.Add(time.Hour)
	allow := says(consent.Consent, consent.Allow, at(time.Minute))
	allow.Purpose = "insight"
	_, err = s.Take(t.Context(), send(t, account("42"), allow))
	must(t, err)
	f.create(account("42"))
	now := f.pseudonyms(account("42"))
	if len(now) == 0 {
		t.Fatal("no new life")
	}
	for _, p := range f.told {
		for _, q := range now {
			if p.Text == q.Text {
				t.Fatal("the new life has a pseudonym of the old one")
			}
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	f := newFamily(t)
	c, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer, DryRun: true})
	must(t, err)
	if !c.DryRun || c.Signed != nil || len(c.Erased) != 2 || c.Recipients[0].Pseudonyms != 6 || c.Recipients[1].Pseudonyms != 2 {
		t.Errorf("%+v", c)
	}
	if f.person(f.rows[1]).State != subject.StateLive || len(f.topics[ledger][0])+len(f.announced)+len(f.outbox())+len(f.entries) > 0 {
		t.Error("something was done")
	}
}

func TestEraseRefuses(t *testing.T) {
	w := newWorld(t)
	who := []consent.Subject{account("1")}
	for name, o := range map[string]Erasure{
		"nobody acts":         {Subjects: who, Reason: OnRequest},
		"no reason":           {Subjects: who, By: officer},
		"nobody":              {Reason: OnRequest, By: officer},
		"the future":          {Subjects: who, Reason: OnRequest, By: officer, At: at(time.Hour)},
		"an unknown type":     {Subjects: []consent.Subject{{Type: "object-id", ID: "1"}}, Reason: OnRequest, By: officer},
		"an unknown instance": {Subjects: []consent.Subject{{Instance: "mastodn", Type: "account", ID: "1"}}, Reason: OnRequest, By: officer},
		"a pseudonym":         {Subjects: []consent.Subject{account("acc_3_2cah4o9grvpibq69hrc7hr64g0")}, Reason: OnRequest, By: officer},
	} {
		_, err := w.service().Erase(t.Context(), o)
		wantErr(t, err, ErrInput)
		if strings.Contains(err.Error(), "2cah") {
			t.Errorf("%s: the error quotes the id", name)
		}
	}
	w.refuse = audit.ErrRefused
	key := w.create(account("1"))
	_, err := w.service().Erase(t.Context(), Erasure{Subjects: who, Reason: OnRequest, By: officer, Ground: "of ada@example.org"})
	wantErr(t, err, ErrInput)
	if w.person(key).State != subject.StateLive {
		t.Error("somebody was erased whose erasure the audit log refused")
	}
}

// A link that is learned while a person is erased does not leave a row behind.
func TestEraseFindsWhatIsLearnedMeanwhile(t *testing.T) {
	for n := 1; n < 60; n++ {
		w := newWorld(t)
		h, a := w.create(handle("late")), w.create(account("42"))
		learned, calls := false, 0
		other := w.service().Directory
		w.store.Hook(func(ctx context.Context, c storetest.Call) error {
			if calls++; calls == n && !learned {
				learned = true
				return other.Link(ctx, h, a, at(-time.Minute))
			}
			return nil
		})
		_, err := w.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
		must(t, err)
		w.store.Hook(nil)
		links, err := other.Links(t.Context(), h)
		must(t, err)
		if linked := len(links) > 0; linked {
			t.Fatalf("moment %d: the handle is linked to somebody erased", n)
		}
	}
}

func TestDeletionEvents(t *testing.T) {
	f := newFamily(t)
	s := f.service(func(o *Options) { o.Tombstones = func(r string) bool { return r == "partner" } })
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	f.check(true)
	for _, messages := range f.topics["out.analytics"] {
		for _, m := range messages {
			var n notice
			must(t, json.Unmarshal(m.Value, &n))
			want := fmt.Sprintf(`{"nymstream":"deletion","v":1,"pseudonym":"%s","reason":"erased"}`, n.Pseudonym)
			if string(m.Value) != want || string(m.Key) != n.Pseudonym || m.Time != start.UnixMilli() || string(m.Headers[0].Key) != "nym-deletion" || string(m.Headers[0].Value) != "1" {
				t.Fatalf("%s under %s, time %d", m.Value, m.Key, m.Time)
			}
		}
	}
	compacted := f.topics["out.partner"][0]
	if len(compacted) != 4 {
		t.Fatalf("%d records, want an event and a null value for each of 2", len(compacted))
	}
	for i := 0; i < len(compacted); i += 2 {
		if compacted[i].Value == nil || compacted[i+1].Value != nil || !bytes.Equal(compacted[i].Key, compacted[i+1].Key) || len(compacted[i].Key) == 0 {
			t.Fatal("no null value follows a deletion event under its key")
		}
	}
}

// What lies in the outbox tells a thief of the store no pseudonym.
func TestOutboxIsSealed(t *testing.T) {
	f := newFamily(t)
	_, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	rows := f.outbox()
	if len(rows) == 0 {
		t.Fatal("nothing waits")
	}
	for _, r := range rows {
		for _, p := range f.told {
			if bytes.Contains(r.Body, []byte(p.Text)) || bytes.Contains(r.Body, []byte("analytics")) {
				t.Fatal("a row tells a pseudonym or a recipient")
			}
		}
		r.Key[5] ^= 1
		if f.service().open(useDeletions, r.Key, r.Body, new(deletions)) == nil {
			t.Fatal("a row opens at another place")
		}
	}
}

// Events of several people come in no order that tells whose they are, and wait for each other.
func TestOutboxMixes(t *testing.T) {
	w := newWorld(t)
	var whose []subject.Key
	s := w.service(func(o *Options) { o.Gather = time.Hour })
	for i := range 40 {
		who := account(fmt.Sprint(i))
		w.create(who)
		w.pseudonyms(who)
		_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{who}, Reason: OnRequest, By: officer})
		must(t, err)
	}
	run, err := s.RunOutbox(t.Context())
	must(t, err)
	if run.Published != 0 || run.Waiting != 40 {
		t.Fatalf("%+v", run)
	}
	w.now = w.now.Add(time.Hour)
	run, err = s.RunOutbox(t.Context())
	must(t, err)
	if run.Published != 40*4 || !run.Settled {
		t.Fatalf("%+v", run)
	}
	together := 0
	for _, messages := range w.topics["out.analytics"] {
		for _, m := range messages {
			for p, key := range w.whose {
				if bytes.Contains(m.Value, []byte(p)) {
					whose = append(whose, key)
				}
			}
		}
	}
	for i := 1; i < len(whose); i++ {
		if whose[i] == whose[i-1] {
			together++
		}
	}
	if len(whose) != 120 || together > 30 {
		t.Errorf("%d of %d events stand beside one of the same person", together, len(whose))
	}
}

func TestOutboxOfARecipientThatIsGone(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	f.plan.Recipients = f.plan.Recipients[:1]
	run, err := s.RunOutbox(t.Context())
	must(t, err)
	if run.Unreachable != 2 || run.Published != 6 || len(f.outbox()) > 0 {
		t.Errorf("%+v", run)
	}
	c, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("43")}, Reason: OnRequest, By: officer})
	must(t, err)
	if p := c.Recipients[1]; p.Name != "partner" || p.Pseudonyms != 1 || p.Events != 0 || p.Topic != "" {
		t.Errorf("%+v", p)
	}
}

// Two instances that run the outbox at once do no harm.
func TestOutboxOfTwo(t *testing.T) {
	f := newFamily(t)
	_, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	other, ran := f.service(), false
	f.store.Hook(func(ctx context.Context, c storetest.Call) error {
		if c.Method == storetest.Commit && !c.Done && !ran {
			ran = true
			_, err := other.RunOutbox(ctx)
			return err
		}
		return nil
	})
	_, err = f.service().RunOutbox(t.Context())
	must(t, err)
	f.store.Hook(nil)
	f.check(true)
}
