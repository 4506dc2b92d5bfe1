// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// Extend makes the keys that will be needed soon: coming epochs, and quarantine keys of today and tomorrow.
// Call it at start and every hour. Where nothing is due it does not touch the files.
func (k *Keyring) Extend(now time.Time) error {
	if !k.current.Load().contents.due(now) {
		return nil
	}
	return k.change(func(c *contents, kek tink.AEAD) error {
		for i := range c.Recipients {
			if err := c.extendRecipient(&c.Recipients[i], kek, now); err != nil {
				return err
			}
		}
		return c.extendQuarantine(kek, now)
	})
}

func (c *contents) due(now time.Time) bool {
	for _, name := range quarantineDays(now) {
		if !c.hasDay(name) {
			return true
		}
	}
	return slices.ContainsFunc(c.Recipients, func(r recipientEntry) bool { return r.wanting(now) })
}

// AddRecipient gives a new recipient its keys; one that is there already gives ErrExists.
func (k *Keyring) AddRecipient(r Recipient, now time.Time) error {
	return k.change(func(c *contents, kek tink.AEAD) error { return c.addRecipient(r, kek, now) })
}

// SetRenew changes how long the recipient's epochs last. Those that are planned already keep their dates, so a keyring that was
// not extended for long must be so first: the end of its last epoch would be past.
func (k *Keyring) SetRenew(recipient string, renew time.Duration, now time.Time) error {
	if err := (Recipient{Name: recipient, Renew: renew}).validate(); err != nil {
		return err
	}
	return k.changeRecipient(recipient, func(c *contents, r *recipientEntry, kek tink.AEAD) error {
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
	return k.changeRecipient(recipient, func(c *contents, r *recipientEntry, kek tink.AEAD) error {
		return c.beginEpoch(r, stamp(at), kek, now)
	})
}

// Rotate gives every keyset of a role that is in use or coming a new primary key; the old ones still open what they sealed.
// Roles whose keys make pseudonyms or deterministic seals refuse, for equal values would part in mid-epoch: ErrRotation.
func (k *Keyring) Rotate(role Role, now time.Time) error {
	switch role {
	case RoleQuarantine:
		return k.change(func(c *contents, kek tink.AEAD) error { return c.rotateQuarantine(kek, now) })
	case RoleField:
		return k.change(func(c *contents, kek tink.AEAD) error { return c.rotateEpochs(role, kek, now) })
	case RoleStateless:
		return fmt.Errorf("keyring: %w: every secret comes from the stateless key, so another key would change every pseudonym of every recipient at once; begin a new epoch instead", ErrRotation)
	case RoleDomain:
		return fmt.Errorf("keyring: %w: another domain key would change pseudonyms in the middle of an epoch; begin a new epoch instead", ErrRotation)
	case RoleSeal:
		return fmt.Errorf("keyring: %w: another key would change deterministic seals in the middle of an epoch; seals change only by epochs: begin a new epoch instead", ErrRotation)
	case RoleKEK:
		return fmt.Errorf("keyring: %w by itself: use `keys rotate --kek`", ErrRotation)
	}
	return fmt.Errorf("keyring: unknown role %q", string(role))
}

func (c *contents) rotateQuarantine(kek tink.AEAD, now time.Time) error {
	today := quarantineDays(now)[0]
	for i := range c.Quarantine {
		d := &c.Quarantine[i]
		if d.Day < today {
			continue
		}
		own, err := c.openOwnKEK(d.KEK, kek, "", d.Day)
		if err != nil {
			return err
		}
		if err := rewrapRotated(&d.Keyset, RoleQuarantine, own, wrapLabel(c.Tenant, RoleQuarantine, "", d.Day)); err != nil {
			return err
		}
	}
	return nil
}

func (c *contents) rotateEpochs(role Role, kek tink.AEAD, now time.Time) error {
	for i := range c.Recipients {
		r := &c.Recipients[i]
		for j := range r.Epochs {
			e := &r.Epochs[j]
			if !e.To.IsZero() && !e.To.After(now) {
				continue
			}
			place := epochPlace(e.Number)
			own, err := c.openOwnKEK(e.KEK, kek, r.Name, place)
			if err != nil {
				return err
			}
			if err := rewrapRotated(e.keyset(role), role, own, wrapLabel(c.Tenant, role, r.Name, place)); err != nil {
				return err
			}
		}
	}
	return nil
}

func rewrapRotated(keyset *[]byte, role Role, own *kek, ad []byte) error {
	h, err := unwrap(*keyset, own.aead, ad)
	if err != nil {
		return err
	}
	if h, err = withNewPrimary(h, role); err != nil {
		return err
	}
	*keyset, err = wrap(h, own.aead, ad)
	return err
}

// RotateKEK makes a new KEK and wraps everything anew; no pseudonym changes. passphrase protects the kek file from now on;
// empty leaves the protection as it is. A crash leaves a keyring that opens: until the last step the kek file holds both keys.
func (k *Keyring) RotateKEK(passphrase []byte) error {
	return k.locked(func(c *contents) error {
		both, err := withNewPrimary(k.kek.handle, RoleKEK)
		if err != nil {
			return err
		}
		between, err := kekOf(both)
		if err != nil {
			return err
		}
		alone, err := onlyPrimary(both)
		if err != nil {
			return err
		}
		next, err := kekOf(alone)
		if err != nil {
			return err
		}
		file := k.file
		if len(passphrase) > 0 {
			file.passphrase = passphrase
		}
		if err := c.rewrap(k.kek.aead, next.aead); err != nil {
			return err
		}
		if k.dir == "" {
			return k.keep(c, next)
		}
		if err := file.write(between); err != nil {
			return err
		}
		k.file = file
		if err := k.keep(c, next); err != nil {
			return err
		}
		return file.write(next)
	})
}

// rewrap moves everything that the kek file wraps from one KEK to another.
func (c *contents) rewrap(from, to tink.AEAD) error {
	again := func(wrapped *[]byte, role Role, recipient, place string) error {
		ad := wrapLabel(c.Tenant, role, recipient, place)
		h, err := unwrap(*wrapped, from, ad)
		if err != nil {
			return err
		}
		*wrapped, err = wrap(h, to, ad)
		return err
	}
	if err := again(&c.Stateless.Keyset, RoleStateless, "", ""); err != nil {
		return err
	}
	for i := range c.Recipients {
		r := &c.Recipients[i]
		for j := range r.Epochs {
			if err := again(&r.Epochs[j].KEK, RoleKEK, r.Name, epochPlace(r.Epochs[j].Number)); err != nil {
				return err
			}
		}
	}
	for i := range c.Quarantine {
		if err := again(&c.Quarantine[i].KEK, RoleKEK, "", c.Quarantine[i].Day); err != nil {
			return err
		}
	}
	return nil
}

// Reload takes over what other processes changed. Where nothing has, it costs one read of a small file.
func (k *Keyring) Reload() error {
	if k.dir == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
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

func (k *Keyring) changeRecipient(name string, edit func(*contents, *recipientEntry, tink.AEAD) error) error {
	return k.change(func(c *contents, kek tink.AEAD) error {
		r := c.recipient(name)
		if r == nil {
			return fmt.Errorf("keyring: no recipient %q; add it first", name)
		}
		return edit(c, r, kek)
	})
}

// change edits the newest contents and keeps the result.
func (k *Keyring) change(edit func(*contents, tink.AEAD) error) error {
	return k.locked(func(c *contents) error {
		if err := edit(c, k.kek.aead); err != nil {
			return err
		}
		return k.keep(c, k.kek)
	})
}

// locked calls f with the newest contents while no other process and no other goroutine can change them.
func (k *Keyring) locked(f func(*contents) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
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
		fresh, err := k.file.read()
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
	s.raw = raw
	k.kek = kek
	k.current.Store(s)
	return nil
}
