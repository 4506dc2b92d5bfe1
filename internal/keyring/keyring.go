// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/aescmacprf"
)

// ClockSkew is how far ahead of this machine's clock a broker's timestamp may be.
const ClockSkew = 5 * time.Minute

// Keyring lends keys. It is safe for concurrent use: lenders read a snapshot and never wait for a change.
type Keyring struct {
	opaque
	dir     string // "" for an ephemeral keyring
	file    kekFile
	current atomic.Pointer[snapshot]

	mu  sync.Mutex // held while the keyring changes
	kek *kek
}

// snapshot is the keyring at one moment. It is immutable.
type snapshot struct {
	raw        []byte // keyring.json as it was read
	contents   *contents
	stateless  *PRF
	keyIDs     []uint32                 // of the stateless keyset
	recipients map[string][]period      // by time
	quarantine []*QuarantineKey         // in the order of contents.Quarantine
	days       map[int64]*QuarantineKey // the same by days since the Unix epoch
}

// period is when a domain's keys serve: from ≤ record < to, in milliseconds since the Unix epoch.
type period struct {
	from, to int64
	entry    *epochEntry
	domain   *Domain
}

// OpenOptions say which keyring is expected. The zero value takes any with its kek file in clear beside it.
type OpenOptions struct {
	Tenant     string // not empty: a keyring of another tenant is refused
	KEKFile    string // default: the file kek in the keyring's directory
	Passphrase []byte // of an encrypted kek file
}

// Open reads the keyring of a directory and opens every key in it, or refuses it with the reason and the mend.
func Open(dir string, o OpenOptions) (*Keyring, error) {
	k := &Keyring{dir: dir, file: kekFile{path: o.KEKFile, passphrase: o.Passphrase}}
	if k.file.path == "" {
		k.file.path = filepath.Join(dir, kekName)
	}
	raw, err := readContents(dir)
	if err != nil {
		return nil, err
	}
	c, err := parseContents(raw, k.path())
	if err != nil {
		return nil, err
	}
	if o.Tenant != "" && o.Tenant != c.Tenant {
		return nil, fmt.Errorf("%w: %s belongs to %q, and the configuration says %q", ErrTenant, k.path(), c.Tenant, o.Tenant)
	}
	if k.kek, err = k.file.read(); err != nil {
		return nil, err
	}
	s, err := c.open(k.kek, nil, k.path())
	if err != nil {
		return nil, err
	}
	s.raw = raw
	k.current.Store(s)
	return k, nil
}

func (k *Keyring) path() string { return filepath.Join(k.dir, fileName) }

// ID tells keyrings apart: instances that share work must agree on it.
func (k *Keyring) ID() string { return k.current.Load().contents.ID }

// Tenant is part of every label.
func (k *Keyring) Tenant() string { return k.current.Load().contents.Tenant }

// Canonicalization is the version of the rules by which identifiers are spelled; the keyring keeps the one it began with.
func (k *Keyring) Canonicalization() int { return k.current.Load().contents.Canonicalization }

// DomainAt lends the keys of the recipient's epoch at the record's broker timestamp, so that a replay finds the same ones.
// A record of an epoch that ended more than overlap ago gives ErrEpochEnded, one from the future ErrFuture; a recipient or
// time without key gives ErrNoKey, which is fatal. It neither locks nor allocates.
func (k *Keyring) DomainAt(recipient string, overlap time.Duration, recordMs, nowMs int64) (*Domain, error) {
	if recordMs > nowMs+ClockSkew.Milliseconds() {
		return nil, ErrFuture
	}
	p := k.current.Load().at(recipient, recordMs)
	if p == nil {
		return nil, ErrNoKey
	}
	if p.to < nowMs && nowMs-p.to > overlap.Milliseconds() {
		return nil, ErrEpochEnded
	}
	return p.domain, nil
}

// LatestDomain lends the keys of the epoch that nowMs lies in.
func (k *Keyring) LatestDomain(recipient string, nowMs int64) (*Domain, error) {
	if p := k.current.Load().at(recipient, nowMs); p != nil {
		return p.domain, nil
	}
	return nil, ErrNoKey
}

// EpochDomain lends the keys of one epoch, ended or not.
func (k *Keyring) EpochDomain(recipient string, epoch int) (*Domain, error) {
	for _, p := range k.current.Load().recipients[recipient] {
		if p.domain.epoch == epoch {
			return p.domain, nil
		}
	}
	return nil, ErrNoKey
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

// open unwraps every key. Domains of an earlier snapshot whose keys are the same stay in use, with all that is cached for them.
func (c *contents) open(k *kek, earlier *snapshot, path string) (*snapshot, error) {
	s := &snapshot{contents: c, recipients: make(map[string][]period, len(c.Recipients)), days: make(map[int64]*QuarantineKey, len(c.Quarantine))}
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
	if s.stateless, err = statelessPRF(h); err != nil {
		return nil, damaged("its stateless keyset is of another kind")
	}
	s.keyIDs = keyIDs(h)
	for i := range c.Recipients {
		r := &c.Recipients[i]
		if s.recipients[r.Name], err = c.openRecipient(r, k, earlier); err != nil {
			return nil, damaged(fmt.Sprintf("recipient %s: %v", r.Name, err))
		}
	}
	for i := range c.Quarantine {
		q, err := c.openDay(&c.Quarantine[i], k.aead)
		if err != nil {
			return nil, damaged(fmt.Sprintf("quarantine %s: %v", c.Quarantine[i].Day, err))
		}
		s.days[q.from.UnixMilli()/day.Milliseconds()] = q
		s.quarantine = append(s.quarantine, q)
	}
	return s, nil
}

func statelessPRF(h *keyset.Handle) (*PRF, error) {
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

func (c *contents) openRecipient(r *recipientEntry, k *kek, earlier *snapshot) ([]period, error) {
	ps := make([]period, len(r.Epochs))
	for i := range r.Epochs {
		e := &r.Epochs[i]
		p := period{from: math.MinInt64, to: math.MaxInt64, entry: e, domain: earlier.sameDomain(r.Name, e)}
		if !e.From.IsZero() {
			p.from = e.From.UnixMilli()
		}
		if !e.To.IsZero() {
			p.to = e.To.UnixMilli()
		}
		if p.domain == nil {
			d, err := c.openDomain(r.Name, e, k.aead)
			if err != nil {
				return nil, fmt.Errorf("epoch %d: %w", e.Number, err)
			}
			p.domain = d
		}
		ps[i] = p
	}
	return ps, nil
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
