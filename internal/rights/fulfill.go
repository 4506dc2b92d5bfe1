// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/consent"
)

// Order is what fulfilling a request needs beside the request.
type Order struct {
	By      Actor
	Ground  string   // for the audit log; no personal value
	Purpose string   // of an objection: "" means every purpose; of a restriction: its ground
	Classes []string // of a rectification: what was wrong
}

// Fulfill does what a verified request asks for and ends it; access and export are Export's. Repeating it after an error finishes it. The
// certificate is that of an erasure.
func (s *Service) Fulfill(ctx context.Context, id string, o Order) (Request, *Certificate, error) {
	r, err := s.Request(ctx, id)
	if err != nil {
		return r, nil, err
	}
	if r.Type == Access || r.Type == Portable {
		return r, nil, fmt.Errorf("%w: Export fulfills a request of type %s", ErrInput, r.Type)
	}
	if r, err = s.Move(ctx, id, InProgress, o.By, ""); err != nil {
		return r, nil, err
	}
	if len(r.Subjects) == 0 {
		return r, nil, fmt.Errorf("%w: whom the request is about cannot be read any more, its store epoch was destroyed; file it anew", ErrState)
	}
	if r.Type == Erasing {
		c, err := s.Erase(ctx, Erasure{Subjects: r.Subjects, Reason: OnRequest, Ground: o.Ground, Request: id, By: o.By, At: r.Received})
		if err != nil {
			return r, nil, err
		}
		r, err = s.Move(ctx, id, Done, o.By, c.ID)
		return r, &c, err
	}
	for _, who := range r.Subjects {
		if r.Type == Rectify {
			err = s.Correct(ctx, o.By, who, o.Classes, o.Ground)
		} else {
			_, err = s.Say(ctx, o.By, who, o.Ground, s.wish(&r, o))
		}
		if err != nil {
			return r, nil, err
		}
	}
	r, err = s.Move(ctx, id, Done, o.By, "")
	return r, nil, err
}

// wish is the signal that a request comes to.
func (s *Service) wish(r *Request, o Order) consent.Signal {
	w := consent.Signal{ID: r.ID, Kind: consent.Restriction, Verdict: consent.Deny, Purpose: o.Purpose, At: r.Received, Source: "officer"}
	switch r.Type {
	case Unrestrict:
		w.Verdict = consent.Allow
	case Object:
		w.Kind = consent.Objection
	}
	return w
}
