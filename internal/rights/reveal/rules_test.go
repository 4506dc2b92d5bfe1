// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestTwoPeopleReveal(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	r := h.revealed(ask(p))
	wantStates(t, r, reveal.Found)
	want := consent.Subject{Instance: "forum", Type: "account", ID: "42"}
	if got := r.Items[0].Who; got != want || r.OpensLeft != 0 {
		t.Errorf("another identity, or %d opens left", r.OpensLeft)
	}
	if got := r.People(); len(got) != 1 || got[0] != want {
		t.Errorf("%d people", len(got))
	}
	var steps []audit.Act
	for _, e := range h.audit.entries {
		steps = append(steps, e.Act)
	}
	if got := fmt.Sprint(steps); got != "[reveal-request reveal-approve reveal-open reveal-open]" {
		t.Errorf("audit log: %s", got)
	}
	if e := h.audit.entries[2]; e.Subject != hash(h.keyOf("42")) || e.Actor != ines.Name || e.Role != reveal.Investigator || e.Recipient != "analytics" {
		t.Errorf("entry of the person: %+v", e)
	}
}

// Each rule is tried to be broken; the refusal is in the audit log.
func TestRules(t *testing.T) {
	type step func(h *house, id string) error
	request := func(by reveal.Actor) step {
		return func(h *house, _ string) error {
			_, err := h.Request(h.t.Context(), by, ask(h.account("7")))
			return err
		}
	}
	approve := func(by reveal.Actor) step {
		return func(h *house, id string) error { return h.Approve(h.t.Context(), by, id) }
	}
	deny := func(by reveal.Actor) step {
		return func(h *house, id string) error { return h.Deny(h.t.Context(), by, id) }
	}
	open := func(by reveal.Actor) step {
		return func(h *house, id string) error { _, err := h.Open(h.t.Context(), by, id, h.key); return err }
	}
	after := func(d time.Duration, s step) step {
		return func(h *house, id string) error { h.pass(d); return s(h, id) }
	}
	renamed := func(a reveal.Actor, name string) reveal.Actor { a.Name = name; return a }
	for name, c := range map[string]struct {
		by    reveal.Actor // who asks; default Ines
		given []step       // must work
		tried step
		works bool
	}{
		"an operator asks":               {tried: request(opal)},
		"a privacy officer asks":         {tried: request(olga)},
		"an auditor asks":                {tried: request(audrey)},
		"nobody asks":                    {tried: request(nobody)},
		"an investigator approves":       {tried: approve(ivan)},
		"an operator approves":           {tried: approve(opal)},
		"an auditor approves":            {tried: approve(audrey)},
		"self-approval":                  {by: both, tried: approve(both)},
		"self-approval in capitals":      {by: both, tried: approve(renamed(both, "BOTH@Example.ORG"))},
		"self-approval in wide letters":  {by: both, tried: approve(renamed(both, "ｂｏｔｈ@example.org"))},
		"self-approval decomposed":       {by: renamed(both, "rené"), tried: approve(renamed(both, "rene\u0301"))},
		"self-approval with every role":  {by: general, tried: approve(general)},
		"second approval":                {given: []step{approve(olga)}, tried: approve(oscar)},
		"approval on the last day":       {tried: after(7*24*time.Hour-time.Millisecond, approve(olga)), works: true},
		"approval after seven days":      {tried: after(7*24*time.Hour, approve(olga))},
		"approval of what was denied":    {given: []step{deny(oscar)}, tried: approve(olga)},
		"an investigator denies":         {tried: deny(ivan)},
		"second denial":                  {given: []step{deny(olga)}, tried: deny(oscar)},
		"opening before the approval":    {tried: open(ines)},
		"opening":                        {given: []step{approve(olga)}, tried: open(ines), works: true},
		"opening as spelled otherwise":   {given: []step{approve(olga)}, tried: open(renamed(ines, "Ines@example.org")), works: true},
		"opening by another":             {given: []step{approve(olga)}, tried: open(ivan)},
		"opening by the approver":        {given: []step{approve(both)}, tried: open(both)},
		"opening by an officer":          {given: []step{approve(olga)}, tried: open(olga)},
		"opening without the role":       {given: []step{approve(olga)}, tried: open(renamed(nobody, ines.Name))},
		"opening in the last hour":       {given: []step{approve(olga)}, tried: after(24*time.Hour-time.Millisecond, open(ines)), works: true},
		"opening after a day":            {given: []step{approve(olga)}, tried: after(24*time.Hour, open(ines))},
		"second opening":                 {given: []step{approve(olga), open(ines)}, tried: open(ines)},
		"opening after a denial":         {given: []step{approve(olga), deny(oscar)}, tried: open(ines)},
		"opening without the reveal key": {given: []step{approve(olga)}, tried: func(h *house, id string) error { _, err := h.Open(h.t.Context(), ines, id, nil); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if c.by.Name == "" {
				c.by = ines
			}
			id, err := h.Request(t.Context(), c.by, ask(h.account("42")))
			must(t, err)
			for _, s := range c.given {
				must(t, s(h, id))
			}
			before := h.audit.count(audit.Deny, "")
			err = c.tried(h, id)
			if c.works {
				must(t, err)
				return
			}
			wantError(t, "the step", err, reveal.ErrRefused)
			if n := h.audit.count(audit.Deny, ""); n != before+1 {
				t.Errorf("%d refusals in the audit log", n-before)
			}
		})
	}
}

func TestAsksThatAreNone(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	other := h.pseudonym("ads", 1, h.create("42").Secret)
	many := make([]string, 1001)
	for i := range many {
		many[i] = p
	}
	sealed := reveal.Sealed{Class: "email", Path: "$.author.email", Pseudonym: p, Text: "AAAA"}
	span := &reveal.Span{From: start.Add(-time.Hour), To: start}
	for name, change := range map[string]func(*reveal.Ask){
		"no reason":             func(a *reveal.Ask) { a.Reason = "" },
		"another reason":        func(a *reveal.Ask) { a.Reason = "curiosity" },
		"no case":               func(a *reveal.Ask) { a.Case = "" },
		"e-mail in the case":    func(a *reveal.Ask) { a.Case = "ann@example.org" },
		"phone in the case":     func(a *reveal.Ask) { a.Case = "+4915112345678" },
		"phone without plus":    func(a *reveal.Ask) { a.Case = "0151-1234567" },
		"phone behind a letter": func(a *reveal.Ask) { a.Case = "T-0151-1234567" },
		"phone behind letters":  func(a *reveal.Ask) { a.Case = "tel4915112345678" },
		"pseudonym in the case": func(a *reveal.Ask) { a.Case = p },
		"capital pseudonym":     func(a *reveal.Ask) { a.Case = strings.ToUpper(p) },
		"a sentence as case":    func(a *reveal.Ask) { a.Case = "Ann Example of Paris" },
		"nothing":               func(a *reveal.Ask) { a.Pseudonyms = nil },
		"too many":              func(a *reveal.Ask) { a.Pseudonyms = many },
		"no pseudonym":          func(a *reveal.Ask) { a.Pseudonyms = []string{"acc_1_x"} },
		"capitals":              func(a *reveal.Ask) { a.Pseudonyms = []string{strings.ToUpper(p)} },
		"a post":                func(a *reveal.Ask) { a.Pseudonyms = []string{"obj" + p[3:]} },
		"an epoch to come":      func(a *reveal.Ask) { a.Pseudonyms = []string{"acc_9" + p[5:]} },
		"no recipient":          func(a *reveal.Ask) { a.Recipient = "" },
		"unknown recipient":     func(a *reveal.Ask) { a.Recipient = "press" },
		"opened too often":      func(a *reveal.Ask) { a.Opens = 11 },
		"opened less than once": func(a *reveal.Ask) { a.Opens = -1 },
		"sealed, no class":      func(a *reveal.Ask) { v := sealed; v.Class = ""; a.Sealed = []reveal.Sealed{v} },
		"sealed, no path":       func(a *reveal.Ask) { v := sealed; v.Path = ""; a.Sealed = []reveal.Sealed{v} },
		"sealed, no text":       func(a *reveal.Ask) { v := sealed; v.Text = ""; a.Sealed = []reveal.Sealed{v} },
		"sealed, no pseudonym":  func(a *reveal.Ask) { v := sealed; v.Pseudonym = ""; a.Sealed = []reveal.Sealed{v} },
		"sealed, too large":     func(a *reveal.Ask) { v := sealed; v.Text = strings.Repeat("A", 1<<20+1); a.Sealed = []reveal.Sealed{v} },
		"a span for fraud":      func(a *reveal.Ask) { a.Pseudonyms, a.Span = nil, span },
		"a span and pseudonyms": func(a *reveal.Ask) { a.Reason, a.Span = reveal.Incident, span },
		"a span without people": func(a *reveal.Ask) { a.Pseudonyms, a.Reason, a.Span = nil, reveal.Incident, span },
		"a span to come": func(a *reveal.Ask) {
			a.Pseudonyms, a.Reason, a.Span = nil, reveal.Incident, &reveal.Span{From: start, To: start.Add(time.Hour)}
		},
	} {
		a := ask(p)
		change(&a)
		_, err := h.Request(t.Context(), ines, a)
		wantError(t, name, err, reveal.ErrInput)
		if err != nil && (strings.Contains(err.Error(), p[6:]) || strings.Contains(err.Error(), "example.org") || strings.Contains(err.Error(), "1234567")) {
			t.Errorf("%s: the error quotes a value", name)
		}
	}
	for _, good := range []string{"FRAUD-2026-118", "AZ-12/2026", "CASE-2026-000118", "a#1"} {
		a := ask(p, p, p)
		a.Case = good
		if _, err := h.Request(t.Context(), ines, a); err != nil {
			t.Errorf("case %s: %v", good, err)
		}
	}
	wantStates(t, h.revealed(ask(other)), reveal.Unknown) // another recipient's pseudonym names nobody here
	if n := h.audit.count(audit.RevealRequest, ""); n != 5 {
		t.Errorf("%d requests in the audit log, want the good ones", n)
	}
}

func TestActorsThatAreNone(t *testing.T) {
	h := newHouse(t)
	a := ask(h.account("42"))
	for _, name := range []string{"", " ines", "ines ", "in\u200bes", "ines\n", "in\u3164es", "in\xffes", "ines\ufe0f", strings.Repeat("i", 129)} {
		_, err := h.Request(t.Context(), reveal.Actor{Name: name, Roles: reveal.Roles()}, a)
		wantError(t, fmt.Sprintf("%q", name), err, reveal.ErrInput)
	}
}

func TestUnknownRequests(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"", "rv", "rvabcdefghijklmnop", "' or 1=1", "acc_3_2cah4o9grvpibq69hrc7hr64g0", strings.Repeat("x", 1000)} {
		wantError(t, "approve", h.Approve(t.Context(), olga, id), reveal.ErrNotFound)
		wantError(t, "deny", h.Deny(t.Context(), olga, id), reveal.ErrNotFound)
		_, err := h.Open(t.Context(), ines, id, h.key)
		wantError(t, "open", err, reveal.ErrNotFound)
		_, err = h.Show(t.Context(), olga, id)
		wantError(t, "show", err, reveal.ErrNotFound)
	}
	wantError(t, "approve without the role", h.Approve(t.Context(), ines, "acc_3_2cah4o9grvpibq69hrc7hr64g0"), reveal.ErrRefused)
}

func TestOpensAsOftenAsApproved(t *testing.T) {
	h := newHouse(t)
	a := ask(h.account("42"))
	a.Opens = 3
	id := h.approved(a)
	for left := 2; left >= 0; left-- {
		r, err := h.Open(t.Context(), ines, id, h.key)
		must(t, err)
		wantStates(t, r, reveal.Found)
		if r.OpensLeft != left {
			t.Errorf("%d left, want %d", r.OpensLeft, left)
		}
	}
	_, err := h.Open(t.Context(), ines, id, h.key)
	wantError(t, "the fourth", err, reveal.ErrRefused)
}

// Of many openings at the same time only as many hand something out as were approved.
func TestOpeningsRace(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("42")))
	const racers = 8
	results := make(chan *reveal.Result, racers)
	for range racers {
		go func() {
			r, err := h.Open(t.Context(), ines, id, h.key)
			if err != nil && !errors.Is(err, reveal.ErrRefused) {
				t.Error(err)
			}
			results <- r
		}()
	}
	n := 0
	for range racers {
		if r := <-results; r != nil {
			n++
		}
	}
	if n != 1 {
		t.Errorf("opened %d times", n)
	}
}

// A denial that comes while the rows are scanned still holds.
func TestDeniedWhileItOpens(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("42")))
	h.onScan(func() { must(t, h.Deny(t.Context(), olga, id)) })
	r, err := h.Open(t.Context(), ines, id, h.key)
	wantError(t, "open", err, reveal.ErrRefused)
	if r != nil {
		t.Error("something was handed out")
	}
}

// onScan runs something once, after the people's rows were scanned.
func (h *house) onScan(fn func()) {
	h.store.Hook(hookOnce(storetest.Scan, subject.People, fn))
}

// Nothing happens that the audit log does not take.
func TestAuditLogComesFirst(t *testing.T) {
	down := errors.New("disk full")
	for _, act := range []audit.Act{audit.RevealRequest, audit.RevealApprove, audit.RevealOpen, audit.Deny} {
		h := newHouse(t)
		p := h.account("42")
		h.audit.refuse = func(e audit.Entry) error {
			if e.Act == act {
				return fmt.Errorf("%w: %w", down, event.ErrTransient)
			}
			return nil
		}
		id, err := h.Request(t.Context(), ines, ask(p))
		if act == audit.RevealRequest {
			wantError(t, "request", err, down)
			if list, err := h.List(t.Context(), olga); err != nil || len(list) != 0 {
				t.Errorf("%d requests, %v", len(list), err)
			}
			continue
		}
		must(t, err)
		if act == audit.Deny {
			wantError(t, "deny", h.Deny(t.Context(), olga, id), down)
			wantError(t, "a refusal", h.Approve(t.Context(), ines, id), reveal.ErrRefused)
		}
		if err = h.Approve(t.Context(), olga, id); act == audit.RevealApprove {
			wantError(t, "approve", err, down)
		}
		r, err := h.Open(t.Context(), ines, id, h.key)
		switch act {
		case audit.RevealApprove:
			wantError(t, "open", err, reveal.ErrRefused)
		case audit.RevealOpen:
			wantError(t, "open", err, down)
			h.audit.refuse = nil
			_, err = h.Open(t.Context(), ines, id, h.key)
			must(t, err) // nothing was handed out, so nothing was used up
		default:
			must(t, err)
			continue
		}
		if r != nil {
			t.Errorf("%s: something was handed out", act)
		}
	}
}

// Whatever call to the store fails, or loses its answer, an opening hands out nothing that was not counted.
func TestStoreFailsWhileItOpens(t *testing.T) {
	down := fmt.Errorf("no connection: %w", event.ErrTransient)
	for _, fault := range []func(*storetest.InMemory){
		func(s *storetest.InMemory) { s.FailNext(1, down) }, func(s *storetest.InMemory) { s.LoseNext(1, down) },
	} {
		for n := range 12 {
			h := newHouse(t)
			id := h.approved(ask(h.account("42")))
			calls, opened := 0, 0
			h.store.Hook(hookEach(func() {
				if calls++; calls == n {
					fault(h.store)
				}
			}))
			for range 3 {
				r, err := h.Open(t.Context(), ines, id, h.key)
				if err == nil {
					opened++
				}
				if (r == nil) != (err != nil) {
					t.Fatalf("call %d: result %v with error %v", n, r != nil, err)
				}
			}
			if opened > 1 {
				t.Errorf("call %d: opened %d times", n, opened)
			}
		}
	}
}
