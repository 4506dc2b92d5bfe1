// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
)

// Formats are numbered from 1. A build reads every one up to NewestFormat, and writes the one that a row of the store says, so that the
// release before goes on reading what this one writes until Finalize. A row is never written in an older format than it was read in.
const (
	firstFormat = 1
	formatName  = "format" // row of space Meta: the format, a uvarint; no row: firstFormat
)

// ErrFinalized means a store that may hold rows of formats which this build does not read.
var ErrFinalized = fmt.Errorf("`nymstream upgrade finalize` was given to the store by a newer release; run that release: %w", event.ErrFatal)

// StoreFormat gives the format that rows of a store are to be written in, or ErrFinalized.
func StoreFormat(ctx context.Context, s Store) (int, error) {
	row, err := formatRow(ctx, s)
	if err != nil {
		return 0, err
	}
	return parseFormat(row.Body)
}

// Finalize has rows written in NewestFormat from now on: no build that does not read it can use the store again. It gives the format
// until now. Instances learn of it by UseFormat.
func Finalize(ctx context.Context, s Store) (was int, err error) {
	for range updateRounds {
		row, err := formatRow(ctx, s)
		if err != nil {
			return 0, err
		}
		if was, err = parseFormat(row.Body); err != nil || was == NewestFormat {
			return was, err
		}
		row.Body = binary.AppendUvarint(nil, NewestFormat)
		lost, err := s.Swap(ctx, Meta, []Row{row})
		if err != nil {
			return 0, fmt.Errorf("write the store's format: %w", err)
		}
		if len(lost) == 0 {
			return was, nil
		}
	}
	return 0, errContended
}

func formatRow(ctx context.Context, s Store) (Row, error) {
	rows := []Row{{Key: MetaKey(formatName)}}
	if err := s.Load(ctx, Meta, rows); err != nil {
		return Row{}, fmt.Errorf("read the store's format: %w", err)
	}
	return rows[0], nil
}

func parseFormat(row []byte) (int, error) {
	if len(row) == 0 {
		return firstFormat, nil
	}
	format, n := binary.Uvarint(row)
	if n != len(row) || format < firstFormat {
		return 0, fmt.Errorf("the store's format: %w", ErrDamaged)
	}
	if format > NewestFormat {
		return 0, fmt.Errorf("the store has format %d and this build reads formats up to %d: %w", format, NewestFormat, ErrFinalized)
	}
	return int(format), nil
}

// UseFormat has the directory write in the format of its store from now on. Until the first call it writes in that of the first
// release. Call it at start, and again every few seconds: ErrFinalized then says that this process must end.
func (d *Directory) UseFormat(ctx context.Context) error {
	format, err := StoreFormat(ctx, d.store)
	if err == nil {
		d.format.Store(int32(format))
	}
	return err
}

// encode appends a row's body in the format that is to be written.
func (d *Directory) encode(dst []byte, b *body) []byte { return b.append(dst, byte(d.format.Load())) }
