// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"slices"
)

// updateRounds is how often a row is tried before it counts as contended: each lost round means that somebody else's write won.
const updateRounds = 64

// update changes rows by compare and swap. change gets the body of row i as the store has it, and tells whether what it made
// of it is to be written; it is called again for a row that somebody else wrote meanwhile. Keys must not repeat.
func (d *Directory) update(ctx context.Context, keys []Key, change func(i int, b *body) (bool, error)) error {
	rows := make([]Row, len(keys))
	numbers := make([]int, len(keys)) // of the rows in keys
	for i, k := range keys {
		rows[i].Key, numbers[i] = k, i
	}
	if err := d.store.Load(ctx, People, rows); err != nil {
		return err
	}
	return d.swap(ctx, rows, numbers, change)
}

// swap is update for rows that were read already. It overwrites rows and numbers.
func (d *Directory) swap(ctx context.Context, rows []Row, numbers []int, change func(i int, b *body) (bool, error)) error {
	for range updateRounds {
		n := 0
		for i := range rows {
			var b body
			if err := b.parse(rows[i].Body); err != nil {
				return err
			}
			write, err := change(numbers[i], &b)
			if err != nil {
				return err
			}
			if write {
				rows[n] = Row{Key: rows[i].Key, Version: rows[i].Version, Body: d.encode(nil, &b)}
				numbers[n] = numbers[i]
				n++
			}
		}
		if n == 0 {
			return nil
		}
		lost, err := d.store.Swap(ctx, People, rows[:n])
		if err != nil {
			return err
		}
		slices.Sort(lost)
		for i, l := range lost {
			rows[i], numbers[i] = rows[l], numbers[l]
		}
		if rows, numbers = rows[:len(lost)], numbers[:len(lost)]; len(lost) == 0 {
			return nil
		}
	}
	return errContended
}

// blockRows is how many rows a walk changes at a time.
const blockRows = 512

// walk hands out copies of the people's rows that are wanted, block by block, outside the store's scan, so that fn may write.
func (d *Directory) walk(ctx context.Context, want func(row *Row) (bool, error), fn func(rows []Row) error) error {
	var from Key
	for more := true; more; {
		var rows []Row
		err := d.store.Scan(ctx, People, from, func(block []Row) error {
			for i := range block {
				take, err := want(&block[i])
				if err != nil {
					return err
				}
				if !take {
					continue
				}
				r := block[i]
				r.Body = append([]byte(nil), r.Body...)
				if rows = append(rows, r); len(rows) == blockRows {
					return errBlock
				}
			}
			return nil
		})
		full := errors.Is(err, errBlock)
		if err != nil && !full {
			return err
		}
		if more = full; more {
			from, more = rows[len(rows)-1].Key.after()
		}
		if len(rows) == 0 {
			return nil
		}
		if err := fn(rows); err != nil {
			return err
		}
	}
	return nil
}

// errBlock ends a scan because a block is full.
var errBlock = errors.New("block is full")

// after gives the next key; false after the last.
func (k Key) after() (Key, bool) {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i]++; k[i] != 0 {
			return k, true
		}
	}
	return k, false
}
