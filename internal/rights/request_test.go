// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

func ask(typ RequestType, who ...consent.Subject) Request {
	return Request{ID: "r1", Type: typ, Regime: "gdpr", By: officer, Subjects: who}
}

// verified files a request and verifies it.
func verified(t testing.TB, s *Service, r Request) {
	t.Helper()
	_, err := s.File(t.Context(), r)
	must(t, err)
	_, err = s.Verify(t.Context(), r.ID, officer, "login")
	must(t, err)
}

func TestRequestStates(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	first, err := s.File(t.Context(), ask(Access, account("42")))
	must(t, err)
	w.now = w.now.Add(time.Hour)
	again, err := s.File(t.Context(), ask(Access, account("42")))
	must(t, err)
	if first.State != Received || again.Received != first.Received {
		t.Errorf("filed again: %+v", again.State)
	}
	_, err = s.File(t.Context(), ask(Erasing, account("42")))
	wantErr(t, err, ErrInput)
	_, err = s.File(t.Context(), ask(Access, account("43")))
	wantErr(t, err, ErrInput)
	_, err = s.Move(t.Context(), "r1", InProgress, officer, "") // not verified
	wantErr(t, err, ErrState)
	_, err = s.Move(t.Context(), "r1", Verified, officer, "")
	wantErr(t, err, ErrInput)
	_, err = s.Verify(t.Context(), "r1", officer, "")
	wantErr(t, err, ErrInput)
	r, err := s.Verify(t.Context(), "r1", officer, "login")
	must(t, err)
	if r.State != Verified || r.Verified.By != "alice" {
		t.Errorf("%+v", r.Verified)
	}
	_, err = s.Move(t.Context(), "r1", Refused, officer, "manifestly unfounded")
	must(t, err)
	for _, to := range []State{Received, InProgress, Done, Canceled} {
		_, err = s.Move(t.Context(), "r1", to, officer, "")
		wantErr(t, err, ErrState)
	}
	_, err = s.Request(t.Context(), "r2")
	wantErr(t, err, ErrNotFound)
	must(t, w.store.Scan(t.Context(), subject.Requests, subject.Key{}, func(rows []subject.Row) error {
		for _, row := range rows {
			if bytes.Contains(row.Body, []byte("42")) && bytes.Contains(row.Body, []byte("mastodon")) {
				t.Error("the row tells whom the request is about")
			}
		}
		return nil
	}))
}

func TestRequestDeadlines(t *testing.T) {
	date := func(text string) int64 {
		d, err := time.Parse(time.RFC3339, text)
		must(t, err)
		return d.UnixMilli()
	}
	for _, c := range []struct{ regime, received, deadline string }{
		{"gdpr", "2026-01-15T08:00:00Z", "2026-02-15T08:00:00Z"},
		{"gdpr", "2026-01-31T08:00:00Z", "2026-02-28T08:00:00Z"},
		{"gdpr", "2024-01-30T08:00:00Z", "2024-02-29T08:00:00Z"},
		{"gdpr", "2025-12-31T08:00:00Z", "2026-01-31T08:00:00Z"},
		{"ccpa", "2026-01-15T08:00:00Z", "2026-03-01T08:00:00Z"},
	} {
		w := newWorld(t)
		r := ask(Object, account("1"))
		r.Regime, r.Received = c.regime, date(c.received)
		filed, err := w.service().File(t.Context(), r)
		must(t, err)
		if filed.Deadline != date(c.deadline) {
			t.Errorf("%s of %s: deadline %s, want %s", c.regime, c.received, stamp(filed.Deadline), c.deadline)
		}
		if !filed.Overdue(filed.Deadline+1) || filed.Overdue(filed.Deadline) {
			t.Error("overdue")
		}
	}
}

func TestRequestsAreListedByDeadline(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	_, err := w.store.Swap(t.Context(), subject.Requests, []subject.Row{{Key: subject.Key{9}, Body: []byte("reveal\x01 another's")}})
	must(t, err)
	for i, regime := range []string{"ccpa", "gdpr", "ccpa"} {
		r := ask(Access, account("42"))
		r.ID, r.Regime = fmt.Sprint("r", i), regime
		_, err := s.File(t.Context(), r)
		must(t, err)
	}
	_, err = s.Move(t.Context(), "r2", Canceled, officer, "")
	must(t, err)
	for all, want := range map[bool]string{false: "r1 r0 ", true: "r1 r0 r2 "} {
		list, err := s.Requests(t.Context(), all)
		must(t, err)
		got := ""
		for _, r := range list {
			got += r.ID + " "
		}
		if got != want {
			t.Errorf("all %v: %s, want %s", all, got, want)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	w := newWorld(t)
	for name, edit := range map[string]func(*Request){
		"id":       func(r *Request) { r.ID = "a b" },
		"type":     func(r *Request) { r.Type = "forget" },
		"regime":   func(r *Request) { r.Regime = "lgpd" },
		"deadline": func(r *Request) { r.Regime = "custom" },
		"nobody":   func(r *Request) { r.Subjects = nil },
		"future":   func(r *Request) { r.Received = at(time.Hour) },
		"subject":  func(r *Request) { r.Subjects[0].Instance = "" },
		"actor":    func(r *Request) { r.By = Actor{} },
	} {
		r := ask(Access, account("42"))
		edit(&r)
		if _, err := w.service().File(t.Context(), r); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestFulfill(t *testing.T) {
	for typ, check := range map[RequestType]func(f *family, c *Certificate){
		Erasing: func(f *family, c *Certificate) {
			_, err := f.service().RunOutbox(f.t.Context())
			must(f.t, err)
			f.check(true)
			if c == nil || len(c.Signed) == 0 {
				f.t.Error("no certificate")
			}
		},
		Restrict: func(f *family, _ *Certificate) {
			if r := f.asks(f.rows[1], "insight"); r != event.Restricted {
				f.t.Errorf("%v", r)
			}
		},
		Object: func(f *family, _ *Certificate) {
			if r := f.asks(f.rows[1], "insight"); r != event.Objected {
				f.t.Errorf("%v", r)
			}
		},
		Unrestrict: func(f *family, _ *Certificate) {
			if r := f.asks(f.rows[1], "insight"); r != event.NoConsent {
				f.t.Errorf("%v", r)
			}
		},
		Rectify: func(f *family, _ *Certificate) {
			for _, p := range f.told {
				if f.world.told(p) != 1 {
					f.t.Errorf("%d correction events to %s", f.world.told(p), p.Recipient)
				}
			}
		},
	} {
		t.Run(string(typ), func(t *testing.T) {
			f := newFamily(t)
			if typ == Rectify {
				for _, key := range append(f.rows, f.other) {
					f.settled[key] = true // corrections wait for nobody
				}
			}
			r := ask(typ, account("42"))
			r.Received = at(-time.Hour)
			_, err := f.service().File(t.Context(), r)
			must(t, err)
			_, err = f.service().Fulfill(t.Context(), "r1", Order{By: officer})
			wantErr(t, err, ErrState)
			_, err = f.service().Verify(t.Context(), "r1", officer, "login")
			must(t, err)
			came, err := f.service().Fulfill(t.Context(), "r1", Order{By: officer, Ground: "letter", Classes: []string{"email"}})
			must(t, err)
			check(f, came.Certificate)
			done, err := f.service().Request(t.Context(), "r1")
			must(t, err)
			if done.State != Done {
				t.Errorf("the request is %s", done.State)
			}
			_, err = f.service().Fulfill(t.Context(), "r1", Order{By: officer})
			wantErr(t, err, ErrState)
		})
	}
}

// A request that has ended forgets whom it was about: an erasure at once, others after a month.
func TestRequestsForget(t *testing.T) {
	for _, c := range []struct {
		typ  RequestType
		to   State
		keep int // days after its end
	}{{Erasing, Done, -1}, {Erasing, Refused, 30}, {Access, Done, 30}, {Restrict, Canceled, 30}, {Object, InProgress, 1000}} {
		t.Run(fmt.Sprint(c.typ, " ", c.to), func(t *testing.T) {
			w := newWorld(t)
			s := w.service()
			verified(t, s, ask(c.typ, account("424242")))
			for _, to := range []State{InProgress, c.to} {
				_, err := s.Move(t.Context(), "r1", to, officer, "")
				must(t, err)
			}
			began := w.now
			for _, days := range []int{0, 10, 20, 29, 31, 40} {
				w.now = began.Add(time.Duration(days) * day)
				_, err := s.Reseal(t.Context())
				must(t, err)
				r, err := s.Request(t.Context(), "r1")
				must(t, err)
				if got, want := len(r.Subjects) > 0, days <= c.keep; got != want || r.State != c.to || r.Changed != began.UnixMilli() {
					t.Errorf("after %d days: tells whom it was about: %v, want %v; %s, changed %s", days, got, want, r.State, stamp(r.Changed))
				}
			}
			if c.keep < 1000 {
				_, err := s.File(t.Context(), ask(c.typ, account("424242")))
				wantErr(t, err, ErrInput)
			}
		})
	}
}

// What came signed is fulfilled without anybody's decision, however often the process ends meanwhile, and waits while a hold forbids it.
func TestRunRequests(t *testing.T) {
	for n := 1; ; n++ {
		f := newFamily(t)
		r := ask(Erasing, account("42"))
		r.Auto, r.Via = true, "meta"
		for range 2 { // a replay changes nothing
			filed, err := f.service().FileVerified(t.Context(), r, "signature")
			must(t, err)
			if filed.State != Verified || filed.Verified.How != "signature" {
				t.Fatalf("filed as %s", filed.State)
			}
		}
		other := ask(Erasing, account("43")) // an officer's
		other.ID = "r2"
		verified(t, f.service(), other)
		f.calls, f.crashAt = 0, n
		done, err := f.service().RunRequests(t.Context())
		if err == nil && done != 1 {
			t.Fatalf("%d requests ended", done)
		}
		crashed := f.crashed
		f.revive()
		_, err = f.service().RunRequests(t.Context())
		must(t, err)
		_, err = f.service().RunOutbox(t.Context())
		must(t, err)
		f.check(true)
		ended, err := f.service().Request(t.Context(), "r1")
		must(t, err)
		if ended.State != Done || ended.Result == "" || len(ended.Subjects) > 0 {
			t.Fatalf("after a crash at %d: %s", n, ended.State)
		}
		if !crashed {
			return
		}
	}
}

func TestRunRequestsWaitsForAHold(t *testing.T) {
	f := newFamily(t)
	s := f.service()
	_, err := s.Say(t.Context(), officer, account("42"), "", says(consent.Hold, consent.Deny, at(-time.Hour)))
	must(t, err)
	r := ask(Erasing, account("42"))
	r.Auto = true
	_, err = s.FileVerified(t.Context(), r, "signature")
	must(t, err)
	refusals := func() (n int) {
		for _, e := range f.entries {
			if e.Act == audit.Deny {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		after time.Duration
		tried int
	}{{0, 1}, {time.Minute, 1}, {time.Hour, 2}} {
		f.now = f.now.Add(c.after)
		done, err := s.RunRequests(t.Context())
		must(t, err)
		if done != 0 || refusals() != c.tried {
			t.Errorf("after %s: %d done, tried %d times, want %d", c.after, done, refusals(), c.tried)
		}
	}
	waits, err := s.Request(t.Context(), "r1")
	must(t, err)
	if waits.State != InProgress || waits.Result != resultHeld || f.person(f.rows[1]).State != subject.StateLive {
		t.Errorf("%s, %q", waits.State, waits.Result)
	}
	_, err = s.Say(t.Context(), officer, account("42"), "", says(consent.Hold, consent.Allow, f.now.UnixMilli()))
	must(t, err)
	f.now = f.now.Add(time.Hour)
	if done, err := s.RunRequests(t.Context()); err != nil || done != 1 || f.person(f.rows[1]).State != subject.StateErased {
		t.Errorf("after the release: %d, %v", done, err)
	}
}

func TestOptingOut(t *testing.T) {
	w := newWorld(t)
	key := w.create(account("42"))
	sells := func() event.Reason {
		return w.person(key).Standing.Ask(&consent.Question{
			Purpose: consent.PurposeOf("insight"), Basis: "contract", Sale: true, Sharing: true, UnknownAgeIsAdult: true, EventTime: w.now.UnixMilli(), Now: w.now.UnixMilli(),
		})
	}
	for i, c := range []struct {
		typ  RequestType
		want event.Reason
	}{{OptOut, event.OptedOut}, {OptIn, event.OptedOut}} { // opting in to sale says nothing of sharing
		w.now = w.now.Add(time.Hour)
		r := ask(c.typ, account("42"))
		r.ID, r.Auto, r.Via = fmt.Sprint("o", i), true, "drp"
		_, err := w.service().FileVerified(t.Context(), r, "signature of the agent")
		must(t, err)
		if done, err := w.service().RunRequests(t.Context()); err != nil || done != 1 || sells() != c.want {
			t.Errorf("%s: %d, %v, %v", c.typ, done, err, sells())
		}
	}
	if w.person(key).Standing.Refuses(consent.Sale, w.now.UnixMilli()) || !w.person(key).Standing.Refuses(consent.Sharing, w.now.UnixMilli()) {
		t.Error("opting in to sale allows sharing, or no sale")
	}
}

func TestWaiting(t *testing.T) {
	f := newFamily(t)
	spread := f.service(func(o *Options) { o.Spread = time.Hour })
	count := func() (n int, first, last int64) {
		must(t, spread.Waiting(t.Context(), func(since int64) {
			if n++; n == 1 || since < first {
				first = since
			}
			last = max(last, since)
		}))
		return n, first, last
	}
	if n, _, _ := count(); n != 0 {
		t.Errorf("%d wait before anything happened", n)
	}
	_, err := spread.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer, At: at(0)})
	must(t, err)
	n, first, last := count()
	if n != len(f.told) || first < at(0) || last > at(time.Hour) || first == last {
		t.Errorf("%d wait, from %s to %s; want one for each of %d pseudonyms at its moment", n, stamp(first), stamp(last), len(f.told))
	}
	_, err = spread.RunOutbox(t.Context()) // it meets them, and they are not due
	must(t, err)
	if again, _, _ := count(); again != n {
		t.Errorf("%d wait after they were met, want %d", again, n)
	}
	f.now = f.now.Add(2 * time.Hour)
	_, err = spread.RunOutbox(t.Context())
	must(t, err)
	if n, _, _ := count(); n != 0 {
		t.Errorf("%d wait after they were published", n)
	}
}
