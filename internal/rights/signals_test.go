// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

func consents(purpose string, v consent.Verdict, when int64) consent.Signal {
	s := says(consent.Consent, v, when)
	s.Purpose = purpose
	return s
}

// asks tells what a person's standing answers for a purpose that needs consent.
func (w *world) asks(key subject.Key, purpose string) event.Reason {
	return w.person(key).Standing.Ask(&consent.Question{
		Purpose: consent.PurposeOf(purpose), Basis: "consent", UnknownAgeIsAdult: true, EventTime: w.now.UnixMilli(), Now: w.now.UnixMilli(),
	})
}

func TestTake(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	records := slices.Concat(
		send(t, account("42"), consents("insight", consent.Allow, at(-time.Hour))),
		send(t, account("43"), consents("insight", consent.Allow, at(-time.Hour))),
		send(t, account("43"), consents("insight", consent.Deny, at(-time.Minute))),
		[]Message{{Value: []byte(`{"v":1,"subject":{"type":"account","id":"43"},"signals":[{"kind":"consent","value":"maybe"}]}`)}, {Value: nil}},
		send(t, consent.Subject{Instance: "elsewhere", Type: "account", ID: "5"}, consents("insight", consent.Deny, at(-time.Minute))),
		send(t, consent.Subject{Instance: "mastodon", Type: "email", ID: "no address"}, says(consent.Erasure, consent.Deny, at(-time.Minute))),
	)
	for range 2 {
		f.announced = nil
		taken, err := s.Take(t.Context(), records)
		must(t, err)
		if taken.Records != 7 || taken.Signals != 4 || taken.Refused != 3 || taken.Unplaced != 1 || taken.Erased != 0 {
			t.Errorf("%+v", taken)
		}
		if len(f.announced) != 1 || len(f.announced[0].keys) != 4 {
			t.Fatalf("announced %d times", len(f.announced))
		}
		last := f.entries[len(f.entries)-1]
		if last.Act != audit.Signals || last.Numbers["refused"] != 3 || last.Subject != "" || last.Reason != "" {
			t.Errorf("%+v", last)
		}
		for _, key := range f.rows { // the handle's row goes with the account's
			if r := f.asks(key, "insight"); r != event.None {
				t.Errorf("after a grant: %v", r)
			}
		}
		if r := f.asks(f.other, "insight"); r != event.Withdrawn {
			t.Errorf("after a withdrawal: %v", r)
		}
	}
	if taken, err := s.Take(t.Context(), nil); err != nil || taken.Records != 0 {
		t.Errorf("%+v, %v", taken, err)
	}
}

// A purpose that the policy does not know can deny and never allow: not even when the policy gets it later.
func TestUnknownPurposesAllowNothing(t *testing.T) {
	purposeful := func(kind consent.Kind, purpose string, v consent.Verdict, when int64) consent.Signal {
		s := says(kind, v, when)
		s.Purpose = purpose
		return s
	}
	before, after := at(-time.Hour), at(-time.Minute)
	for _, c := range []struct {
		name    string
		signals []consent.Signal
		unknown int
		want    event.Reason // of the purpose once the policy has it
	}{
		{"a grant", []consent.Signal{consents("profiling", consent.Allow, before)}, 1, event.NoConsent},
		{"a denial", []consent.Signal{consents("profiling", consent.Deny, before)}, 0, event.Withdrawn},
		{"a grant after a denial", []consent.Signal{consents("profiling", consent.Deny, before), consents("profiling", consent.Allow, after)}, 1, event.Withdrawn},
		{"an objection", []consent.Signal{purposeful(consent.Objection, "profiling", consent.Deny, before)}, 0, event.Objected},
		{"a lifted objection", []consent.Signal{
			purposeful(consent.Objection, "profiling", consent.Deny, before), purposeful(consent.Objection, "profiling", consent.Allow, after)}, 1, event.Objected},
		{"a lifted restriction, whose ground is no purpose", []consent.Signal{
			purposeful(consent.Restriction, "dispute", consent.Deny, before), purposeful(consent.Restriction, "dispute", consent.Allow, after)}, 0, event.NoConsent},
		{"a grant of every purpose", []consent.Signal{consents("", consent.Allow, before)}, 0, event.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFamily(t)
			taken, err := f.service().Take(t.Context(), slices.Concat(
				send(t, account("42"), c.signals...), send(t, account("43"), consents("insight", consent.Allow, before))))
			must(t, err)
			if taken.Unknown != c.unknown || taken.Refused != 0 {
				t.Errorf("unknown %d, want %d; %+v", taken.Unknown, c.unknown, taken)
			}
			if e := f.entries; c.unknown > 0 && (len(e) == 0 || e[0].Numbers["unknown-purpose"] != uint64(c.unknown)) {
				t.Errorf("the audit log has %+v", e)
			}
			if r := f.asks(f.rows[1], "profiling"); r != c.want {
				t.Errorf("later the purpose answers %v, want %v", r, c.want)
			}
			if r := f.asks(f.other, "insight"); r != event.None {
				t.Errorf("others of the batch: %v", r)
			}
		})
	}
	_, err := newFamily(t).service().Say(t.Context(), officer, account("42"), "", consents("profiling", consent.Allow, before))
	wantErr(t, err, ErrInput)
}

// What the store refuses is not lost: the caller tries the same records again.
func TestTakeGivesTheStoresError(t *testing.T) {
	f := newFamily(t)
	f.store.FailNext(1, errCrash)
	_, err := f.service().Take(t.Context(), send(t, account("42"), consents("insight", consent.Deny, at(0))))
	if !errors.Is(err, event.ErrTransient) {
		t.Errorf("error %v", err)
	}
}

func TestTakeErasesForThePlatform(t *testing.T) {
	f := newFamily(t)
	s := says(consent.Erasure, consent.Deny, at(0))
	s.Source = "event:mastodon"
	taken, err := f.service().Take(t.Context(), send(t, account("42"), s))
	must(t, err)
	if taken.Erased != 2 || !taken.Tightened {
		t.Errorf("%+v", taken)
	}
	_, err = f.service().RunOutbox(t.Context())
	must(t, err)
	f.check(true)
	e, err := f.service().readEntry(&f.topics[ledger][0][0])
	must(t, err)
	if e.Reason != OnPlatform || e.ErasedAt != at(0) {
		t.Errorf("%+v", e)
	}
}

func TestSay(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	restrict := says(consent.Restriction, consent.Deny, at(-time.Minute))
	restrict.Purpose = "dispute"
	_, err := s.Say(t.Context(), officer, consent.Subject{Instance: "mastodon", Type: "acc", ID: "42"}, "letter", restrict)
	must(t, err)
	if r := f.asks(f.rows[1], "insight"); r != event.Restricted {
		t.Errorf("restricted: %v", r)
	}
	e := f.entries[len(f.entries)-1]
	if e.Act != audit.Restrict || e.Actor != officer.Name || e.Subject == "" || e.Reason != "letter" || e.Details["outcome"] != "restricted" {
		t.Errorf("%+v", e)
	}
	_, err = s.Say(t.Context(), Actor{}, account("42"), "", restrict)
	wantErr(t, err, ErrInput)
	_, err = s.Say(t.Context(), officer, account("42"), "", consent.Signal{Kind: consent.Age, Verdict: consent.Deny, Purpose: "x", At: 1})
	wantErr(t, err, ErrInput)
	_, err = s.Say(t.Context(), officer, consent.Subject{Instance: "mastodn", Type: "account", ID: "42"}, "", restrict)
	wantErr(t, err, ErrInput)
	_, err = s.Say(t.Context(), officer, account("42"), "", says(consent.Age, consent.Deny, at(time.Hour)))
	wantErr(t, err, ErrInput)
}
