// SPDX-License-Identifier: Apache-2.0

// Package postgres keeps rows in a schema of its own, nymstream, of a PostgreSQL database that any number of processes share.
//
// All rows lie in one table under (space, key). A batch is one statement and one round trip; all that write take keys in ascending
// order, inserts before updates, so that they wait for each other but never in a circle.
package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// Options say where the database is.
type Options struct {
	URL      string // postgres://user@host/database, or key=value pairs, as libpq reads them; PGPASSWORD and the like are heeded
	MaxConns int    // at once; 0: 8
	Migrate  bool   // bring the schema to this release's version first; the role then needs the right to create it
}

const (
	defaultConns   = 8
	connectTimeout = 5 * time.Second // where the URL names none
)

// Store is a subject.Store that many processes may use at once.
type Store struct {
	pool   *pgxpool.Pool
	closed atomic.Bool
}

var _ subject.Store = (*Store)(nil)

// Open connects and checks that schema and durability are as they must be.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := o.pool()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, classify(ctx, "open the store", err)
	}
	s := &Store{pool: pool}
	if err = s.prepare(ctx, o.Migrate); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// planner leaves no way but the primary key. Where the table has grown faster than its statistics, or than a prepared statement's plan,
// PostgreSQL would read all of it instead. A plan that it must not choose and does counts as dear, and would be compiled.
const planner = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"

func (o Options) pool() (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		// What was not understood may hold a password.
		return nil, fmt.Errorf("the store's URL cannot be read; write postgres://user@host:5432/database: %w", event.ErrFatal)
	}
	if config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, fmt.Errorf("the store's URL asks for the simple protocol; remove default_query_exec_mode: %w", event.ErrFatal)
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, planner)
		return err
	}
	config.MaxConns = defaultConns
	if o.MaxConns > 0 {
		config.MaxConns = int32(o.MaxConns)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "nymstream"
	}
	return config, nil
}

func (s *Store) prepare(ctx context.Context, migrate bool) error {
	var commit string
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('synchronous_commit')").Scan(&commit); err != nil {
		return s.classify(ctx, "reach the store", err)
	}
	if commit == "off" {
		return fmt.Errorf("synchronous_commit is off, a crash would lose what was acknowledged; switch it on for nymstream's role: %w", event.ErrFatal)
	}
	if migrate {
		return s.migrate(ctx)
	}
	return s.checkSchema(ctx)
}

// manyRows is from where on people are estimated: counting more takes the database too long.
const manyRows = 1_000_000

// Stats counts, except people beyond a million: their number is the database's own estimate.
func (s *Store) Stats(ctx context.Context) (subject.Stats, error) {
	st := subject.Stats{Rows: map[subject.Space]int64{}}
	if err := s.check(ctx); err != nil {
		return st, err
	}
	var estimate float64
	err := s.pool.QueryRow(ctx, "SELECT pg_total_relation_size(oid), reltuples FROM pg_class WHERE oid = 'nymstream.rows'::regclass").Scan(&st.Bytes, &estimate)
	if err != nil {
		return st, s.classify(ctx, "ask for sizes", err)
	}
	from := subject.People
	if estimate > manyRows {
		from++
	}
	rows, err := s.pool.Query(ctx, "SELECT space, count(*) FROM nymstream.rows WHERE space >= $1 GROUP BY space", int16(from))
	if err != nil {
		return st, s.classify(ctx, "count rows", err)
	}
	var space int16
	var n, others int64
	_, err = pgx.ForEachRow(rows, []any{&space, &n}, func() error {
		st.Rows[subject.Space(space)] = n
		others += n
		return nil
	})
	if err != nil {
		return st, s.classify(ctx, "count rows", err)
	}
	if from > subject.People {
		st.Rows[subject.People] = max(0, int64(estimate)-others)
	}
	return st, nil
}

// Close waits for calls that are under way.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		s.pool.Close()
	}
	return nil
}

func (s *Store) check(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return store.CheckContext(ctx)
}
