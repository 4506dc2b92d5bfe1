// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/aescmacprf"
	"golang.org/x/sync/errgroup"

	"github.com/nymstream/nymstream/internal/event"
)

// snapshot is the keyring at one moment. It is immutable.
type snapshot struct {
	raw        []byte // keyring.json as it was read
	contents   *contents
	kms        *kmsKey // what to probe; nil: the kek file, or nothing
	kekFile    string
	keyIDs     map[Role][]uint32 // of the roles that have one keyset
	stateless  *PRF
	lookup     *PRF
	control    *MAC
	signers    map[Role]*Signer
	reveal     *RevealWrapper
	store      map[int]*StoreKey        // by epoch
	recipients map[string][]period      // by time
	quarantine []*QuarantineKey         // in the order of contents.Quarantine
	days       map[int64]*QuarantineKey // the same by days since the Unix epoch
}

// period is when a domain's keys serve: from ≤ record < to, in milliseconds since the Unix epoch.
type period struct {
	from, to int64
	entry    *epochEntry
	domain   *Domain // nil: destroyed
}

func (p *period) lend() (*Domain, error) {
	if p.domain == nil {
		return nil, errEpochDestroyed
	}
	return p.domain, nil
}

// at finds the period of a time; most records are recent, so it looks from the end.
func (s *snapshot) at(recipient string, ms int64) *period {
	ps := s.recipients[recipient]
	for i := len(ps) - 1; i >= 0; i-- {
		if ms >= ps[i].from {
			if ms < ps[i].to {
				return &ps[i]
			}
			return nil
		}
	}
	return nil
}

// open unwraps every key. Keys of an earlier snapshot whose keysets are the same stay in use, with all that is cached for them.
func (c *contents) open(k *kek, earlier *snapshot, path string) (*snapshot, error) {
	s := &snapshot{
		contents: c, keyIDs: make(map[Role][]uint32), signers: make(map[Role]*Signer),
		recipients: make(map[string][]period, len(c.Recipients)),
	}
	h, err := unwrap(c.Stateless.Keyset, k.aead, wrapLabel(c.Tenant, RoleStateless, "", ""))
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w; use the kek file that belongs to it", path, ErrWrongKEK)
	}
	damaged := func(what string) error {
		return fmt.Errorf("keyring %s: %w: %s; restore it from a backup", path, ErrCorrupt, what)
	}
	if !c.proven(k) {
		return nil, damaged("it was changed by another program")
	}
	if s.stateless, err = onePRF(h); err != nil {
		return nil, damaged("its stateless keyset is of another kind")
	}
	s.keyIDs[RoleStateless] = keyIDs(h)
	if err := s.openSingles(k); err != nil {
		return nil, damaged(err.Error())
	}
	switch err := s.openOwned(k, earlier); {
	case errors.Is(err, event.ErrTransient), errors.Is(err, event.ErrFatal): // the KMS
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	case err != nil:
		return nil, damaged(err.Error())
	}
	return s, nil
}

// openSingles unwraps the keysets that a tenant has one of.
func (s *snapshot) openSingles(k *kek) error {
	c := s.contents
	for _, part := range []struct {
		role Role
		have bool
		open func() error
	}{
		{RoleLookup, c.Lookup != nil, func() (err error) { s.lookup, err = s.openLookup(k); return err }},
		{RoleControl, c.Control != nil, func() (err error) { s.control, err = s.openControl(k); return err }},
		{RoleCertificate, c.Certificate != nil, func() error { return s.openSigner(RoleCertificate, k) }},
		{RoleAudit, c.Audit != nil, func() error { return s.openSigner(RoleAudit, k) }},
		{RoleReveal, c.Reveal != nil, s.openReveal},
	} {
		if !part.have {
			continue
		}
		if err := part.open(); err != nil {
			return fmt.Errorf("%s keyset: %w", part.role, err)
		}
	}
	return nil
}

func (s *snapshot) openLookup(k *kek) (*PRF, error) {
	h, err := unwrap(s.contents.Lookup.Keyset, k.aead, wrapLabel(s.contents.Tenant, RoleLookup, "", ""))
	if err != nil {
		return nil, err
	}
	s.keyIDs[RoleLookup] = keyIDs(h)
	return onePRF(h)
}

func (s *snapshot) openControl(k *kek) (*MAC, error) {
	h, err := unwrap(s.contents.Control.Keyset, k.aead, wrapLabel(s.contents.Tenant, RoleControl, "", ""))
	if err != nil {
		return nil, err
	}
	s.keyIDs[RoleControl] = keyIDs(h)
	return newMAC(h)
}

func (s *snapshot) openSigner(role Role, k *kek) error {
	signer, err := s.contents.openSigner(role, k)
	if err != nil {
		return err
	}
	s.signers[role], s.keyIDs[role] = signer, signer.keyIDs
	return nil
}

func (s *snapshot) openReveal() (err error) {
	if s.reveal, err = s.contents.openReveal(); err != nil {
		return err
	}
	s.keyIDs[RoleReveal] = s.reveal.keyIDs
	return nil
}

// onePRF takes a keyset of one AES-CMAC-PRF key.
func onePRF(h *keyset.Handle) (*PRF, error) {
	primary, err := h.Primary()
	if err != nil {
		return nil, err
	}
	key, ok := primary.Key().(*aescmacprf.Key)
	if !ok {
		return nil, errors.New("no AES-CMAC-PRF key")
	}
	return newPRF(key)
}

// atOnce is how many KEKs are unwrapped or wrapped at a time: each may be a call of a KMS.
const atOnce = 16

// openOwned unwraps what has a KEK of its own.
func (s *snapshot) openOwned(k *kek, earlier *snapshot) error {
	g, ctx := errgroup.WithContext(context.Background())
	g.SetLimit(atOnce)
	try := func(what string, open func() error) {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil // another failed, and its error counts
			}
			if err := open(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			return nil
		})
	}
	for i := range s.contents.Recipients {
		s.openRecipient(&s.contents.Recipients[i], k, earlier, try)
	}
	s.openQuarantine(k, earlier, try)
	stored := s.openStore(k, earlier, try)
	if err := g.Wait(); err != nil {
		return err
	}
	s.days = make(map[int64]*QuarantineKey, len(s.quarantine))
	for _, q := range s.quarantine {
		s.days[q.from.UnixMilli()/day.Milliseconds()] = q
	}
	s.store = make(map[int]*StoreKey, len(stored))
	for _, key := range stored {
		if key != nil {
			s.store[key.epoch] = key
		}
	}
	return nil
}

func (s *snapshot) openRecipient(r *recipientEntry, k *kek, earlier *snapshot, try func(string, func() error)) {
	ps := make([]period, len(r.Epochs))
	s.recipients[r.Name] = ps
	for i := range r.Epochs {
		e, p := &r.Epochs[i], &ps[i]
		*p = period{from: math.MinInt64, to: math.MaxInt64, entry: e, domain: earlier.sameDomain(r.Name, e)}
		if !e.From.IsZero() {
			p.from = e.From.UnixMilli()
		}
		if !e.To.IsZero() {
			p.to = e.To.UnixMilli()
		}
		if p.domain != nil || !e.Destroyed.IsZero() {
			continue
		}
		try(fmt.Sprintf("recipient %s: epoch %d", r.Name, e.Number), func() (err error) {
			p.domain, err = s.contents.openDomain(r.Name, e, k)
			return err
		})
	}
}

func (s *snapshot) openQuarantine(k *kek, earlier *snapshot, try func(string, func() error)) {
	s.quarantine = make([]*QuarantineKey, len(s.contents.Quarantine))
	for i := range s.contents.Quarantine {
		d := &s.contents.Quarantine[i]
		if s.quarantine[i] = earlier.sameDay(d); s.quarantine[i] != nil {
			continue
		}
		try("quarantine "+d.Day, func() (err error) {
			s.quarantine[i], err = s.contents.openDay(d, k)
			return err
		})
	}
}

func (s *snapshot) openStore(k *kek, earlier *snapshot, try func(string, func() error)) []*StoreKey {
	if s.contents.Store == nil {
		return nil
	}
	keys := make([]*StoreKey, len(s.contents.Store.Epochs))
	for i := range s.contents.Store.Epochs {
		e := &s.contents.Store.Epochs[i]
		if keys[i] = earlier.sameStoreKey(e); keys[i] != nil || !e.Destroyed.IsZero() {
			continue
		}
		try(fmt.Sprintf("store epoch %d", e.Number), func() (err error) {
			keys[i], err = s.contents.openStoreEpoch(e, k)
			return err
		})
	}
	return keys
}

// sameDomain finds the domain of the epoch if its keysets have not changed.
func (s *snapshot) sameDomain(recipient string, e *epochEntry) *Domain {
	if s == nil {
		return nil
	}
	for _, p := range s.recipients[recipient] {
		if p.entry.Number == e.Number && bytes.Equal(p.entry.Domain, e.Domain) && bytes.Equal(p.entry.Field, e.Field) && bytes.Equal(p.entry.Seal, e.Seal) {
			return p.domain
		}
	}
	return nil
}

// sameDay finds the key of a quarantine day if its keyset has not changed.
func (s *snapshot) sameDay(d *dayEntry) *QuarantineKey {
	if s == nil {
		return nil
	}
	for i, was := range s.contents.Quarantine {
		if was.Day == d.Day && bytes.Equal(was.Keyset, d.Keyset) {
			return s.quarantine[i]
		}
	}
	return nil
}
