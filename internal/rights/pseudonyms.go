// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// Pseudonym is what one recipient knows a person by in one epoch.
type Pseudonym struct {
	Recipient string `json:"recipient"`
	Epoch     int    `json:"epoch"`
	Type      string `json:"type"` // of the identity: acc, hdl …
	Text      string `json:"pseudonym"`
}

// Format hides the pseudonym, whatever the verb: beside others it would join domains.
func (p Pseudonym) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.Recipient+" [pseudonym]")
}

// Pseudonyms tells by which pseudonyms recipients know a person: of every epoch that has begun and was not destroyed. Of a row
// whose identity type is not known, there is one for each type it could have; handles that were others' too are left out.
// It is noted in the audit log as access.
func (s *Service) Pseudonyms(ctx context.Context, by Actor, who consent.Subject, why string) ([]Pseudonym, error) {
	if err := by.check(); err != nil {
		return nil, err
	}
	named, err := s.name(who, true)
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, by, audit.Entry{Act: audit.Access, Subject: s.SubjectHash(named.key), Reason: why, Details: map[string]string{"kind": "pseudonyms"}}); err != nil {
		return nil, err
	}
	p, err := s.resolve(ctx, named)
	if err != nil {
		return nil, err
	}
	return s.issuedTo(ctx, &p)
}

// issuedTo gives the pseudonyms of all rows that are a person's alone.
func (s *Service) issuedTo(ctx context.Context, p *person) (all []Pseudonym, err error) {
	rows, people, err := s.alone(ctx, p)
	if err != nil {
		return nil, err
	}
	for i, one := range people {
		issued, err := s.issued(one, rows[i].types)
		if err != nil {
			return nil, err
		}
		all = append(all, issued...)
	}
	return all, nil
}

// alone reads the rows that are a person's alone.
func (s *Service) alone(ctx context.Context, p *person) ([]row, []*subject.Person, error) {
	rows := slices.DeleteFunc(slices.Clone(p.rows), func(r row) bool { return r.shared })
	keys := make([]subject.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].key
	}
	people, err := s.look(ctx, keys)
	return rows, people, err
}

// issued computes the pseudonyms of a row in all domains; none where the person has no secret.
func (s *Service) issued(p *subject.Person, types []string) (all []Pseudonym, err error) {
	if !p.HasSecret {
		return nil, nil
	}
	scope := new(transform.Scope)
	domains, err := s.domains()
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		scope.Domain = d
		for _, t := range types {
			id, err := transform.NewStoredIdentity(s.Keys, "", t, true)
			if err != nil {
				return nil, err
			}
			text := id.AppendPseudonymOf(nil, &p.Secret, scope)
			all = append(all, Pseudonym{d.Recipient(), d.Epoch(), t, string(text)})
		}
	}
	return all, nil
}

// domains lists where records of up to now can have pseudonyms: every recipient and epoch that was not destroyed.
func (s *Service) domains() (all []*keyring.Domain, err error) {
	now := s.Now()
	for _, e := range s.Keys.List(now) {
		if e.Role != keyring.RoleDomain || e.Status == keyring.Destroyed || e.From.After(now.Add(keyring.ClockSkew)) {
			continue
		}
		d, err := s.Keys.EpochDomain(e.Recipient, e.Epoch)
		if errors.Is(err, keyring.ErrDestroyed) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recipient %s, epoch %d: %w", e.Recipient, e.Epoch, err)
		}
		all = append(all, d)
	}
	return all, nil
}

const (
	digestLength     = 26 // characters of base32hex
	mostEpochDigits  = 9
	typeLength       = 3
	pseudonymAtLeast = typeLength + 1 + 1 + 1 + digestLength
)

// mentions tells whether one of the pseudonyms stands anywhere in the text, whatever its format.
func mentions(text []byte, pseudonyms map[string]struct{}) bool {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '_')
		if i < 0 {
			return false
		}
		at := from + i - typeLength
		from += i + 1
		if at < 0 || len(text)-at < pseudonymAtLeast {
			continue
		}
		digits := 0
		for from+digits < len(text) && digits <= mostEpochDigits && '0' <= text[from+digits] && text[from+digits] <= '9' {
			digits++
		}
		end := from + digits + 1 + digestLength
		if digits == 0 || end > len(text) || text[from+digits] != '_' {
			continue
		}
		if _, theirs := pseudonyms[string(text[at:end])]; theirs {
			return true
		}
	}
}
