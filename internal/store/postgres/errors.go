// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store"
)

// passing are SQLSTATEs that pass: classes by two characters, conditions by five. See PostgreSQL's appendix A.
var passing = []string{
	"08",    // connection exception
	"25006", // read_only_sql_transaction: a standby that will be, or was, the primary
	"40",    // transaction rollback: serialization failure, deadlock
	"53",    // insufficient resources: connections, memory, disk
	"55P03", // lock_not_available
	"57014", // query_canceled: statement_timeout
	"57P",   // operator intervention: shutdown, start
	"58",    // system error
}

// classify gives an error its class: what the server refuses is fatal unless it passes; that it is not reached is transient.
func (s *Store) classify(ctx context.Context, doing string, err error) error {
	if err != nil && s.closed.Load() {
		return store.ErrClosed
	}
	return classify(ctx, doing, err)
}

func classify(ctx context.Context, doing string, err error) error {
	if err == nil || errors.Is(err, event.ErrFatal) {
		return err
	}
	if err := store.CheckContext(ctx); err != nil {
		return err
	}
	class := event.ErrTransient
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && !passes(refused.Code) {
		class = event.ErrFatal
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		class = event.ErrFatal
	}
	return fmt.Errorf("%s: %w: %w", doing, err, class)
}

func passes(code string) bool {
	return slices.ContainsFunc(passing, func(p string) bool { return len(code) >= len(p) && code[:len(p)] == p })
}
