// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/nymstream/nymstream/internal/event"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaVersion is the last of the migrations: the only version this release works with.
const schemaVersion = 1

const versionTable = "nymstream.schema_version"

// Migrate brings the schema to this release's version. Several processes may try at once. A schema of a newer release is fatal.
func Migrate(ctx context.Context, o Options) error {
	o.Migrate = true
	s, err := Open(ctx, o)
	if err != nil {
		return err
	}
	return s.Close()
}

// checkSchema is fatal when the schema is not of this release's version.
func (s *Store) checkSchema(ctx context.Context) error {
	switch version, err := s.schema(ctx); {
	case err != nil:
		return err
	case version > schemaVersion:
		return fmt.Errorf("the store's schema has version %d, this release knows %d; update nymstream: %w", version, schemaVersion, event.ErrFatal)
	case version == 0:
		return fmt.Errorf("the database has no schema nymstream; migrate it: %w", event.ErrFatal)
	case version < schemaVersion:
		return fmt.Errorf("the store's schema has version %d, this release needs %d; migrate it: %w", version, schemaVersion, event.ErrFatal)
	}
	return nil
}

const undefinedTable = "42P01"

// schema gives the version of the schema; 0 when there is none.
func (s *Store) schema(ctx context.Context) (version int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&version)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == undefinedTable {
		return 0, nil
	}
	return version, s.classify(ctx, "read the schema's version", err)
}

// migrate changes nothing, and needs no right to, when all is as it must be.
func (s *Store) migrate(ctx context.Context) error {
	if version, err := s.schema(ctx); err != nil || version >= schemaVersion {
		return errors.Join(err, s.checkSchema(ctx))
	}
	if _, err := s.pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS nymstream"); err != nil && !isDuplicate(err) {
		return s.classify(ctx, "create the schema nymstream", err)
	}
	if err := s.runMigrations(ctx); err != nil {
		return s.classify(ctx, "migrate the schema nymstream", err)
	}
	return s.checkSchema(ctx)
}

// isDuplicate tells that somebody has created the schema at the same time, which IF NOT EXISTS does not cover.
func isDuplicate(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "23505" || refused.Code == "42P06")
}

func (s *Store) runMigrations(ctx context.Context) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	versions, err := database.NewStore(database.DialectPostgres, versionTable)
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60)) // tries each second for a minute
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(database.DialectCustom, db, files, goose.WithStore(versions), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
