// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Summary is a request without what it asks for. Times are milliseconds since the Unix epoch; 0: not yet.
type Summary struct {
	ID         string  `json:"id"`
	State      State   `json:"state"`
	By         string  `json:"by"`
	At         int64   `json:"at"`
	Recipient  string  `json:"recipient"`
	Reason     Reason  `json:"reason"`
	Case       string  `json:"case"`
	Span       *Span   `json:"span,omitempty"`
	Count      int     `json:"count"` // pseudonyms and sealed values
	Opens      int     `json:"opens"`
	Approver   string  `json:"approver,omitempty"`
	ApprovedAt int64   `json:"approved_at,omitempty"`
	Denier     string  `json:"denier,omitempty"`
	DeniedAt   int64   `json:"denied_at,omitempty"`
	OpenedAt   []int64 `json:"opened_at,omitempty"`
	Until      int64   `json:"until,omitempty"` // to be approved, or opened, before
}

func (r *request) summary(now int64) Summary {
	m := Summary{
		r.ID, r.state(now), r.By, r.At, r.Recipient, r.Reason, r.Case, r.Span, r.Count, r.Opens,
		r.Approver, r.ApprovedAt, r.Denier, r.DeniedAt, r.OpenedAt, 0,
	}
	switch m.State {
	case Requested:
		m.Until = r.At + approveWithin.Milliseconds()
	case Approved:
		m.Until = r.ApprovedAt + openWithin.Milliseconds()
	}
	return m
}

// List gives requests, the newest first: to privacy officers and auditors all, to investigators their own.
func (s *Service) List(ctx context.Context, by Actor) ([]Summary, error) {
	role, err := s.may(ctx, by, stepList, "", PrivacyOfficer, Auditor, Investigator)
	if err != nil {
		return nil, err
	}
	var all []Summary
	now := s.nowMs()
	err = s.each(ctx, func(r *request, _ *subject.Row) error {
		if role != Investigator || by.is(r.By) {
			all = append(all, r.summary(now))
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Summary) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

// Details is a request with what it asks for, as long as it has not ended.
type Details struct {
	Summary
	Pseudonyms []string `json:"pseudonyms,omitempty"`
	Sealed     []Sealed `json:"sealed,omitempty"`
}

// Format hides the request, whatever the verb.
func (Details) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[reveal request]") }

// Show gives a request to privacy officers, who judge it, and to who asked.
func (s *Service) Show(ctx context.Context, by Actor, id string) (*Details, error) {
	role, err := s.may(ctx, by, stepShow, shaped(id), PrivacyOfficer, Investigator)
	if err != nil {
		return nil, err
	}
	r, _, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if role == Investigator && !by.is(r.By) {
		return nil, s.refuse(ctx, by, stepShow, id, "it is another investigator's")
	}
	d := &Details{Summary: r.summary(s.nowMs())}
	if d.State == Requested || d.State == Approved {
		d.Pseudonyms, d.Sealed = r.Pseudonyms, r.Sealed
	}
	return d, nil
}

// each reads every request. Those whose store epoch was destroyed are left out.
func (s *Service) each(ctx context.Context, fn func(*request, *subject.Row) error) error {
	return s.Store.Scan(ctx, subject.Requests, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			if u, _, _, ours := sealedRow(rows[i].Body); !ours || u != useRequest {
				continue
			}
			var r request
			err := s.open(useRequest, &rows[i], &r)
			if errors.Is(err, keyring.ErrDestroyed) {
				continue
			}
			if err == nil {
				err = fn(&r, &rows[i])
			}
			if err != nil {
				return fmt.Errorf("read reveal requests: %w", err)
			}
		}
		return nil
	})
}

// Prune takes out of expired requests what they ask for, and removes requests that are older than 90 days. Call it daily.
func (s *Service) Prune(ctx context.Context) error {
	now := s.nowMs()
	var changed []*request
	var rows []subject.Row
	err := s.each(ctx, func(r *request, row *subject.Row) error {
		old := r.At+keepEnded.Milliseconds() <= now
		if old || r.state(now) == Expired && len(r.Pseudonyms)+len(r.Sealed) > 0 {
			changed, rows = append(changed, r), append(rows, subject.Row{Key: row.Key, Version: row.Version})
		}
		return nil
	})
	for i, r := range changed {
		if err != nil {
			return err
		}
		if r.At+keepEnded.Milliseconds() <= now { // by then it has ended
			_, err = s.Store.Commit(ctx, []subject.Change{{Space: subject.Requests, Row: rows[i]}})
			continue
		}
		r.forget()
		_, err = s.swap(ctx, r, &rows[i]) // who lost leaves it to the next time
	}
	return err
}
