// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"slices"
	"time"
)

// DestroyEpoch removes the keys of a recipient's epoch that ended more than overlap ago; a tombstone stays. Its pseudonyms are
// then unlinkable for good, and its seals lost, as soon as no copy of the file can be opened either: rotate the KEK next, and
// destroy its old copies or versions.
func (k *Keyring) DestroyEpoch(recipient string, epoch int, overlap time.Duration, now time.Time) error {
	return k.changeRecipient(recipient, func(_ *contents, r *recipientEntry, _ *kek) error {
		i := slices.IndexFunc(r.Epochs, func(e epochEntry) bool { return e.Number == epoch })
		if i < 0 {
			return fmt.Errorf("keyring: recipient %s has no epoch %d", recipient, epoch)
		}
		e := &r.Epochs[i]
		switch {
		case !e.Destroyed.IsZero():
			return fmt.Errorf("keyring: recipient %s, epoch %d: %w", recipient, epoch, ErrDestroyed)
		case e.To.IsZero():
			return fmt.Errorf("keyring: recipient %s, epoch %d has no end: %w; begin a new epoch first", recipient, epoch, ErrInUse)
		case i == len(r.Epochs)-1:
			return fmt.Errorf("keyring: recipient %s has no epoch after %d: %w; extend the keyring first", recipient, epoch, ErrInUse)
		case now.Before(e.To.Add(overlap)):
			return fmt.Errorf("keyring: recipient %s, epoch %d serves late records until %s: %w; destroy it then",
				recipient, epoch, e.To.Add(overlap).Format(time.RFC3339), ErrInUse)
		}
		*e = epochEntry{Number: e.Number, From: e.From, To: e.To, Created: e.Created, Destroyed: stamp(now)}
		return nil
	})
}

// DestroyQuarantineBefore removes the keys of all quarantine days before a day such as 2026-11-23, which must not be later
// than today: what was quarantined then cannot be opened any more.
func (k *Keyring) DestroyQuarantineBefore(before string, now time.Time) error {
	if _, err := time.Parse(time.DateOnly, before); err != nil {
		return fmt.Errorf("keyring: quarantine day: write it as 2026-11-23")
	}
	if today := quarantineDays(now)[0]; before > today {
		return fmt.Errorf("keyring: the quarantine key of %s: %w; give that day or one before it", today, ErrInUse)
	}
	if !k.current.Load().contents.hasDayBefore(before) {
		return nil
	}
	return k.change(func(c *contents, _ *kek) error {
		c.Quarantine = slices.DeleteFunc(c.Quarantine, func(d dayEntry) bool { return d.Day < before })
		c.QuarantineDestroyed = max(c.QuarantineDestroyed, before)
		return nil
	})
}

func (c *contents) hasDayBefore(name string) bool {
	return slices.ContainsFunc(c.Quarantine, func(d dayEntry) bool { return d.Day < name })
}
