// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// Arrays come sorted by key, and unnest keeps their order. Rows are found one by one under the primary key, and changed where they were
// found: how many there are must not matter (see planner).
const (
	selectRows = `SELECT key, version, body FROM nymstream.rows WHERE space = $1 AND key = ANY ($2::uuid[])`

	insertRows = `INSERT INTO nymstream.rows (space, key, version, body)
SELECT $1, k, 1, b FROM unnest($2::uuid[], $3::bytea[]) AS t (k, b)
ON CONFLICT DO NOTHING RETURNING key`

	updateRows = `WITH mine AS (SELECT l.ctid AS at, t.b FROM unnest($2::uuid[], $3::bigint[], $4::bytea[]) AS t (k, v, b),
LATERAL (SELECT r.ctid FROM nymstream.rows r WHERE r.space = $1 AND r.key = t.k AND r.version = t.v FOR UPDATE) l)
UPDATE nymstream.rows r SET version = r.version + 1, body = mine.b FROM mine WHERE r.ctid = mine.at RETURNING r.key`

	scanRows = `SELECT key, version, body FROM nymstream.rows WHERE space = $1 AND key >= $2 ORDER BY key LIMIT $3`
)

// uuids, versions and bodies are arrays as the statements take them.
func uuids(rows []subject.Row, order []int) pgtype.FlatArray[pgtype.UUID] {
	all := make(pgtype.FlatArray[pgtype.UUID], len(order))
	for n, i := range order {
		all[n] = pgtype.UUID{Bytes: rows[i].Key, Valid: true}
	}
	return all
}

func versions(rows []subject.Row, order []int) pgtype.FlatArray[int64] {
	all := make(pgtype.FlatArray[int64], len(order))
	for n, i := range order {
		all[n] = int64(rows[i].Version)
	}
	return all
}

func bodies(rows []subject.Row, order []int) pgtype.FlatArray[[]byte] {
	all := make(pgtype.FlatArray[[]byte], len(order))
	for n, i := range order {
		all[n] = rows[i].Body
	}
	return all
}

// binaryRows wants every column as the protocol's bytes, for scanRow.
var binaryRows = pgx.QueryResultFormats{pgx.BinaryFormatCode}

// scanRow reads key, version and body from a result row. The body is valid until the next row.
func scanRow(from pgx.Rows) (subject.Row, error) {
	raw := from.RawValues()
	if len(raw) != 3 || len(raw[0]) != 16 || len(raw[1]) != 8 {
		return subject.Row{}, fmt.Errorf("the table nymstream.rows is not as this release made it: %w", event.ErrFatal)
	}
	return subject.Row{Key: subject.Key(raw[0]), Version: binary.BigEndian.Uint64(raw[1]), Body: raw[2]}, nil
}

// Load sets version and body of rows by key, in one round trip.
func (s *Store) Load(ctx context.Context, space subject.Space, rows []subject.Row) error {
	if err := errors.Join(store.CheckSpace(space), s.check(ctx)); err != nil {
		return err
	}
	return s.load(ctx, space, rows, store.KeyOrder(rows))
}

// load sets the rows whose indexes are given by ascending key.
func (s *Store) load(ctx context.Context, space subject.Space, rows []subject.Row, order []int) error {
	if len(order) == 0 {
		return nil
	}
	for _, i := range order {
		rows[i].Version, rows[i].Body = 0, nil
	}
	distinct := slices.CompactFunc(slices.Clone(order), func(a, b int) bool { return rows[a].Key == rows[b].Key })
	result, err := s.pool.Query(ctx, selectRows, binaryRows, int16(space), uuids(rows, distinct))
	if err != nil {
		return s.classify(ctx, "load rows", err)
	}
	defer result.Close()
	for result.Next() {
		row, err := scanRow(result)
		if err != nil {
			return err
		}
		n, _ := search(rows, order, row.Key)
		for ; n < len(order) && rows[order[n]].Key == row.Key; n++ {
			rows[order[n]].Version, rows[order[n]].Body = row.Version, bytes.Clone(row.Body)
		}
	}
	return s.classify(ctx, "load rows", result.Err())
}

func search(rows []subject.Row, order []int, key subject.Key) (n int, found bool) {
	return slices.BinarySearchFunc(order, key, func(i int, key subject.Key) int { return bytes.Compare(rows[i].Key[:], key[:]) })
}

// Swap writes the rows whose versions still hold, in one round trip, and in one more loads what others have made of the rest.
func (s *Store) Swap(ctx context.Context, space subject.Space, rows []subject.Row) (lost []int, err error) {
	order, err := store.SwapOrder(space, rows)
	if err := errors.Join(err, s.check(ctx)); err != nil {
		return nil, err
	}
	written := make([]bool, len(rows))
	batch := &pgx.Batch{}
	mark := func(result pgx.Rows) error {
		for result.Next() {
			var key pgtype.UUID
			if err := result.Scan(&key); err != nil {
				return err
			}
			if n, found := search(rows, order, key.Bytes); found {
				written[order[n]] = true
			}
		}
		return result.Err()
	}
	queueWrites(batch, space, rows, order, mark)
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, s.classify(ctx, "write rows", err)
	}
	var left []int // by ascending key
	for _, i := range order {
		if !written[i] {
			left = append(left, i)
		}
	}
	after := slices.Clone(rows)
	for i := range after {
		after[i].Version++
	}
	if err := s.load(ctx, space, after, left); err != nil {
		return nil, err
	}
	copy(rows, after)
	slices.Sort(left)
	return left, nil
}

// queueWrites queues the insertion of new rows and the update of others; mark reads the keys of those it wrote.
func queueWrites(batch *pgx.Batch, space subject.Space, rows []subject.Row, order []int, mark func(pgx.Rows) error) {
	fresh := func(i int) bool { return rows[i].Version == 0 }
	inserts := slices.Clone(order)
	inserts = slices.DeleteFunc(inserts, func(i int) bool { return !fresh(i) })
	updates := slices.DeleteFunc(slices.Clone(order), fresh)
	if len(inserts) > 0 {
		batch.Queue(insertRows, int16(space), uuids(rows, inserts), bodies(rows, inserts)).Query(mark)
	}
	if len(updates) > 0 {
		batch.Queue(updateRows, int16(space), uuids(rows, updates), versions(rows, updates), bodies(rows, updates)).Query(mark)
	}
}

const (
	blockRows  = 1000
	blockBytes = 1 << 20
)

// Scan hands out the rows of a space from a key on. Each block is a statement of its own, and no connection is held while fn runs.
func (s *Store) Scan(ctx context.Context, space subject.Space, from subject.Key, fn func([]subject.Row) error) error {
	if err := store.CheckSpace(space); err != nil {
		return err
	}
	for limit, more := blockRows, true; more; {
		if err := s.check(ctx); err != nil {
			return err
		}
		rows, size, err := s.block(ctx, space, from, limit)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		from, more = following(rows[len(rows)-1].Key)
		more = more && len(rows) == limit
		if err := fn(rows); err != nil {
			return err
		}
		limit = min(max(blockBytes*len(rows)/max(size, 1), 1), blockRows)
	}
	return nil
}

func (s *Store) block(ctx context.Context, space subject.Space, from subject.Key, limit int) (rows []subject.Row, size int, err error) {
	result, err := s.pool.Query(ctx, scanRows, binaryRows, int16(space), pgtype.UUID{Bytes: from, Valid: true}, limit)
	if err != nil {
		return nil, 0, s.classify(ctx, "scan rows", err)
	}
	defer result.Close()
	for result.Next() {
		row, err := scanRow(result)
		if err != nil {
			return nil, 0, err
		}
		row.Body = bytes.Clone(row.Body)
		rows, size = append(rows, row), size+len(row.Body)
	}
	return rows, size, s.classify(ctx, "scan rows", result.Err())
}

// following is the next higher key; false if there is none.
func following(key subject.Key) (subject.Key, bool) {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i]++; key[i] != 0 {
			return key, true
		}
	}
	return key, false
}
