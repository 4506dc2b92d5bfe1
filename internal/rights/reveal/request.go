// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

const (
	approveWithin = 7 * day  // of the request
	openWithin    = day      // of the approval
	keepEnded     = 90 * day // rows of requests that have ended; the audit log has them for good
)

// Steps that people take, as the audit log names those that were refused.
const (
	stepRequest  = "request"
	stepApprove  = "approve"
	stepDeny     = "deny"
	stepOpen     = "open"
	stepList     = "list"
	stepShow     = "show"
	stepHoney    = "honeytokens"
	stepIncident = "incident"
)

// State is where a request stands.
type State string

const (
	Requested State = "requested"
	Approved  State = "approved"
	Denied    State = "denied"  // also after it was approved
	Opened    State = "opened"  // as often as was approved
	Expired   State = "expired" // not approved, or not opened, in time
)

// request is a row of space Requests. Times are milliseconds since the Unix epoch. What is asked for goes when the request ends.
type request struct {
	ID         string   `json:"id"`
	By         string   `json:"by"`
	At         int64    `json:"at"`
	Recipient  string   `json:"recipient"`
	Reason     Reason   `json:"reason"`
	Case       string   `json:"case"`
	Pseudonyms []string `json:"pseudonyms,omitempty"`
	Sealed     []Sealed `json:"sealed,omitempty"`
	Span       *Span    `json:"span,omitempty"`
	Count      int      `json:"count"` // pseudonyms and sealed values; of a span the pseudonyms in it
	Opens      int      `json:"opens"`

	Approver   string  `json:"approver,omitempty"`
	ApprovedAt int64   `json:"approved_at,omitempty"`
	Denier     string  `json:"denier,omitempty"`
	DeniedAt   int64   `json:"denied_at,omitempty"`
	OpenedAt   []int64 `json:"opened_at,omitempty"`
}

// state tells where the request stands at a time.
func (r *request) state(now int64) State {
	switch {
	case r.DeniedAt != 0:
		return Denied
	case r.ApprovedAt == 0 && now < r.At+approveWithin.Milliseconds():
		return Requested
	case r.ApprovedAt == 0:
		return Expired
	case len(r.OpenedAt) >= r.Opens:
		return Opened
	case now >= r.ApprovedAt+openWithin.Milliseconds():
		return Expired
	}
	return Approved
}

// forget takes out what was asked for.
func (r *request) forget() { r.Pseudonyms, r.Sealed = nil, nil }

// entry begins an entry of the audit log about the request.
func (r *request) entry(act audit.Act) audit.Entry {
	e := audit.Entry{Act: act, Recipient: r.Recipient, Reason: string(r.Reason) + " " + r.Case, Details: map[string]string{"request": r.ID}}
	e.Numbers = map[string]uint64{"asked": uint64(r.Count), "opens": uint64(r.Opens)}
	if r.Span != nil {
		e.Details["kind"] = "span"
		e.Details["from"], e.Details["to"] = stamp(r.Span.From), stamp(r.Span.To)
	}
	return e
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// newID makes an id that people can say and nobody can guess: 80 random bits.
func newID() string { return "rv" + strings.ToLower(rand.Text()[:16]) }

// Request asks for something to be revealed, and gives the id that an officer is to approve. It takes the role investigator.
// Over a limit it is refused, and raises an alarm.
func (s *Service) Request(ctx context.Context, by Actor, a Ask) (id string, err error) {
	role, err := s.may(ctx, by, stepRequest, "", Investigator)
	if err != nil {
		return "", err
	}
	if a, err = s.complete(a); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	r := &request{
		ID: newID(), By: by.Name, At: s.nowMs(), Recipient: a.Recipient, Reason: a.Reason, Case: a.Case,
		Pseudonyms: a.Pseudonyms, Sealed: a.Sealed, Span: a.Span, Count: len(a.Pseudonyms) + len(a.Sealed), Opens: a.Opens,
	}
	if a.Span != nil {
		if r.Count, err = s.countSpan(ctx, a.Recipient, a.Span); err != nil {
			return "", err
		}
	}
	noted := false
	for range rounds {
		v, err := s.volumes(ctx, by)
		if err != nil {
			return "", err
		}
		if rule := v.over(&s.Limits, r); rule != "" {
			return "", errors.Join(s.alarm(ctx, Alarm{Kind: AlarmLimit, Actor: by.Name, Request: r.ID, Asked: r.Count}), s.refuse(ctx, by, stepRequest, r.ID, rule))
		}
		if !noted { // before the request counts, and once
			if err := s.note(ctx, by, role, r.entry(audit.RevealRequest)); err != nil {
				return "", err
			}
			if v.unusual(&s.Limits, r) {
				if err := s.alarm(ctx, Alarm{Kind: AlarmVolume, Actor: by.Name, Request: r.ID, Asked: r.Count}); err != nil {
					return "", err
				}
			}
			noted = true
		}
		done, err := s.create(ctx, r, v)
		if err != nil {
			return "", fmt.Errorf("keep a reveal request: %w", err)
		}
		if done {
			return r.ID, nil
		}
	}
	return "", errContended
}

// create writes a new request and the volumes it adds to, or nothing where those have changed.
func (s *Service) create(ctx context.Context, r *request, v *volumes) (bool, error) {
	key := rowKey(useRequest, r.ID)
	body, err := s.seal(useRequest, key, r)
	if err != nil {
		return false, err
	}
	changes, err := s.volumeChanges(v, r)
	if err != nil {
		return false, err
	}
	return s.Store.Commit(ctx, append(changes, subject.Change{Space: subject.Requests, Row: subject.Row{Key: key, Body: body}}))
}

// Approve lets who asked open the request within a day. It takes the role privacy-officer, and somebody else than who asked.
func (s *Service) Approve(ctx context.Context, by Actor, id string) error {
	return s.decide(ctx, by, id, stepApprove, func(r *request, now int64) (rule string, e audit.Entry) {
		switch state := r.state(now); {
		case by.is(r.By):
			return "who asked cannot approve; another privacy officer must", e
		case state == Expired && r.ApprovedAt == 0:
			return "it was to be approved within seven days; ask again", e
		case state != Requested:
			return "it is " + string(state) + " already", e
		}
		r.Approver, r.ApprovedAt = by.Name, now
		return "", r.entry(audit.RevealApprove)
	})
}

// Deny ends a request, also one that was approved. It takes the role privacy-officer.
func (s *Service) Deny(ctx context.Context, by Actor, id string) error {
	return s.decide(ctx, by, id, stepDeny, func(r *request, now int64) (rule string, e audit.Entry) {
		if state := r.state(now); state != Requested && state != Approved {
			return "it is " + string(state) + " already", e
		}
		r.Denier, r.DeniedAt = by.Name, now
		e = r.entry(audit.Deny)
		e.Details["kind"], e.Details["outcome"] = stepDeny, "denied"
		r.forget()
		return "", e
	})
}

// decide is an officer's step. judge changes the request, or names the rule that forbids it; it is called again where somebody
// else changed the request meanwhile.
func (s *Service) decide(ctx context.Context, by Actor, id, step string, judge func(r *request, now int64) (rule string, e audit.Entry)) error {
	role, err := s.may(ctx, by, step, shaped(id), PrivacyOfficer)
	if err != nil {
		return err
	}
	noted := false
	for range rounds {
		r, row, err := s.load(ctx, id)
		if err != nil {
			return err
		}
		rule, e := judge(r, s.nowMs())
		if rule != "" {
			return s.refuse(ctx, by, step, id, rule)
		}
		if !noted { // before it counts
			if err := s.note(ctx, by, role, e); err != nil {
				return err
			}
			noted = true
		}
		if done, err := s.swap(ctx, r, row); err != nil || done {
			return err
		}
	}
	return errContended
}

// shaped gives an id that can stand in the audit log, or "".
func shaped(id string) string {
	if len(id) != len("rv")+16 || !strings.HasPrefix(id, "rv") || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return ""
	}
	return id
}

// load reads a request.
func (s *Service) load(ctx context.Context, id string) (*request, *subject.Row, error) {
	if shaped(id) == "" {
		return nil, nil, fmt.Errorf("%w: an id is rv and 16 letters and digits", ErrNotFound)
	}
	row, err := s.loadRow(ctx, subject.Requests, rowKey(useRequest, id))
	if err != nil {
		return nil, nil, fmt.Errorf("look for a reveal request: %w", err)
	}
	if row.Version == 0 {
		return nil, nil, ErrNotFound
	}
	r := new(request)
	switch err := s.open(useRequest, &row, r); {
	case errors.Is(err, keyring.ErrDestroyed):
		return nil, nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	case err != nil:
		return nil, nil, fmt.Errorf("read a reveal request: %w", err)
	}
	return r, &row, nil
}

// swap writes a changed request; false: somebody else changed it first.
func (s *Service) swap(ctx context.Context, r *request, row *subject.Row) (bool, error) {
	body, err := s.seal(useRequest, row.Key, r)
	if err != nil {
		return false, err
	}
	lost, err := s.Store.Swap(ctx, subject.Requests, []subject.Row{{Key: row.Key, Version: row.Version, Body: body}})
	if err != nil {
		return false, fmt.Errorf("change a reveal request: %w", err)
	}
	return len(lost) == 0, nil
}
