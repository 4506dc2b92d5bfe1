// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Tidy does what is due: expires people, begins store epochs and seals secrets anew in the newest, destroys store epochs that no row
// and no backup within its time needs, ended epochs of recipients, and quarantine days. What one part cannot do does not keep the
// others from theirs. Call it once an hour to once a day, in one process at a time. It gives what it did, also with an error.
func (r Retention) Tidy(ctx context.Context, now time.Time) ([]Deed, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	t := tidying{Retention: r, now: now, keys: r.Directory.keys}
	err := t.keys.Reload()
	if err == nil {
		err = t.keys.Extend(now)
	}
	if err == nil {
		err = errors.Join(t.expire(ctx), t.storeEpochs(ctx), t.recipientEpochs(), t.quarantine())
	}
	if err != nil {
		return t.deeds, fmt.Errorf("tidy up: %w", err)
	}
	return t.deeds, nil
}

// tidying is one call of Tidy.
type tidying struct {
	Retention
	now   time.Time
	keys  *keyring.Keyring
	deeds []Deed
}

// count notes a deed that was done to some.
func (t *tidying) count(act Act, n int64) {
	if n > 0 {
		t.deeds = append(t.deeds, Deed{Act: act, Count: n})
	}
}

// change makes a change of keys. What somebody else has destroyed meanwhile is no fault.
func (t *tidying) change(d Deed, do func() error) error {
	if t.Before != nil {
		if err := t.Before(d); err != nil {
			return fmt.Errorf("%s: %w", d.Act, err)
		}
	}
	if err := do(); errors.Is(err, keyring.ErrDestroyed) {
		return nil
	} else if err != nil {
		return err
	}
	t.deeds = append(t.deeds, d)
	return nil
}

func (t *tidying) expire(ctx context.Context) error {
	if t.Rules.Inactive == 0 {
		return nil
	}
	n, err := t.Directory.Expire(ctx, t.Rules.inactiveBefore(t.now), t.Announce)
	t.count(ActExpire, n)
	return err
}

func (t *tidying) storeEpochs(ctx context.Context) error {
	list := t.keys.List(t.now)
	err := t.beginStoreEpoch(list)
	ended := false
	for _, e := range list {
		ended = ended || e.Role == keyring.RoleStore && e.Status == keyring.Ended
	}
	if !ended {
		return err
	}
	return errors.Join(err, t.rewrap(ctx, t.Rules.dueStoreEpochs(list, t.now)))
}

// beginStoreEpoch begins the next store epoch when the newest has sealed for long enough.
func (t *tidying) beginStoreEpoch(list []keyring.Entry) error {
	var newest keyring.Entry
	for _, e := range list {
		if e.Role == keyring.RoleStore {
			newest = e
		}
	}
	if newest.Status != keyring.Current || t.now.Before(newest.From.Add(t.Rules.Rewrap)) {
		return nil
	}
	return t.change(Deed{Act: ActBeginStoreEpoch, Epoch: newest.Epoch}, func() error { return t.keys.NewStoreEpoch(t.now) })
}

// rewrap seals anew what ended epochs have sealed, and destroys those that are due. Another instance may have sealed in an ended epoch
// until it knew of the next, so rows are counted after that: only an epoch without any is destroyed.
func (t *tidying) rewrap(ctx context.Context, due []int) error {
	n, err := t.Directory.Rewrap(ctx, nil)
	t.count(ActRewrap, n)
	if err != nil {
		return err
	}
	if n == 0 && len(due) == 0 {
		return nil
	}
	if err := t.Reseal(ctx); err != nil {
		return fmt.Errorf("seal the outbox and requests anew: %w", err)
	}
	if len(due) == 0 {
		return nil
	}
	secrets, err := t.Directory.secretsByEpoch(ctx)
	if err != nil {
		return fmt.Errorf("count secrets by store epoch: %w", err)
	}
	for _, epoch := range due {
		if secrets[epoch] > 0 {
			err = errors.Join(err, fmt.Errorf("store epoch %d: %d rows are sealed in it still; an instance does not follow the keyring", epoch, secrets[epoch]))
			continue
		}
		d := Deed{Act: ActDestroyStoreEpoch, Epoch: epoch}
		err = errors.Join(err, t.change(d, func() error { return t.keys.DestroyStoreEpoch(epoch, t.now) }))
	}
	return err
}

// secretsByEpoch counts people's secrets by the store epoch they are sealed in.
func (d *Directory) secretsByEpoch(ctx context.Context) (map[int]int64, error) {
	secrets := map[int]int64{}
	var b body
	err := d.store.Scan(ctx, People, Key{}, func(rows []Row) error {
		for i := range rows {
			if err := b.parse(rows[i].Body); err != nil {
				return err
			}
			if len(b.secret) > 0 {
				secrets[b.epoch]++
			}
		}
		return nil
	})
	return secrets, err
}

func (t *tidying) recipientEpochs() (err error) {
	for _, e := range t.Rules.dueEpochs(t.keys.List(t.now), t.now) {
		d := Deed{Act: ActDestroyEpoch, Recipient: e.Recipient, Epoch: e.Epoch}
		err = errors.Join(err, t.change(d, func() error {
			return t.keys.DestroyEpoch(e.Recipient, e.Epoch, t.Rules.Recipients[e.Recipient], t.now)
		}))
	}
	return err
}

func (t *tidying) quarantine() error {
	due := t.Rules.dueDays(t.keys.List(t.now), t.now)
	if len(due) == 0 {
		return nil
	}
	last := due[0].From
	for _, e := range due {
		if e.From.After(last) {
			last = e.From
		}
	}
	before := last.Add(dayLength).Format(time.DateOnly)
	return t.change(Deed{Act: ActDestroyQuarantine, Day: before}, func() error { return t.keys.DestroyQuarantineBefore(before, t.now) })
}
