// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
)

// Order is what fulfilling a request needs beside the request.
type Order struct {
	By      Actor
	Ground  string   // for the audit log; no personal value
	Purpose string   // of an objection: "" means every purpose; of a restriction: its ground
	Classes []string // of a rectification: what was wrong
	Source  string   // of what is said; default the protocol that the request came by, or officer
	Reason  Reason   // of an erasure; default OnRequest
	At      int64    // as of when an erasure holds, milliseconds since the Unix epoch; default when the request was received
}

// Fulfilled is what a request came to.
type Fulfilled struct {
	Request     Request
	Certificate *Certificate // of an erasure
	Taken       Taken        // of what was said of people: restrictions, objections, opting out
}

// Fulfill does what a verified request asks for and ends it; access and export are Export's. Repeating it after an error finishes it.
func (s *Service) Fulfill(ctx context.Context, id string, o Order) (Fulfilled, error) {
	r, err := s.Request(ctx, id)
	if err != nil {
		return Fulfilled{}, err
	}
	if r.Type == Access || r.Type == Portable {
		return Fulfilled{Request: r}, fmt.Errorf("%w: Export fulfills a request of type %s", ErrInput, r.Type)
	}
	if r, err = s.Move(ctx, id, InProgress, o.By, ""); err != nil {
		return Fulfilled{Request: r}, err
	}
	f := Fulfilled{Request: r}
	if len(r.Subjects) == 0 {
		return f, fmt.Errorf("%w: whom the request is about cannot be read any more, its store epoch was destroyed; file it anew", ErrState)
	}
	result := ""
	if r.Type == Erasing {
		result, err = s.fulfillErasure(ctx, &f, o)
	} else {
		err = s.fulfillEach(ctx, &f, o)
	}
	if err == nil {
		f.Request, err = s.Move(ctx, id, Done, o.By, result)
	}
	return f, err
}

func (s *Service) fulfillErasure(ctx context.Context, f *Fulfilled, o Order) (result string, err error) {
	c, err := s.Erase(ctx, Erasure{
		Subjects: f.Request.Subjects, Reason: cmp.Or(o.Reason, OnRequest), Ground: o.Ground, Request: f.Request.ID, By: o.By, At: cmp.Or(o.At, f.Request.Received),
	})
	if err != nil {
		return "", err
	}
	f.Certificate = &c
	return c.ID, nil
}

// fulfillEach does for each person what the request asks for.
func (s *Service) fulfillEach(ctx context.Context, f *Fulfilled, o Order) error {
	for i, who := range f.Request.Subjects {
		var err error
		var taken Taken
		if f.Request.Type == Rectify {
			_, err = s.Correct(ctx, o.By, who, Correction{Classes: o.Classes, Ground: o.Ground})
		} else {
			taken, err = s.Say(ctx, o.By, who, o.Ground, wishes(&f.Request, o)...)
		}
		if err != nil {
			if len(f.Request.Subjects) > 1 {
				err = fmt.Errorf("subject %d: %w", i+1, err)
			}
			return err
		}
		f.Taken.Signals += taken.Signals
		f.Taken.Keys = append(f.Taken.Keys, taken.Keys...)
		f.Taken.Tightened = f.Taken.Tightened || taken.Tightened
	}
	return nil
}

// wishes are the signals that a request comes to.
func wishes(r *Request, o Order) []consent.Signal {
	w := consent.Signal{ID: r.ID, Kind: consent.Restriction, Verdict: consent.Deny, Purpose: o.Purpose, At: r.Received, Source: cmp.Or(o.Source, r.Via, "officer")}
	switch r.Type {
	case Unrestrict:
		w.Verdict = consent.Allow
	case Object:
		w.Kind = consent.Objection
	case OptOut:
		sharing := w
		w.Kind, sharing.Kind = consent.Sale, consent.Sharing
		return []consent.Signal{w, sharing}
	case OptIn:
		w.Kind, w.Verdict = consent.Sale, consent.Allow
	}
	return []consent.Signal{w}
}

const (
	resultHeld = "waits for the release of a legal hold"
	// heldPause is how long a request waits whose people are under a legal hold before it is tried again, in milliseconds.
	heldPause = int64(time.Hour / time.Millisecond)
)

// RunRequests fulfills the requests that nobody needs to decide on, and gives how many it ended. One that a legal hold forbids stays
// open, and so does one that fails: call it again and again.
func (s *Service) RunRequests(ctx context.Context) (done int, err error) {
	open, err := s.Requests(ctx, false)
	if err != nil {
		return 0, err
	}
	for i := range open {
		r := &open[i]
		if !r.Auto || r.State == Received || r.Result == resultHeld && s.nowMs()-r.Changed < heldPause {
			continue
		}
		ended, failed := s.RunRequest(ctx, r.ID)
		if ended.State == Done {
			done++
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("request %s: %w", r.ID, failed))
		}
		if errors.Is(failed, event.ErrTransient) || ctx.Err() != nil {
			return done, err
		}
	}
	return done, err
}

// RunRequest fulfills one of them, and gives it as it is then. That a legal hold forbids it, or that somebody else has ended it, is no
// error.
func (s *Service) RunRequest(ctx context.Context, id string) (Request, error) {
	f, err := s.Fulfill(ctx, id, Order{By: s.service()})
	switch {
	case errors.Is(err, ErrHeld):
		return s.change(ctx, id, func(r *Request) error {
			if !r.State.Final() {
				r.Result, r.Changed = resultHeld, s.nowMs()
			}
			return nil
		})
	case errors.Is(err, ErrState):
		r, lost := s.Request(ctx, id)
		if lost == nil && r.State.Final() {
			return r, nil
		}
	}
	return f.Request, err
}
