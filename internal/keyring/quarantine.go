// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// QuarantineKey seals and opens the quarantined records of one day. It is safe for concurrent use.
type QuarantineKey struct {
	opaque
	day    string
	from   time.Time
	aead   tink.AEAD
	keyIDs []uint32
}

// Day is the key's day, such as 2026-11-23 (UTC): what QuarantineDay finds it by.
func (q *QuarantineKey) Day() string { return q.day }

// Seal gives plaintext sealed with AES-256-GCM, in Tink's wire format, bound to ad.
func (q *QuarantineKey) Seal(plaintext, ad []byte) ([]byte, error) {
	sealed, err := q.aead.Encrypt(plaintext, ad)
	if err != nil {
		return nil, fmt.Errorf("seal for quarantine: %w", err)
	}
	return sealed, nil
}

// Open is the inverse of Seal.
func (q *QuarantineKey) Open(sealed, ad []byte) ([]byte, error) {
	plaintext, err := q.aead.Decrypt(sealed, ad)
	if err != nil {
		return nil, fmt.Errorf("open quarantined record of %s: %w", q.day, err)
	}
	return plaintext, nil
}

// QuarantineAt lends the key of the day of nowMs (milliseconds since the Unix epoch).
// ErrNoKey means that Extend was not called for more than a day, ErrDestroyed that the day's key is gone.
func (k *Keyring) QuarantineAt(nowMs int64) (*QuarantineKey, error) {
	s := k.current.Load()
	if q := s.days[nowMs/day.Milliseconds()]; q != nil {
		return q, nil
	}
	if gone := s.contents.QuarantineDestroyed; gone != "" && time.UnixMilli(nowMs).UTC().Format(time.DateOnly) < gone {
		return nil, ErrDestroyed
	}
	return nil, ErrNoKey
}

// QuarantineDay lends the key of a day such as 2026-11-23, to open what was sealed then.
func (k *Keyring) QuarantineDay(name string) (*QuarantineKey, error) {
	t, err := time.Parse(time.DateOnly, name)
	if err != nil {
		return nil, fmt.Errorf("quarantine day: write it as 2026-11-23: %w", ErrNoKey)
	}
	return k.QuarantineAt(t.UnixMilli())
}

// quarantineDays are the days whose keys must exist: today and tomorrow.
func quarantineDays(now time.Time) [2]string {
	return [2]string{now.UTC().Format(time.DateOnly), now.UTC().Add(day).Format(time.DateOnly)}
}

func (c *contents) hasDay(name string) bool {
	return slices.ContainsFunc(c.Quarantine, func(d dayEntry) bool { return d.Day == name })
}

// extendQuarantine makes the keys of today and tomorrow.
func (c *contents) extendQuarantine(k *kek, now time.Time) error {
	for _, name := range quarantineDays(now) {
		if c.hasDay(name) {
			continue
		}
		own, wrappedKEK, err := c.newOwnKEK(k, "", name)
		if err != nil {
			return err
		}
		w, err := newWrapped(RoleQuarantine, own, wrapLabel(c.Tenant, RoleQuarantine, "", name))
		if err != nil {
			return err
		}
		c.Quarantine = append(c.Quarantine, dayEntry{Day: name, Created: stamp(now), KEK: wrappedKEK, Keyset: w})
	}
	return nil
}

// openDay unwraps the key of one day.
func (c *contents) openDay(d *dayEntry, k *kek) (*QuarantineKey, error) {
	from, err := time.Parse(time.DateOnly, d.Day)
	if err != nil {
		return nil, fmt.Errorf("the day is no date")
	}
	own, err := c.openOwnKEK(d.KEK, k, "", d.Day)
	if err != nil {
		return nil, err
	}
	h, err := unwrap(d.Keyset, own.aead, wrapLabel(c.Tenant, RoleQuarantine, "", d.Day))
	if err != nil {
		return nil, err
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("quarantine key: %w", err)
	}
	return &QuarantineKey{day: d.Day, from: from, aead: a, keyIDs: keyIDs(h)}, nil
}
