// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// A commit's statements: each must touch all the rows it is given. Inserts and locks come first, and alone wait for others. A row that
// should not be there and shall not be is inserted and deleted again, which keeps others from inserting it before the commit.
const (
	insertChanges = `INSERT INTO nymstream.rows (space, key, version, body)
SELECT s, k, 1, b FROM unnest($1::smallint[], $2::uuid[], $3::bytea[]) AS t (s, k, b)
ON CONFLICT DO NOTHING`

	lockChanges = `SELECT 1 FROM unnest($1::smallint[], $2::uuid[], $3::bigint[]) AS t (s, k, v),
LATERAL (SELECT 1 FROM nymstream.rows r WHERE r.space = t.s AND r.key = t.k AND r.version = t.v FOR UPDATE) l`

	updateChanges = `WITH mine AS (SELECT l.ctid AS at, t.b FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::bytea[]) AS t (s, k, v, b),
LATERAL (SELECT r.ctid FROM nymstream.rows r WHERE r.space = t.s AND r.key = t.k AND r.version = t.v FOR UPDATE) l)
UPDATE nymstream.rows r SET version = r.version + 1, body = mine.b FROM mine WHERE r.ctid = mine.at`

	deleteChanges = `WITH mine AS (SELECT l.ctid AS at FROM unnest($1::smallint[], $2::uuid[], $3::bigint[]) AS t (s, k, v),
LATERAL (SELECT r.ctid FROM nymstream.rows r WHERE r.space = t.s AND r.key = t.k AND r.version = t.v FOR UPDATE) l)
DELETE FROM nymstream.rows r USING mine WHERE r.ctid = mine.at`
)

// columns are changes as arrays.
type columns struct {
	spaces   pgtype.FlatArray[int16]
	keys     pgtype.FlatArray[pgtype.UUID]
	versions pgtype.FlatArray[int64]
	bodies   pgtype.FlatArray[[]byte]
}

func (c *columns) add(change subject.Change) {
	body := change.Row.Body
	if body == nil {
		body = []byte{}
	}
	c.spaces = append(c.spaces, int16(change.Space))
	c.keys = append(c.keys, pgtype.UUID{Bytes: change.Row.Key, Valid: true})
	c.versions = append(c.versions, int64(change.Row.Version))
	c.bodies = append(c.bodies, body)
}

// errOutdated rolls a commit back.
var errOutdated = errors.New("a version is not as expected")

// Commit writes all changes in one transaction, or none.
func (s *Store) Commit(ctx context.Context, changes []subject.Change) (ok bool, err error) {
	changes, err = store.CommitOrder(changes)
	if err := errors.Join(err, s.check(ctx)); err != nil {
		return false, err
	}
	take, change := queueCommit(changes)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, batch := range []*pgx.Batch{take, change} {
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errOutdated) {
		return false, nil
	}
	return err == nil, s.classify(ctx, "commit changes", err)
}

func queueCommit(changes []subject.Change) (take, change *pgx.Batch) {
	var inserts, locks, updates, deletes columns
	for _, c := range changes {
		if c.Row.Version == 0 {
			inserts.add(c)
		} else {
			locks.add(c)
		}
		if c.Row.Body == nil {
			c.Row.Version = max(c.Row.Version, 1) // what was just inserted has 1
			deletes.add(c)
		} else if c.Row.Version > 0 {
			updates.add(c)
		}
	}
	take, change = &pgx.Batch{}, &pgx.Batch{}
	inserts.queue(take, insertChanges, inserts.bodies)
	locks.queue(take, lockChanges, locks.versions)
	updates.queue(change, updateChanges, updates.versions, updates.bodies)
	deletes.queue(change, deleteChanges, deletes.versions)
	return take, change
}

// queue queues a statement that must touch as many rows as there are.
func (c *columns) queue(batch *pgx.Batch, statement string, more ...any) {
	n := int64(len(c.keys))
	if n == 0 {
		return
	}
	batch.Queue(statement, append([]any{c.spaces, c.keys}, more...)...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != n {
			return errOutdated
		}
		return nil
	})
}
