// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nymstream/nymstream/internal/store/postgres"
	"github.com/nymstream/nymstream/internal/subject"
)

// database is a database of its own in the PostgreSQL that scripts/with-postgres.sh runs the test against.
type database struct {
	t    *testing.T
	data string // directory of the server
	URL  string
	rows *postgres.Store
}

// newDatabase makes an empty one. Where there is no PostgreSQL the test is skipped, or fails with NYMSTREAM_POSTGRES_REQUIRED=1.
func newDatabase(t *testing.T) *database {
	t.Helper()
	address, dir := os.Getenv("NYMSTREAM_POSTGRES_URL"), os.Getenv("NYMSTREAM_POSTGRES_DIR")
	if address == "" || dir == "" {
		const why = "NYMSTREAM_POSTGRES_URL and NYMSTREAM_POSTGRES_DIR name no server; start this test with `make people`"
		if os.Getenv("NYMSTREAM_POSTGRES_REQUIRED") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	name := "people_" + time.Now().Format("150405_000000")
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name)
	if err = errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("NYMSTREAM_POSTGRES_URL cannot be read")
	}
	u.Path = "/" + name
	d := &database{t: t, data: filepath.Join(dir, "data"), URL: u.String()}
	if d.rows, err = postgres.Open(t.Context(), postgres.Options{URL: d.URL, Migrate: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.rows.Close() })
	return d
}

// Kill sends kill -9 to the postmaster; its children end by themselves when they notice.
func (d *database) Kill() error {
	text, err := os.ReadFile(filepath.Join(d.data, "postmaster.pid"))
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return fmt.Errorf("postmaster.pid begins with no process id: %w", err)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Start starts the server again on its data, as its user. It is tried until the children of the one that was killed are gone.
func (d *database) Start(ctx context.Context) error {
	options, err := os.ReadFile(filepath.Join(d.data, "postmaster.opts"))
	if err != nil {
		return err
	}
	program, _, _ := strings.Cut(string(options), " ")
	info, err := os.Stat(d.data)
	if err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		dir := filepath.Dir(d.data)
		cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(program), "pg_ctl"), "-D", d.data, "-l", filepath.Join(dir, "server.log"), "-w", "start")
		cmd.Dir = dir
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		}
		if err = cmd.Run(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// people counts rows of people.
func (d *database) people() int64 {
	st, err := d.rows.Stats(d.t.Context())
	if err != nil {
		return -1
	}
	return st.Rows[subject.People]
}

// taker tells which of the instances takes the signals: the lease names its holder.
func (d *database) taker(ctx context.Context, instances ...string) (string, error) {
	sum := sha256.Sum256([]byte("nymstream lease\x00signals"))
	rows := []subject.Row{{Key: subject.Key(sum[:16])}}
	if err := d.rows.Load(ctx, subject.Meta, rows); err != nil {
		return "", err
	}
	for _, name := range instances {
		if bytes.Contains(rows[0].Body, []byte(name)) {
			return name, nil
		}
	}
	return "", errors.New("no instance has the lease of the signals")
}

// files hands out what the server has on disk of tables and write-ahead log, after a checkpoint.
func (d *database) files(fn func(name string, content []byte)) error {
	conn, err := pgx.Connect(d.t.Context(), d.URL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(d.t.Context(), "CHECKPOINT")
	if err = errors.Join(err, conn.Close(d.t.Context())); err != nil {
		return err
	}
	for _, part := range []string{"base", "pg_wal"} {
		err := filepath.WalkDir(filepath.Join(d.data, part), func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
				return nil
			}
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			fn(part, content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
