// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// RequestType is what somebody asks for.
type RequestType string

const (
	Access     RequestType = "access"
	Portable   RequestType = "export"
	Erasing    RequestType = "erase"
	Rectify    RequestType = "rectify"
	Restrict   RequestType = "restrict"
	Unrestrict RequestType = "unrestrict"
	Object     RequestType = "object"
	OptOut     RequestType = "opt-out" // of sale and sharing (Cal. Civ. Code 1798.120)
	OptIn      RequestType = "opt-in"  // to sale again
)

// RequestTypes lists them all.
func RequestTypes() []RequestType {
	return []RequestType{Access, Portable, Erasing, Rectify, Restrict, Unrestrict, Object, OptOut, OptIn}
}

// State is where a request stands.
type State string

const (
	Received   State = "received"
	Verified   State = "identity-verified"
	InProgress State = "in-progress"
	Done       State = "done"
	Refused    State = "refused"
	Canceled   State = "canceled"
)

// steps lead from a state to others.
var steps = map[State][]State{
	Received:   {Verified, Refused, Canceled},
	Verified:   {InProgress, Refused, Canceled},
	InProgress: {Done, Refused, Canceled},
}

// Final tells whether nothing follows.
func (s State) Final() bool { return steps[s] == nil }

// Request is what somebody asked for. Times are milliseconds since the Unix epoch.
type Request struct {
	ID       string      `json:"id"` // of the sender's making: 1 to 64 of a-z, A-Z, 0-9, point, hyphen and underscore
	Type     RequestType `json:"type"`
	State    State       `json:"state"`
	Regime   string      `json:"regime"` // gdpr: a month; ccpa: 45 days; custom: Deadline is given
	Received int64       `json:"received"`
	Deadline int64       `json:"deadline"`
	Changed  int64       `json:"changed"`
	By       Actor       `json:"by"`                // who changed it last
	Verified *Proof      `json:"verified,omitzero"` // nil: not yet
	Progress *Progress   `json:"progress,omitzero"` // of access and export
	Result   string      `json:"result,omitempty"`  // certificate's id, or why it was refused, or what it waits for
	Via      string      `json:"via,omitempty"`     // protocol it came by; "": an officer
	Auto     bool        `json:"auto,omitempty"`    // RunRequests fulfills it

	Subjects []consent.Subject `json:"-"` // clear; sealed in the store; none once they were forgotten
	version  uint64
}

// Format hides whom it is about, whatever the verb.
func (r Request) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, string(r.Type)+" request, "+string(r.State))
}

// Proof says who made sure that it is the person who asks, and how.
type Proof struct {
	By  string `json:"by"`
	How string `json:"how"`
}

// Overdue tells whether the deadline has passed without an answer.
func (r *Request) Overdue(now int64) bool { return !r.State.Final() && now > r.Deadline }

// requestMagic begins the row of a request in space Requests, which holds other rows too; the version of its format follows.
var requestMagic = []byte("nymq\x01")

// requestRow is a request as its row holds it.
type requestRow struct {
	Request
	Sealed []byte `json:"sealed,omitempty"` // the subjects, until they are forgotten
}

const useRequest = "request"

var requestID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

func requestKey(id string) subject.Key {
	sum := sha256.Sum256([]byte("nymstream request " + id))
	return subject.Key(sum[:len(subject.Key{})])
}

// File takes a request in. Filing the same again gives the one that is there; another of that id is refused. State, Changed and, but
// for custom, Deadline are set here; so is Received where it is 0.
func (s *Service) File(ctx context.Context, r Request) (Request, error) {
	r.State, r.Verified = Received, nil
	return s.file(ctx, r)
}

// FileVerified files a request of somebody who was identified already: how, says the last argument.
func (s *Service) FileVerified(ctx context.Context, r Request, how string) (Request, error) {
	if how == "" {
		return Request{}, errUnidentified
	}
	r.State, r.Verified = Verified, &Proof{By: r.By.Name, How: how}
	return s.file(ctx, r)
}

func (s *Service) file(ctx context.Context, r Request) (Request, error) {
	if err := s.checkRequest(&r); err != nil {
		return Request{}, err
	}
	r.Changed, r.Progress, r.Result, r.version = s.nowMs(), nil, "", 0
	for range rounds {
		there, err := s.Request(ctx, r.ID)
		if err == nil {
			if there.State.Final() && len(there.Subjects) == 0 {
				return there, fmt.Errorf("%w: a request of this id was %s, and does not tell any more whom it was about; file with another id", ErrInput, there.State)
			}
			if there.Type != r.Type || there.Regime != r.Regime || !slices.Equal(there.Subjects, r.Subjects) {
				return there, fmt.Errorf("%w: another request has this id", ErrInput)
			}
			return there, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return Request{}, err
		}
		written, err := s.writeRequest(ctx, &r)
		if written || err != nil {
			return r, err
		}
	}
	return Request{}, errContended
}

func (s *Service) checkRequest(r *Request) error {
	if err := r.By.check(); err != nil {
		return err
	}
	if r.Received == 0 {
		r.Received = s.nowMs()
	}
	switch {
	case !requestID.MatchString(r.ID):
		return fmt.Errorf("%w: id: 1 to 64 of a-z, A-Z, 0-9, point, hyphen and underscore", ErrInput)
	case !slices.Contains(RequestTypes(), r.Type):
		return fmt.Errorf("%w: type: use one of %v", ErrInput, RequestTypes())
	case len(r.Subjects) == 0:
		return fmt.Errorf("%w: nobody is named whom it is about", ErrInput)
	case r.Received < 0 || r.Received > s.nowMs():
		return fmt.Errorf("%w: received lies in the future", ErrInput)
	}
	received := time.UnixMilli(r.Received).UTC()
	switch r.Regime {
	case "gdpr":
		r.Deadline = month(received).UnixMilli()
	case "ccpa":
		r.Deadline = received.Add(45 * day).UnixMilli()
	case "custom":
		if r.Deadline <= r.Received {
			return fmt.Errorf("%w: deadline: regime custom needs one after it was received", ErrInput)
		}
	default:
		return fmt.Errorf("%w: regime: use gdpr, ccpa or custom", ErrInput)
	}
	for _, who := range r.Subjects {
		if _, err := s.name(who, true); err != nil {
			return err
		}
	}
	return nil
}

// month is one month later, or the last day of that month where it has no such day (Regulation 1182/71, Art. 3).
func month(t time.Time) time.Time {
	later := t.AddDate(0, 1, 0)
	if later.Day() != t.Day() {
		later = later.AddDate(0, 0, -later.Day())
	}
	return later
}

// Request gives one by its id: ErrNotFound.
func (s *Service) Request(ctx context.Context, id string) (Request, error) {
	rows := []subject.Row{{Key: requestKey(id)}}
	if err := s.Store.Load(ctx, subject.Requests, rows); err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	if rows[0].Version == 0 {
		return Request{}, fmt.Errorf("request: %w", ErrNotFound)
	}
	r, err := s.parseRequest(&rows[0])
	if err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	return r, nil
}

// parseRequest reads a row. Where the store epoch of its subjects was destroyed they are gone, and the rest is given.
func (s *Service) parseRequest(row *subject.Row) (Request, error) {
	body, ours := bytes.CutPrefix(row.Body, requestMagic)
	if !ours {
		return Request{}, ErrFormat
	}
	var kept requestRow
	if json.Unmarshal(body, &kept) != nil {
		return Request{}, ErrDamaged
	}
	r := kept.Request
	r.version = row.Version
	if len(kept.Sealed) == 0 {
		return r, nil
	}
	err := s.open(useRequest, row.Key, kept.Sealed, &r.Subjects)
	if errors.Is(err, keyring.ErrDestroyed) {
		err = nil
	}
	return r, err
}

// writeRequest writes a request whose row has not changed since it was read.
func (s *Service) writeRequest(ctx context.Context, r *Request) (written bool, err error) {
	row := subject.Row{Key: requestKey(r.ID), Version: r.version}
	kept := requestRow{Request: *r}
	if len(r.Subjects) > 0 {
		if kept.Sealed, err = s.seal(useRequest, row.Key, r.Subjects); err != nil {
			return false, err
		}
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return false, err
	}
	row.Body = slices.Concat(requestMagic, plain)
	rows := []subject.Row{row}
	lost, err := s.Store.Swap(ctx, subject.Requests, rows)
	if err != nil {
		return false, fmt.Errorf("request: %w", err)
	}
	if len(lost) > 0 {
		return false, nil
	}
	r.version = rows[0].Version
	return true, nil
}

// change changes a request by compare and swap.
func (s *Service) change(ctx context.Context, id string, edit func(*Request) error) (Request, error) {
	for range rounds {
		r, err := s.Request(ctx, id)
		if err != nil {
			return r, err
		}
		if err := edit(&r); err != nil {
			return r, err
		}
		written, err := s.writeRequest(ctx, &r)
		if written || err != nil {
			return r, err
		}
	}
	return Request{}, errContended
}

var errUnidentified = fmt.Errorf("%w: say how the person was identified", ErrInput)

// Verify notes that the person was identified who asks.
func (s *Service) Verify(ctx context.Context, id string, by Actor, how string) (Request, error) {
	if how == "" {
		return Request{}, errUnidentified
	}
	return s.change(ctx, id, func(r *Request) error {
		if err := r.step(Verified, by); err != nil {
			return err
		}
		r.Verified, r.Changed = &Proof{By: by.Name, How: how}, s.nowMs()
		return nil
	})
}

// Move brings a request into another state: begins it, ends it, refuses it. Result says what it came to, or why not; it must hold no
// personal value.
func (s *Service) Move(ctx context.Context, id string, to State, by Actor, result string) (Request, error) {
	if to == Verified {
		return Request{}, fmt.Errorf("%w: a request is verified by Verify", ErrInput)
	}
	return s.change(ctx, id, func(r *Request) error {
		if r.State == to {
			return nil
		}
		if err := r.step(to, by); err != nil {
			return err
		}
		r.Result, r.Changed = result, s.nowMs()
		if to.Final() {
			r.Progress = nil
		}
		r.forget(s.nowMs())
		return nil
	})
}

// subjectsLife is how long a request that has ended tells whom it was about, in milliseconds.
const subjectsLife = int64(30 * day / 1e6)

// forget drops whom a request was about that has ended: of an erasure that was done at once, of others after subjectsLife.
func (r *Request) forget(now int64) {
	if r.State == Done && r.Type == Erasing || r.State.Final() && now-r.Changed > subjectsLife {
		r.Subjects = nil
	}
}

// step takes a step that the states allow.
func (r *Request) step(to State, by Actor) error {
	if err := by.check(); err != nil {
		return err
	}
	if !slices.Contains(steps[r.State], to) {
		return fmt.Errorf("%w: a request that is %s cannot become %s", ErrState, r.State, to)
	}
	r.State, r.By = to, by
	return nil
}

// Requests lists requests by deadline; open ones only where all is false.
func (s *Service) Requests(ctx context.Context, all bool) (list []Request, err error) {
	err = s.Store.Scan(ctx, subject.Requests, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			if !bytes.HasPrefix(rows[i].Body, requestMagic[:len(requestMagic)-1]) {
				continue
			}
			r, err := s.parseRequest(&rows[i])
			if err != nil {
				return err
			}
			if all || !r.State.Final() {
				list = append(list, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	slices.SortFunc(list, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Deadline, b.Deadline), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}
