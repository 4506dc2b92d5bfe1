// SPDX-License-Identifier: Apache-2.0

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/postgres"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// server gives the address of the server, as scripts/with-postgres.sh tells it.
func server(t testing.TB) *url.URL {
	t.Helper()
	address := os.Getenv("NYMSTREAM_POSTGRES_URL")
	if address == "" {
		t.Skip("NYMSTREAM_POSTGRES_URL is not set; run through scripts/with-postgres.sh")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("NYMSTREAM_POSTGRES_URL is no URL")
	}
	return u
}

func execute(t testing.TB, at *url.URL, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// newDatabase makes an empty one that is gone after the test.
func newDatabase(t testing.TB) *url.URL {
	t.Helper()
	at := server(t)
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	execute(t, at, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, at, "DROP DATABASE "+name+" WITH (FORCE)") })
	own := *at
	own.Path = name
	return &own
}

func open(t testing.TB, at *url.URL) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: at.String(), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConform(t *testing.T) {
	server(t)
	storetest.Conform(t, func(t *testing.T) func() subject.Store {
		at := newDatabase(t)
		return func() subject.Store { return open(t, at) }
	})
}

// TestTwoStores races through two pools, as two processes would.
func TestTwoStores(t *testing.T) {
	at := newDatabase(t)
	var all sync.WaitGroup
	stores := [2]*postgres.Store{}
	for i := range stores {
		all.Go(func() { // migrating at the same time, too
			var err error
			if stores[i], err = postgres.Open(t.Context(), postgres.Options{URL: at.String(), Migrate: true}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	rows := [2][]subject.Row{}
	for i, s := range stores {
		all.Go(func() {
			for n := range 200 {
				rows[i] = append(rows[i], subject.Row{Key: subject.Key{byte(n)}, Body: []byte{byte(i)}})
			}
			if _, err := s.Swap(t.Context(), subject.People, rows[i]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range rows[0] {
		if a, b := rows[0][n], rows[1][n]; a.Version != 1 || b.Version != 1 || a.Body[0] != b.Body[0] {
			t.Errorf("row %d: one has version %d, %v, the other %d, %v", n, a.Version, a.Body, b.Version, b.Body)
		}
	}
	for _, s := range stores {
		_ = s.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	at := newDatabase(t)
	change := func(fn func(*url.URL)) string {
		other := *at
		fn(&other)
		return other.String()
	}
	empty := newDatabase(t)
	newer := newDatabase(t)
	_ = open(t, newer).Close()
	execute(t, newer, "INSERT INTO nymstream.schema_version (version_id, is_applied) VALUES (99, true)")
	_ = open(t, at).Close()
	weak := fmt.Sprintf("weak_%d", time.Now().UnixNano())
	execute(t, at, "CREATE ROLE "+weak+" LOGIN PASSWORD 'weak'", "GRANT USAGE ON SCHEMA nymstream TO "+weak)
	t.Cleanup(func() { execute(t, at, "DROP OWNED BY "+weak, "DROP ROLE "+weak) })
	for _, test := range []struct {
		name, url string
		migrate   bool
		class     error
		want      string
	}{
		{"no address", "postgres://u:secret@host:port:port/", false, event.ErrFatal, "cannot be read"},
		{"the simple protocol", change(func(u *url.URL) { u.RawQuery += "&default_query_exec_mode=simple_protocol" }), false, event.ErrFatal, "simple protocol"},
		{"a wrong password", change(func(u *url.URL) { u.User = url.UserPassword("nymstream", "secret") }), false, event.ErrFatal, "password authentication failed"},
		{"no such database", change(func(u *url.URL) { u.Path = "nowhere" }), false, event.ErrFatal, "does not exist"},
		{"nobody listens", change(func(u *url.URL) { u.Host = "127.0.0.1:1" }), false, event.ErrTransient, "refused"},
		{"no schema", empty.String(), false, event.ErrFatal, "no schema nymstream; migrate it"},
		{"a newer schema", newer.String(), false, event.ErrFatal, "update nymstream"},
		{"a newer schema, to be migrated", newer.String(), true, event.ErrFatal, "update nymstream"},
		{"no rights", change(func(u *url.URL) { u.User = url.UserPassword(weak, "weak") }), false, event.ErrFatal, "permission denied"},
		{"synchronous_commit off", change(func(u *url.URL) { u.RawQuery += "&synchronous_commit=off" }), false, event.ErrFatal, "synchronous_commit"},
	} {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: test.url, Migrate: test.migrate})
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, test.class) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %v with %q and no password", test.name, err, test.class, test.want)
		}
	}
}

// TestRights has a role that may read and write the table, but neither create nor migrate.
func TestRights(t *testing.T) {
	at := newDatabase(t)
	_ = open(t, at).Close()
	role := fmt.Sprintf("worker_%d", time.Now().UnixNano())
	execute(t, at, "CREATE ROLE "+role+" LOGIN PASSWORD 'worker'", "GRANT USAGE ON SCHEMA nymstream TO "+role,
		"GRANT SELECT ON nymstream.schema_version TO "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON nymstream.rows TO "+role)
	t.Cleanup(func() { execute(t, at, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	own := *at
	own.User = url.UserPassword(role, "worker")
	s := open(t, &own) // with Migrate: there is nothing to do
	defer func() { _ = s.Close() }()
	ok, err := s.Commit(t.Context(), []subject.Change{{Space: subject.Meta, Row: subject.Row{Body: []byte("a")}}, {Space: subject.Outbox, Row: subject.Row{}}})
	if !ok || err != nil {
		t.Errorf("commit: %v, %v", ok, err)
	}
	execute(t, at, "REVOKE UPDATE ON nymstream.rows FROM "+role)
	if _, err := s.Swap(t.Context(), subject.Meta, []subject.Row{{Version: 1, Body: []byte("b")}}); !errors.Is(err, event.ErrFatal) {
		t.Errorf("swap without the right: %v, want a fatal error", err)
	}
	execute(t, at, "ALTER TABLE nymstream.rows SET (autovacuum_enabled = off)", "DROP TABLE nymstream.rows")
	if err := s.Load(t.Context(), subject.Meta, make([]subject.Row, 1)); !errors.Is(err, event.ErrFatal) {
		t.Errorf("load without a table: %v, want a fatal error", err)
	}
}

// TestServerInTrouble wants transient errors when connections break, rows are locked too long, or the context ends; then work again.
func TestServerInTrouble(t *testing.T) {
	at := newDatabase(t)
	s := open(t, at)
	defer func() { _ = s.Close() }()
	row := []subject.Row{{Body: []byte("a")}}
	if _, err := s.Swap(t.Context(), subject.People, row); err != nil {
		t.Fatal(err)
	}
	execute(t, at, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	var broken int
	for range 20 {
		if err := s.Load(t.Context(), subject.People, row); err == nil {
			break
		} else if broken++; !errors.Is(err, event.ErrTransient) {
			t.Errorf("load on a connection that was cut: %v, want a transient error", err)
		}
	}
	if err := s.Load(t.Context(), subject.People, row); err != nil {
		t.Errorf("load after %d broken connections: %v", broken, err)
	}

	holder, err := pgx.Connect(t.Context(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	if _, err := holder.Exec(t.Context(), "BEGIN; SELECT * FROM nymstream.rows FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.Swap(short, subject.People, row)
	if !errors.Is(err, event.ErrTransient) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Errorf("swap of a locked row: %v after %v, want a transient error after 200ms", err, time.Since(began))
	}
	patient := *at
	patient.RawQuery += "&lock_timeout=100"
	other := open(t, &patient)
	defer func() { _ = other.Close() }()
	if _, err := other.Swap(t.Context(), subject.People, row); !errors.Is(err, event.ErrTransient) {
		t.Errorf("swap that meets lock_timeout: %v, want a transient error", err)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if lost, err := s.Swap(t.Context(), subject.People, row); err != nil || len(lost) > 0 {
		t.Errorf("swap after the lock: lost %v, %v", lost, err)
	}
}

// TestServerGone has a server that takes connections and says nothing.
func TestServerGone(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := postgres.Open(ctx, postgres.Options{URL: "postgres://u@" + listener.Addr().String() + "/d?sslmode=disable"}); !errors.Is(err, event.ErrTransient) {
		t.Errorf("open: %v, want a transient error", err)
	}
}
