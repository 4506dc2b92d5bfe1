// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"fmt"
	"testing"
	"time"

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
			_, _, err = f.service().Fulfill(t.Context(), "r1", Order{By: officer})
			wantErr(t, err, ErrState)
			_, err = f.service().Verify(t.Context(), "r1", officer, "login")
			must(t, err)
			_, c, err := f.service().Fulfill(t.Context(), "r1", Order{By: officer, Ground: "letter", Classes: []string{"email"}})
			must(t, err)
			check(f, c)
			done, err := f.service().Request(t.Context(), "r1")
			must(t, err)
			if done.State != Done {
				t.Errorf("the request is %s", done.State)
			}
			_, _, err = f.service().Fulfill(t.Context(), "r1", Order{By: officer})
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
