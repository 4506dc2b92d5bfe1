// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/consent"
)

// Touch notes that people were seen on a day, in days since the Unix epoch. Only rows that say so a week late or more are written.
// Call it apart from the flow of records, for many at a time, with those whose Overdue says so. Keys may repeat.
func (d *Directory) Touch(ctx context.Context, keys []Key, today int32) error {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	keys = slices.Compact(keys)
	for block := range slices.Chunk(keys, blockRows) {
		err := d.update(ctx, block, func(_ int, b *body) (bool, error) {
			if len(b.secret) == 0 || b.lastSeen+touchDays > today {
				return false, nil
			}
			b.lastSeen = today
			return true, nil
		})
		d.cache.evict(block)
		if err != nil {
			return fmt.Errorf("note when people were seen: %w", err)
		}
	}
	return nil
}

// Expire takes secret, sealed identity and links from people who were last seen before a day, in days since the Unix epoch, unless
// a legal hold forbids it. Their standing stays, and their next event begins a new generation. announce gets the keys, block by
// block, after they were written.
func (d *Directory) Expire(ctx context.Context, before int32, announce func([]Key) error) (n int64, err error) {
	now := d.now().UnixMilli()
	inactive := func(b *body) bool {
		return len(b.secret) > 0 && b.lastSeen < before && !b.standing.Refuses(consent.Hold, now)
	}
	err = d.walk(ctx, wanting(inactive), func(rows []Row) error {
		expired, err := d.rewrite(ctx, rows, func(_ Key, b *body) (bool, error) {
			if !inactive(b) {
				return false, nil
			}
			b.end(StateExpired)
			return true, nil
		})
		d.cache.evict(expired)
		if err != nil || len(expired) == 0 {
			return err
		}
		n += int64(len(expired))
		return announce(expired)
	})
	if err != nil {
		return n, fmt.Errorf("expire people: %w", err)
	}
	return n, nil
}

// Rewrap seals the secrets of older store epochs anew in the newest. Once it has returned without error, and no instance has sealed
// in an older epoch since it began, those can be destroyed. Progress gets the count of rows written so far, block by block. Rows
// whose secret does not open are left as they are, and an error in the end says how many there are.
func (d *Directory) Rewrap(ctx context.Context, progress func(done int64)) (n int64, err error) {
	key, err := d.storeKey()
	if err != nil {
		return 0, fmt.Errorf("seal people's secrets anew: %w", err)
	}
	older := func(b *body) bool { return len(b.secret) > 0 && b.epoch < key.Epoch() }
	damaged := 0
	err = d.walk(ctx, wanting(older), func(rows []Row) error {
		done, err := d.rewrite(ctx, rows, func(k Key, b *body) (bool, error) {
			if !older(b) {
				return false, nil
			}
			var p Person
			has, err := d.open(&p.Secret, k, b)
			if errors.Is(err, ErrDamaged) {
				damaged++
				return false, nil
			}
			if !has || err != nil {
				return false, err
			}
			b.secret = key.Seal(nil, p.Secret[:], appendPlace(nil, k, b.generation))
			b.epoch = key.Epoch()
			clear(p.Secret[:])
			return true, nil
		})
		if n += int64(len(done)); progress != nil {
			progress(n)
		}
		return err
	})
	if err == nil && damaged > 0 {
		err = fmt.Errorf("%d of them do not open: %w", damaged, ErrDamaged)
	}
	if err != nil {
		return n, fmt.Errorf("seal people's secrets anew: %w", err)
	}
	return n, nil
}

// wanting makes a question about bodies one about rows.
func wanting(is func(*body) bool) func(*Row) (bool, error) {
	var b body
	return func(row *Row) (bool, error) {
		err := b.parse(row.Body)
		return err == nil && is(&b), err
	}
}

// rewrite is update for rows that a walk has read. It gives the keys of those it wrote, or may have written before an error.
func (d *Directory) rewrite(ctx context.Context, rows []Row, change func(k Key, b *body) (bool, error)) (written []Key, err error) {
	keys, wrote, numbers := make([]Key, len(rows)), make([]bool, len(rows)), make([]int, len(rows))
	for i := range rows {
		keys[i], numbers[i] = rows[i].Key, i
	}
	err = d.swap(ctx, rows, numbers, func(i int, b *body) (bool, error) {
		var err error
		wrote[i], err = change(keys[i], b)
		return wrote[i], err
	})
	for i, k := range keys {
		if wrote[i] {
			written = append(written, k)
		}
	}
	return written, err
}
