// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// MetaKey gives the key of a row of space Meta by its name.
func MetaKey(name string) Key {
	sum := sha256.Sum256([]byte("nymstream meta " + name))
	return Key(sum[:len(Key{})])
}

// storeIDName is the row that holds what a store is called.
const storeIDName = "store id"

// StoreID gives the id of a store, and an empty store one. Instances with stores of different ids do not work together.
func StoreID(ctx context.Context, s Store) (string, error) {
	rows := []Row{{Key: MetaKey(storeIDName)}}
	if err := s.Load(ctx, Meta, rows); err != nil {
		return "", fmt.Errorf("read its id: %w", err)
	}
	if rows[0].Version == 0 {
		rows[0].Body = []byte(rand.Text())
		if _, err := s.Swap(ctx, Meta, rows); err != nil { // a lost race brings the winner's
			return "", fmt.Errorf("write its id: %w", err)
		}
	}
	return string(rows[0].Body), nil
}
