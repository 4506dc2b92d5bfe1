// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// newReveal wires re-identification to who is kept.
func (p *people) newReveal(o peopleOptions) *reveal.Service {
	return reveal.New(reveal.Options{
		Directory: p.directory, Store: p.store, Keys: o.keys, Plan: o.plan, Topics: p.topics, Audit: p.audit, SubjectHash: p.audit.Subject,
		Alarm: func(a reveal.Alarm) {
			p.log.Error().Str(telemetry.KeyReason, a.Kind).Msg("alarm about re-identification; the audit log says who")
		},
	})
}

// Revealing is what an investigator asks for.
type Revealing struct {
	Recipient  string          `json:"recipient"`
	Pseudonyms []string        `json:"pseudonyms,omitempty"`
	Sealed     []reveal.Sealed `json:"sealed,omitempty"`
	From       time.Time       `json:"from,omitzero"` // of a span
	To         time.Time       `json:"to,omitzero"`
	Reason     string          `json:"reason"`
	Case       string          `json:"case"`
	Opens      int             `json:"opens,omitempty"`
}

// RevealSummary is a request without what it asks for.
type RevealSummary = reveal.Summary

// SealedValue is a sealed value as it stands in a recipient's record.
type SealedValue = reveal.Sealed

// span gives the span from a time to another; nil: none.
func span(from, to time.Time) *reveal.Span {
	if from.IsZero() && to.IsZero() {
		return nil
	}
	return &reveal.Span{From: from, To: to}
}

// RevealID names a request. Key is the private reveal key's file, where the command is carried out.
type RevealID struct {
	ID         string `json:"id"`
	Key        string `json:"key,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
}

// Format hides the passphrase, whatever the verb.
func (r RevealID) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.ID) }

func (a *Admin) revealRequest(ctx context.Context, by caller, o Revealing, out io.Writer) error {
	id, err := a.reveal.Request(ctx, by.reveal(), reveal.Ask{
		Recipient: o.Recipient, Pseudonyms: o.Pseudonyms, Sealed: o.Sealed, Span: span(o.From, o.To), Reason: reveal.Reason(o.Reason), Case: o.Case, Opens: o.Opens,
	})
	if err != nil {
		return err
	}
	return write(out, RevealID{ID: id})
}

func (a *Admin) revealApprove(ctx context.Context, by caller, o RevealID, out io.Writer) error {
	if err := a.reveal.Approve(ctx, by.reveal(), o.ID); err != nil {
		return err
	}
	return write(out, RevealID{ID: o.ID})
}

func (a *Admin) revealDeny(ctx context.Context, by caller, o RevealID, out io.Writer) error {
	if err := a.reveal.Deny(ctx, by.reveal(), o.ID); err != nil {
		return err
	}
	return write(out, RevealID{ID: o.ID})
}

func (a *Admin) revealList(ctx context.Context, by caller, _ struct{}, out io.Writer) error {
	all, err := a.reveal.List(ctx, by.reveal())
	if err != nil {
		return err
	}
	return write(out, all)
}

func (a *Admin) revealShow(ctx context.Context, by caller, o RevealID, out io.Writer) error {
	d, err := a.reveal.Show(ctx, by.reveal(), o.ID)
	if err != nil {
		return err
	}
	return write(out, d)
}

// revealOpen answers with one line for each item, in clear.
func (a *Admin) revealOpen(ctx context.Context, by caller, o RevealID, out io.Writer) error {
	key, err := keyring.OpenReveal(o.Key, []byte(o.Passphrase))
	if err != nil {
		return err
	}
	found, err := a.reveal.Open(ctx, by.reveal(), o.ID, key)
	if err != nil {
		return err
	}
	return found.WriteLines(out)
}

// Honeytokens tells how many people are marked, or by which hashes the audit log knows them.
type Honeytokens struct {
	Marked int      `json:"marked"`
	Hashes []string `json:"subject_hashes,omitempty"`
}

func (a *Admin) honeytokenAdd(ctx context.Context, by caller, o About, out io.Writer) error {
	keys, err := a.rowsOf(ctx, &o)
	if err != nil {
		return err
	}
	return a.marked(ctx, by, keys, nil, out)
}

func (a *Admin) honeytokenRemove(ctx context.Context, by caller, o About, out io.Writer) error {
	keys, err := a.rowsOf(ctx, &o)
	if err != nil {
		return err
	}
	return a.marked(ctx, by, nil, keys, out)
}

// rowsOf gives the rows of people.
func (a *Admin) rowsOf(ctx context.Context, o *About) (all []subject.Key, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for i, who := range o.Subjects {
		keys, err := a.people.rights.Find(ctx, who)
		if err != nil {
			return nil, numbered(i, len(o.Subjects), err)
		}
		all = append(all, keys...)
	}
	return all, nil
}

// marked changes the honeytokens, and tells how many there are then.
func (a *Admin) marked(ctx context.Context, by caller, add, remove []subject.Key, out io.Writer) error {
	if err := a.reveal.Mark(ctx, by.reveal(), add, remove); err != nil {
		return err
	}
	keys, err := a.reveal.Honeytokens(ctx, by.reveal())
	if err != nil {
		return err
	}
	return write(out, Honeytokens{Marked: len(keys)})
}

func (a *Admin) honeytokenList(ctx context.Context, by caller, _ struct{}, out io.Writer) error {
	keys, err := a.reveal.Honeytokens(ctx, by.reveal())
	if err != nil {
		return err
	}
	list := Honeytokens{Marked: len(keys)}
	for _, k := range keys {
		list.Hashes = append(list.Hashes, a.hash(k))
	}
	return write(out, list)
}

// Leaking is what got into wrong hands.
type Leaking struct {
	Recipient  string    `json:"recipient"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	Pseudonyms []string  `json:"pseudonyms,omitempty"`
}

func (a *Admin) reportIncident(ctx context.Context, by caller, o Leaking, out io.Writer) error {
	r, err := a.reveal.Incident(ctx, by.reveal(), reveal.Leak{Recipient: o.Recipient, Span: span(o.From, o.To), Pseudonyms: o.Pseudonyms})
	if err != nil {
		return err
	}
	return write(out, r)
}
