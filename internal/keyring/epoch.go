// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"slices"
	"time"
)

// Lead is how long before they are needed keys are made, at the latest, when Extend is called at least once a day:
// every instance and every backup has them in time.
const Lead = 48 * time.Hour

// MinRenew is the shortest epoch.
const MinRenew = time.Hour

const day = 24 * time.Hour

// Recipient is one reader of sanitized events, with keys of its own.
type Recipient struct {
	Name  string
	Renew time.Duration // length of an epoch, at least MinRenew; 0: epochs change only by NewEpoch
}

func (r Recipient) validate() error {
	if r.Name == "" {
		return fmt.Errorf("keyring: a recipient without a name")
	}
	if r.Renew != 0 && r.Renew < MinRenew {
		return fmt.Errorf("keyring: recipient %s: renew %s is too short; use %s or more, or 0 for epochs that change only by command", r.Name, r.Renew, MinRenew)
	}
	return nil
}

// addRecipient gives a new recipient its first epoch, which began before any record.
func (c *contents) addRecipient(r Recipient, k *kek, now time.Time) error {
	if err := r.validate(); err != nil {
		return err
	}
	if c.recipient(r.Name) != nil {
		return fmt.Errorf("keyring: recipient %s %w", r.Name, ErrExists)
	}
	first := epochEntry{Number: 1}
	if r.Renew > 0 {
		first.To = roundUp(now.Add(r.Renew), r.Renew)
	}
	if err := c.fillEpoch(&first, r.Name, k, now); err != nil {
		return err
	}
	c.Recipients = append(c.Recipients, recipientEntry{Name: r.Name, Renew: duration(r.Renew), Epochs: []epochEntry{first}})
	return c.extendRecipient(c.recipient(r.Name), k, now)
}

// roundUp moves the end of a first epoch to midnight UTC, or for epochs that are not whole days to the minute.
func roundUp(t time.Time, renew time.Duration) time.Time {
	unit := time.Minute
	if renew%day == 0 {
		unit = day
	}
	t = t.UTC()
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t
}

// wanting tells whether the recipient's last epoch begins so soon that its successor must be made.
func (r *recipientEntry) wanting(now time.Time) bool {
	last := r.Epochs[len(r.Epochs)-1]
	return !last.To.IsZero() && !last.From.After(now.Add(Lead))
}

// extendRecipient makes the epochs that will be needed soon, so that the last one always begins later than now plus Lead.
func (c *contents) extendRecipient(r *recipientEntry, k *kek, now time.Time) error {
	for r.wanting(now) {
		last := r.Epochs[len(r.Epochs)-1]
		next := epochEntry{Number: last.Number + 1, From: last.To, To: last.To.Add(time.Duration(r.Renew))}
		if err := c.fillEpoch(&next, r.Name, k, now); err != nil {
			return err
		}
		r.Epochs = append(r.Epochs, next)
	}
	return nil
}

// beginEpoch ends the epoch that holds at. An epoch that was planned for later begins then instead, and those
// after it keep their length.
func (c *contents) beginEpoch(r *recipientEntry, at time.Time, k *kek, now time.Time) error {
	i := slices.IndexFunc(r.Epochs, func(e epochEntry) bool { return e.To.IsZero() || e.To.After(at) })
	if i < 0 {
		return fmt.Errorf("keyring: recipient %s has no epoch yet at %s; extend the keyring first", r.Name, at.Format(time.RFC3339))
	}
	if r.Epochs[i].From.Equal(at) {
		return fmt.Errorf("keyring: recipient %s: epoch %d already begins at %s", r.Name, r.Epochs[i].Number, at.Format(time.RFC3339))
	}
	r.Epochs[i].To = at
	if i == len(r.Epochs)-1 {
		next := epochEntry{Number: r.Epochs[i].Number + 1}
		if err := c.fillEpoch(&next, r.Name, k, now); err != nil {
			return err
		}
		r.Epochs = append(r.Epochs, next)
	}
	for j := i + 1; j < len(r.Epochs); j++ {
		r.Epochs[j].From, r.Epochs[j].To = at, time.Time{}
		if r.Renew > 0 {
			at = at.Add(time.Duration(r.Renew))
			r.Epochs[j].To = at
		}
	}
	return c.extendRecipient(r, k, now)
}

// fillEpoch makes the KEK and the keysets of an epoch.
func (c *contents) fillEpoch(e *epochEntry, recipient string, k *kek, now time.Time) error {
	e.Created = stamp(now)
	place := epochPlace(e.Number)
	own, wrappedKEK, err := c.newOwnKEK(k, recipient, place)
	if err != nil {
		return err
	}
	e.KEK = wrappedKEK
	for _, role := range []Role{RoleDomain, RoleField, RoleSeal} {
		if *e.keyset(role), err = newWrapped(role, own, wrapLabel(c.Tenant, role, recipient, place)); err != nil {
			return err
		}
	}
	return nil
}

// newOwnKEK makes the KEK of one epoch or day and wraps it.
func (c *contents) newOwnKEK(k *kek, recipient, place string) (*kek, []byte, error) {
	own, err := newKEK()
	if err != nil {
		return nil, nil, err
	}
	w, err := wrap(own.handle, k.outer, wrapLabel(c.Tenant, RoleKEK, recipient, place))
	return own, w, err
}

// openOwnKEK is the inverse of newOwnKEK.
func (c *contents) openOwnKEK(wrapped []byte, k *kek, recipient, place string) (*kek, error) {
	h, err := unwrap(wrapped, k.outer, wrapLabel(c.Tenant, RoleKEK, recipient, place))
	if err != nil {
		return nil, err
	}
	return kekOf(h)
}

// keyset points at the wrapped keyset of a role of the epoch.
func (e *epochEntry) keyset(r Role) *[]byte {
	switch r {
	case RoleDomain:
		return &e.Domain
	case RoleField:
		return &e.Field
	default:
		return &e.Seal
	}
}

// stamp is how dates are kept: UTC, in milliseconds, as brokers do.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
