// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Extend makes the keys that will be needed soon: coming epochs, quarantine keys of today and tomorrow, and roles that a
// keyring of an older release lacks. It also takes keys into use that every instance knows by now.
// Call it at start and every hour. Where nothing is due it does not touch the files.
func (k *Keyring) Extend(now time.Time) error {
	if !k.current.Load().contents.due(now) {
		return nil
	}
	return k.change(func(c *contents, kek *kek) error { return c.extend(kek, now) })
}

func (c *contents) due(now time.Time) bool {
	if c.Lookup == nil || c.Certificate == nil || c.Audit == nil ||
		c.Store == nil || c.Store.ripe(now) || c.Control == nil || c.Control.ripe(now) {
		return true
	}
	for _, name := range quarantineDays(now) {
		if !c.hasDay(name) {
			return true
		}
	}
	return slices.ContainsFunc(c.Recipients, func(r recipientEntry) bool { return r.wanting(now) })
}

func (c *contents) extend(k *kek, now time.Time) error {
	for i := range c.Recipients {
		if err := c.extendRecipient(&c.Recipients[i], k, now); err != nil {
			return err
		}
	}
	if c.Lookup == nil {
		w, err := newWrapped(RoleLookup, k, wrapLabel(c.Tenant, RoleLookup, "", ""))
		if err != nil {
			return err
		}
		c.Lookup = &wrapped{Created: stamp(now), Keyset: w}
	}
	for _, role := range []Role{RoleCertificate, RoleAudit} {
		if *c.signer(role) == nil {
			if err := c.newSigner(role, k, now); err != nil {
				return err
			}
		}
	}
	return errors.Join(c.extendControl(k, now), c.extendStore(k, now), c.extendQuarantine(k, now))
}

// AddRecipient gives a new recipient its keys; one that is there already gives ErrExists.
func (k *Keyring) AddRecipient(r Recipient, now time.Time) error {
	return k.change(func(c *contents, kek *kek) error { return c.addRecipient(r, kek, now) })
}

// SetRenew changes how long the recipient's epochs last. Those that are planned already keep their dates, so a keyring that was
// not extended for long must be so first: the end of its last epoch would be past.
func (k *Keyring) SetRenew(recipient string, renew time.Duration, now time.Time) error {
	if err := (Recipient{Name: recipient, Renew: renew}).validate(); err != nil {
		return err
	}
	return k.changeRecipient(recipient, func(c *contents, r *recipientEntry, kek *kek) error {
		r.Renew = duration(renew)
		last := &r.Epochs[len(r.Epochs)-1]
		switch {
		case renew == 0:
			last.To = time.Time{}
		case last.To.IsZero(): // running: it ends as one that begins now would
			last.To = roundUp(stamp(now).Add(max(renew, Lead)), renew)
		default: // planned: it begins later than now plus Lead
			last.To = last.From.Add(renew)
		}
		if !last.To.IsZero() && last.To.Before(now.Add(Notice)) {
			return fmt.Errorf("keyring: recipient %s: with renew %s epoch %d would end at %s, which no instance would know in time; extend the keyring first",
				recipient, renew, last.Number, last.To.Format(time.RFC3339))
		}
		return c.extendRecipient(r, kek, now)
	})
}

// Notice is how long before it begins an epoch must be ordered, at the least: instances reload their keyrings once a minute,
// and one that knows nothing of the epoch would go on with the old one.
const Notice = 5 * time.Minute

// NewEpoch begins a new epoch of the recipient at a time at least Notice ahead: from then on all its pseudonyms are others.
func (k *Keyring) NewEpoch(recipient string, at, now time.Time) error {
	if at.Before(now.Add(Notice)) {
		return fmt.Errorf("keyring: a new epoch cannot begin before %s: every instance must have its keys by then; choose a time at least %s ahead",
			stamp(now.Add(Notice)).Format(time.RFC3339), Notice)
	}
	return k.changeRecipient(recipient, func(c *contents, r *recipientEntry, kek *kek) error {
		return c.beginEpoch(r, stamp(at), kek, now)
	})
}

// Reload takes over what other processes changed. Where nothing has, it costs one read of a small file.
func (k *Keyring) Reload() error {
	if k.dir == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isWiped.Load() {
		return ErrNoKey
	}
	raw, err := readContents(k.dir)
	if err != nil {
		return err
	}
	if bytes.Equal(raw, k.current.Load().raw) {
		return nil
	}
	c, err := k.reparse(raw)
	if err != nil {
		return err
	}
	return k.take(c, k.kek, raw)
}

func (k *Keyring) changeRecipient(name string, edit func(*contents, *recipientEntry, *kek) error) error {
	return k.change(func(c *contents, kek *kek) error {
		r := c.recipient(name)
		if r == nil {
			return fmt.Errorf("keyring: no recipient %q; add it first", name)
		}
		return edit(c, r, kek)
	})
}

// change edits the newest contents and keeps the result.
func (k *Keyring) change(edit func(*contents, *kek) error) error {
	return k.locked(func(c *contents) error {
		if err := edit(c, k.kek); err != nil {
			return err
		}
		return k.keep(c, k.kek)
	})
}

// locked calls f with the newest contents while no other process and no other goroutine can change them.
func (k *Keyring) locked(f func(*contents) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isWiped.Load() {
		return ErrNoKey
	}
	raw := k.current.Load().raw
	if k.dir != "" {
		release, err := lockDir(k.dir)
		if err != nil {
			return err
		}
		defer release()
		if raw, err = readContents(k.dir); err != nil {
			return err
		}
	}
	c, err := k.reparse(raw)
	if err != nil {
		return err
	}
	return f(c)
}

// reparse reads contents that may have been changed by another process, its KEK included.
func (k *Keyring) reparse(raw []byte) (*contents, error) {
	c, err := parseContents(raw, k.path())
	if err != nil {
		return nil, err
	}
	if now := k.current.Load().contents; c.ID != now.ID || c.Tenant != now.Tenant {
		return nil, fmt.Errorf("keyring %s: %w: it is another keyring than the one that was opened", k.path(), ErrTenant)
	}
	if k.dir != "" && !c.proven(k.kek) {
		fresh, err := k.openKEK(c)
		if err != nil {
			return nil, err
		}
		k.kek = fresh
	}
	if !c.proven(k.kek) {
		return nil, fmt.Errorf("keyring %s: %w: it was changed by another program; restore it from a backup", k.path(), ErrCorrupt)
	}
	return c, nil
}

// keep makes changed contents durable, and lends from them.
func (k *Keyring) keep(c *contents, kek *kek) error {
	if err := c.prove(kek); err != nil {
		return err
	}
	raw, err := c.encode()
	if err != nil {
		return err
	}
	if k.dir != "" {
		if err := writeFile(k.path(), raw); err != nil {
			return err
		}
	}
	return k.take(c, kek, raw)
}

// take lends from contents that are on disk.
func (k *Keyring) take(c *contents, kek *kek, raw []byte) error {
	s, err := c.open(kek, k.current.Load(), k.path())
	if err != nil {
		return err
	}
	s.raw, s.kms = raw, k.kms
	if k.dir != "" {
		s.kekFile = k.file.path
	}
	k.kek = kek
	k.current.Store(s)
	if k.isWiped.Load() { // meanwhile
		k.forget()
		return ErrNoKey
	}
	return nil
}
