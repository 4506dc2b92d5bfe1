// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/subject"
)

// Who deleted their account at X is erased after 30 days, unless they came back; once, and not while somebody must keep them.
func TestEraseDeparted(t *testing.T) {
	restriction := func(v consent.Verdict, ground string, when time.Duration) consent.Signal {
		s := says(consent.Restriction, v, at(when))
		s.Purpose = ground
		return s
	}
	hold := says(consent.Hold, consent.Deny, at(day))
	for _, c := range []struct {
		name    string
		signals []consent.Signal
		days    int // after the first
		want    bool
	}{
		{"gone", []consent.Signal{restriction(consent.Deny, "x:delete", 0)}, 30, true},
		{"gone, as an event tells", []consent.Signal{restriction(consent.Deny, "platform:leaving", 0)}, 30, true},
		{"gone lately", []consent.Signal{restriction(consent.Deny, "x:delete", 0)}, 29, false},
		{"back", []consent.Signal{restriction(consent.Deny, "x:delete", 0), restriction(consent.Allow, "x:delete", 10*day)}, 60, false},
		{"back, told in another order", []consent.Signal{restriction(consent.Allow, "x:delete", 10*day), restriction(consent.Deny, "x:delete", 0)}, 60, false},
		{"gone again", []consent.Signal{restriction(consent.Deny, "x:delete", 0), restriction(consent.Allow, "x:delete", 10*day), restriction(consent.Deny, "x:delete", 20*day)}, 49, false},
		{"gone again for long", []consent.Signal{restriction(consent.Deny, "x:delete", 0), restriction(consent.Allow, "x:delete", 10*day), restriction(consent.Deny, "x:delete", 20*day)}, 50, true},
		{"suspended", []consent.Signal{restriction(consent.Deny, "x:suspend", 0)}, 60, false},
		{"back from a suspension only", []consent.Signal{restriction(consent.Deny, "x:delete", 0), restriction(consent.Allow, "x:suspend", day)}, 30, true},
		{"held", []consent.Signal{restriction(consent.Deny, "x:delete", 0), hold}, 60, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFamily(t)
			f.now = start.Add(time.Duration(c.days) * day)
			for _, one := range c.signals {
				_, err := f.service().Take(t.Context(), send(t, account("42"), one))
				must(t, err)
			}
			for _, when := range []time.Duration{0, day} {
				f.now = f.now.Add(when)
				if when > 0 && !c.want {
					continue
				}
				n, err := f.service().EraseDeparted(t.Context())
				must(t, err)
				if want := c.want && when == 0; (n > 0) != want {
					t.Errorf("after %d days and %s: %d erased, want %v", c.days, when, n, want)
				}
			}
			for i, key := range f.rows { // the handle goes with the account
				if got := f.person(key).State == subject.StateErased; got != c.want {
					t.Errorf("row %d: erased %v", i, got)
				}
			}
			if f.person(f.other).State != subject.StateLive {
				t.Error("somebody else was erased")
			}
		})
	}
}

// Somebody of whom only the departure is known is erased too, so that nothing of them begins later; and a consent from before does not
// bring anybody back.
func TestDepartedStrangers(t *testing.T) {
	w := newWorld(t)
	gone := says(consent.Restriction, consent.Deny, at(0))
	gone.Purpose = "x:delete"
	_, err := w.service().Take(t.Context(), send(t, account("77"), gone))
	must(t, err)
	w.now = start.Add(31 * day)
	n, err := w.service().EraseDeparted(t.Context())
	must(t, err)
	if p := w.person(w.key(account("77"))); n != 1 || p.State != subject.StateErased || p.ErasedAt != at(30*day) {
		t.Errorf("%d erased; %v as of %s", n, p.State, stamp(p.ErasedAt))
	}
}
