// SPDX-License-Identifier: Apache-2.0

package subject

import "context"

// Key is where a row lies: for people the lookup key L, AES-CMAC-PRF(lookup key, label ‖ canonical identifier).
type Key [16]byte

// Space is a kind of row. Spaces do not share keys.
type Space uint8

const (
	People   Space = iota + 1 // by lookup key
	Meta                      // the store's own: identity, offsets, leases, format
	Outbox                    // deletion events that wait to be published, by sequence
	Requests                  // requests of people, and re-identifications, by id
	DataKeys                  // wrapped data keys of sealed identities, by number
)

// Row is bytes under a key. Its meaning is the caller's; its version grows by one with each change.
type Row struct {
	Key     Key
	Version uint64 // 0: there is no such row
	Body    []byte
}

// Change is a row to be written into a space: Body nil deletes it.
type Change struct {
	Space Space
	Row   Row
}

// Store keeps rows. It is safe for concurrent use, and by several processes where it says so. What a method has written is durable
// when it returns. An error of class event.ErrTransient may be tried again; after an error nothing is known of what was written.
type Store interface {
	// Load sets version and body of rows whose keys are given. Keys may repeat.
	Load(ctx context.Context, space Space, rows []Row) error
	// Swap writes each row whose version in the store is still row.Version; 0 inserts. It gives the new version to those it wrote,
	// and what the store has to those that lost, whose indexes it returns. Keys must not repeat. Each row stands for itself.
	Swap(ctx context.Context, space Space, rows []Row) (lost []int, err error)
	// Commit writes all changes if the version of every one is as in the store, else none and false.
	Commit(ctx context.Context, changes []Change) (ok bool, err error)
	// Scan hands out the rows of a space in the order of their keys, from a key on, in blocks that are valid until fn returns.
	// Rows that change meanwhile come as they were or as they are.
	Scan(ctx context.Context, space Space, from Key, fn func(rows []Row) error) error
	// Stats tells what lies in it.
	Stats(ctx context.Context) (Stats, error)
	Close() error
}

// Stats are a store's sizes: rows by space, and bytes on disk.
type Stats struct {
	Rows  map[Space]int64
	Bytes int64
}
