// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"fmt"
)

// View is a person with what lies in their row only. It is valid until the function it was handed to returns.
type View struct {
	Person
	DataKey  Key    // row of space DataKeys whose key opens Identity, see OpenIdentity
	Identity []byte // sealed; empty: none
	Links    []Link
}

// Scan hands out everybody who has a row, their secrets opened: for the bridge between domains and for re-identification. fn must
// not use the directory. People whose secret does not open come without one, and an error in the end says how many there are.
func (d *Directory) Scan(ctx context.Context, fn func(*View) error) error {
	var b body
	var v View
	damaged := 0
	err := d.store.Scan(ctx, People, Key{}, func(rows []Row) error {
		for i := range rows {
			if err := b.parse(rows[i].Body); err != nil {
				return err
			}
			if err := d.fillPerson(&v.Person, &rows[i], &b); errors.Is(err, ErrDamaged) {
				damaged++
			} else if err != nil {
				return err
			}
			v.DataKey, v.Identity, v.Links = Key{}, b.identity, b.links
			if len(b.identity) > 0 {
				v.DataKey = b.dataKey.key()
			}
			if err := fn(&v); err != nil {
				return err
			}
		}
		return nil
	})
	clear(v.Secret[:])
	if err == nil && damaged > 0 {
		err = fmt.Errorf("%d secrets do not open: %w", damaged, ErrDamaged)
	}
	if err != nil {
		return fmt.Errorf("scan people: %w", err)
	}
	return nil
}
