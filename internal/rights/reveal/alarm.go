// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Kinds of alarms.
const (
	AlarmHoneytoken = "honeytoken" // somebody looked at a person who does not exist
	AlarmLimit      = "limit"      // a request was refused because of its volume
	AlarmVolume     = "volume"     // a request is unusually large; it was taken
)

// Alarm is for somebody to look at. It names no person but who acted.
type Alarm struct {
	Kind    string
	Actor   string
	Request string // or ""
	Subject string // of a honeytoken: its hash in the audit log
	Asked   int    // pseudonyms and sealed values
}

// alarm tells the alarm's function, and then the audit log.
func (s *Service) alarm(ctx context.Context, a Alarm) error {
	if s.Alarm != nil {
		s.Alarm(a)
	}
	e := audit.Entry{Act: audit.Alarm, Subject: a.Subject, Details: map[string]string{"kind": a.Kind}}
	if a.Request != "" {
		e.Details["request"] = a.Request
	}
	if a.Asked > 0 {
		e.Numbers = map[string]uint64{"asked": uint64(a.Asked)}
	}
	return s.note(ctx, Actor{Name: a.Actor}, "", e)
}

var honeyKey = subject.MetaKey("reveal honeytokens")

// honeytokens is the row of space Meta that lists them.
type honeytokens struct {
	Keys []subject.Key `json:"keys"` // sorted

	row subject.Row
}

func (s *Service) honeytokens(ctx context.Context) (*honeytokens, error) {
	h := new(honeytokens)
	row, err := s.loadRow(ctx, subject.Meta, honeyKey)
	if err == nil && row.Version > 0 {
		err = s.open(useHoney, &row, h)
	}
	h.row = row
	if errors.Is(err, keyring.ErrDestroyed) {
		err = fmt.Errorf("%w; mark the honeytokens anew", err)
	}
	if err != nil {
		return h, fmt.Errorf("read the list of honeytokens: %w", err)
	}
	return h, nil
}

// mostHoneytokens bounds the list.
const mostHoneytokens = 10_000

// Mark makes people who do not exist honeytokens, and others none any more. It takes the role privacy-officer.
func (s *Service) Mark(ctx context.Context, by Actor, add, remove []subject.Key) error {
	role, err := s.may(ctx, by, stepHoney, "", PrivacyOfficer)
	if err != nil {
		return err
	}
	e := audit.Entry{Act: audit.PolicyChange, Details: map[string]string{"kind": "honeytokens"}} // the log does not say who
	e.Numbers = map[string]uint64{"added": uint64(len(add)), "removed": uint64(len(remove))}
	if err := s.note(ctx, by, role, e); err != nil {
		return err
	}
	for range rounds {
		h, err := s.honeytokens(ctx)
		if err != nil && !errors.Is(err, keyring.ErrDestroyed) {
			return err
		}
		h.Keys = slices.DeleteFunc(append(h.Keys, add...), func(k subject.Key) bool { return slices.Contains(remove, k) })
		slices.SortFunc(h.Keys, compareKeys)
		if h.Keys = slices.Compact(h.Keys); len(h.Keys) > mostHoneytokens {
			return fmt.Errorf("%w: more than %d honeytokens", ErrInput, mostHoneytokens)
		}
		if h.row.Body, err = s.seal(useHoney, honeyKey, h); err != nil {
			return err
		}
		lost, err := s.Store.Swap(ctx, subject.Meta, []subject.Row{h.row})
		if err != nil {
			return fmt.Errorf("write the list of honeytokens: %w", err)
		}
		if len(lost) == 0 {
			return nil
		}
	}
	return errContended
}

// Honeytokens lists those that are marked. It takes the role privacy-officer.
func (s *Service) Honeytokens(ctx context.Context, by Actor) ([]subject.Key, error) {
	if _, err := s.may(ctx, by, stepHoney, "", PrivacyOfficer); err != nil {
		return nil, err
	}
	h, err := s.honeytokens(ctx)
	return h.Keys, err
}

// Touched raises an alarm for each honeytoken among people whose data somebody was about to get, by access or export. With an
// error, they must not.
func (s *Service) Touched(ctx context.Context, by Actor, keys ...subject.Key) error {
	h, err := s.honeytokens(ctx)
	if err != nil {
		return err
	}
	return s.touched(ctx, by, "", h, keys)
}

func (s *Service) touched(ctx context.Context, by Actor, id string, h *honeytokens, keys []subject.Key) error {
	for _, k := range keys {
		if _, marked := slices.BinarySearchFunc(h.Keys, k, compareKeys); !marked {
			continue
		}
		if err := s.alarm(ctx, Alarm{Kind: AlarmHoneytoken, Actor: by.named().Name, Request: id, Subject: s.SubjectHash(k)}); err != nil {
			return err
		}
	}
	return nil
}

func compareKeys(a, b subject.Key) int { return bytes.Compare(a[:], b[:]) }
