// SPDX-License-Identifier: Apache-2.0

// Package store holds what the stores of rows have in common: what they refuse, and in which order they write. The stores are in its
// folders: embedded for one process, postgres for many.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// ErrClosed is what a closed store answers.
var ErrClosed = fmt.Errorf("the store is closed: %w", event.ErrFatal)

// CheckSpace refuses space 0, which no kind of row has.
func CheckSpace(space subject.Space) error {
	if space == 0 {
		return fmt.Errorf("space 0 is not for rows: %w", event.ErrFatal)
	}
	return nil
}

// CheckContext gives nil while ctx lasts. A passed deadline is transient; who canceled knows why.
func CheckContext(ctx context.Context) error {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the store took too long: %w: %w", err, event.ErrTransient)
	default:
		return err
	}
}

// SwapOrder gives the indexes of rows by ascending key, the order in which every store writes. It refuses repeated keys, and rows
// without body: only Commit deletes.
func SwapOrder(space subject.Space, rows []subject.Row) ([]int, error) {
	if err := CheckSpace(space); err != nil {
		return nil, err
	}
	order := KeyOrder(rows)
	for n, i := range order {
		if rows[i].Body == nil {
			return nil, fmt.Errorf("row %d of a swap has no body; Commit deletes: %w", i, event.ErrFatal)
		}
		if n > 0 && rows[i].Key == rows[order[n-1]].Key {
			return nil, fmt.Errorf("rows %d and %d of a swap have one key: %w", order[n-1], i, event.ErrFatal)
		}
	}
	return order, nil
}

// KeyOrder gives the indexes of rows by ascending key.
func KeyOrder(rows []subject.Row) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(rows[a].Key[:], rows[b].Key[:]) })
	return order
}

// CommitOrder gives changes by ascending space and key, and refuses repeated ones.
func CommitOrder(changes []subject.Change) ([]subject.Change, error) {
	ordered := slices.Clone(changes)
	slices.SortFunc(ordered, compare)
	for i, c := range ordered {
		if err := CheckSpace(c.Space); err != nil {
			return nil, err
		}
		if i > 0 && compare(c, ordered[i-1]) == 0 {
			return nil, fmt.Errorf("two changes of a commit are of one row: %w", event.ErrFatal)
		}
	}
	return ordered, nil
}

func compare(a, b subject.Change) int {
	if a.Space != b.Space {
		return int(a.Space) - int(b.Space)
	}
	return bytes.Compare(a.Row.Key[:], b.Row.Key[:])
}
