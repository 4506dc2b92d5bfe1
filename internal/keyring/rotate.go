// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/errgroup"
)

// Rotate gives every keyset of a role that is in use or coming a new primary key; the old ones still open what they sealed.
// Roles whose keys make pseudonyms or deterministic seals refuse, for equal values would part in mid-epoch: ErrRotation.
func (k *Keyring) Rotate(role Role, now time.Time) error {
	switch role {
	case RoleQuarantine:
		return k.change(func(c *contents, kek *kek) error { return c.rotateQuarantine(kek, now) })
	case RoleField:
		return k.change(func(c *contents, kek *kek) error { return c.rotateEpochs(role, kek, now) })
	case RoleStore:
		return k.NewStoreEpoch(now)
	case RoleControl:
		return k.change(func(c *contents, kek *kek) error { return c.rotateControl(kek, now) })
	case RoleCertificate, RoleAudit:
		return k.change(func(c *contents, kek *kek) error { return c.newSigner(role, kek, now) })
	case RoleLookup:
		return fmt.Errorf("keyring: %w: another lookup key would lose every row of the store, erasures included", ErrRotation)
	case RoleReveal:
		return fmt.Errorf("keyring: %w here: its private key is elsewhere, and RotateReveal needs it", ErrRotation)
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

func (c *contents) rotateQuarantine(kek *kek, now time.Time) error {
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

func (c *contents) rotateEpochs(role Role, kek *kek, now time.Time) error {
	for i := range c.Recipients {
		r := &c.Recipients[i]
		for j := range r.Epochs {
			e := &r.Epochs[j]
			if !e.To.IsZero() && !e.To.After(now) || !e.Destroyed.IsZero() {
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
// With a KMS everything is wrapped anew by the newest version of its key; instances know within Notice, and the versions
// before it can be destroyed then.
func (k *Keyring) RotateKEK(passphrase []byte) error {
	return k.locked(func(c *contents) error {
		if k.kms != nil {
			return k.moveToKMS(c)
		}
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
		if err := c.rewrap(k.kek, next); err != nil {
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

// MoveKEK wraps everything by another KEK: a KMS instead of the kek file, another key of a KMS, or a kek file again. No pseudonym
// changes. Destroy the KEK that served before once every instance has been started with the new one.
func (k *Keyring) MoveKEK(to OpenOptions) error {
	if k.dir == "" {
		return fmt.Errorf("keyring: one in memory keeps its KEK")
	}
	return k.locked(func(c *contents) error {
		file, kms := k.file, k.kms
		err := k.locate(to)
		if err == nil {
			if k.kms != nil {
				err = k.moveToKMS(c)
			} else {
				err = k.moveToFile(c)
			}
		}
		if err != nil {
			k.file, k.kms = file, kms
		}
		return err
	})
}

func (k *Keyring) moveToKMS(c *contents) error {
	next, err := c.wrapByKMS(k.kms)
	if err != nil {
		return err
	}
	if err := c.rewrap(k.kek, next); err != nil {
		return err
	}
	return k.keep(c, next)
}

func (k *Keyring) moveToFile(c *contents) error {
	next, err := k.file.readOrMake()
	if err != nil {
		return err
	}
	c.KMS = nil
	if err := c.rewrap(k.kek, next); err != nil {
		return err
	}
	return k.keep(c, next)
}

// rewrap moves everything from one KEK to another.
func (c *contents) rewrap(from, to *kek) error {
	again := func(wrapped *[]byte, from, to tink.AEAD, ad []byte) error {
		h, err := unwrap(*wrapped, from, ad)
		if err != nil {
			return err
		}
		*wrapped, err = wrap(h, to, ad)
		return err
	}
	for role, wrapped := range c.singles() {
		if err := again(wrapped, from.aead, to.aead, wrapLabel(c.Tenant, role, "", "")); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, o := range c.owns() {
		g.Go(func() error {
			return again(o.kek, from.outer, to.outer, wrapLabel(c.Tenant, RoleKEK, o.recipient, o.place))
		})
	}
	return g.Wait()
}

// singles are the wrapped keysets that a tenant has one of.
func (c *contents) singles() map[Role]*[]byte {
	out := map[Role]*[]byte{RoleStateless: &c.Stateless.Keyset}
	if c.Lookup != nil {
		out[RoleLookup] = &c.Lookup.Keyset
	}
	if c.Control != nil {
		out[RoleControl] = &c.Control.Keyset
	}
	if c.Certificate != nil {
		out[RoleCertificate] = &c.Certificate.Keyset
	}
	if c.Audit != nil {
		out[RoleAudit] = &c.Audit.Keyset
	}
	return out
}

// own is the wrapped KEK of one epoch or day.
type own struct {
	recipient, place string
	kek              *[]byte
}

// owns lists the KEKs that can be destroyed one by one, and have not been.
func (c *contents) owns() (list []own) {
	for i := range c.Recipients {
		r := &c.Recipients[i]
		for j := range r.Epochs {
			if e := &r.Epochs[j]; e.Destroyed.IsZero() {
				list = append(list, own{r.Name, epochPlace(e.Number), &e.KEK})
			}
		}
	}
	for i := range c.Quarantine {
		list = append(list, own{"", c.Quarantine[i].Day, &c.Quarantine[i].KEK})
	}
	if c.Store == nil {
		return list
	}
	for i := range c.Store.Epochs {
		if e := &c.Store.Epochs[i]; e.Destroyed.IsZero() {
			list = append(list, own{"", storePlace(e.Number), &e.KEK})
		}
	}
	return list
}
