// SPDX-License-Identifier: Apache-2.0

//go:build nextformat

package subject_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// Shared lends a store to other processes.
type Shared struct{ store subject.Store }

func (s Shared) Load(q Asked, a *Answered) error {
	a.Rows = q.Rows
	return s.store.Load(context.Background(), q.Space, a.Rows)
}

func (s Shared) Swap(q Asked, a *Answered) (err error) {
	a.Rows = q.Rows
	a.Lost, err = s.store.Swap(context.Background(), q.Space, a.Rows)
	return err
}

func (s Shared) Commit(q Asked, a *Answered) (err error) {
	a.OK, err = s.store.Commit(context.Background(), q.Changes)
	return err
}

func (s Shared) Scan(q Asked, a *Answered) error {
	return s.store.Scan(context.Background(), q.Space, q.From, func(rows []subject.Row) error {
		for _, r := range rows {
			r.Body = slices.Clone(r.Body)
			a.Rows = append(a.Rows, r)
		}
		return nil
	})
}

// upgrade is a store that this build, whose format is the next, and the build without the tag share.
type upgrade struct {
	t      *testing.T
	store  *storetest.InMemory
	keys   *keyring.Keyring
	dir    string // of the keys
	binary string // of the other build
	socket string
}

func newUpgrade(t *testing.T) *upgrade {
	u := &upgrade{t: t, store: storetest.Memory()}
	u.keys, u.dir = keysIn(t)
	temp, err := os.MkdirTemp("", "up") //nolint:usetesting // a socket's path must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	u.binary, u.socket = filepath.Join(temp, "old"), filepath.Join(temp, "s")
	if out, err := exec.Command("go", "test", "-c", "-o", u.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build without the tag: %v\n%s", err, out)
	}
	server := rpc.NewServer()
	must(t, server.Register(Shared{u.store}))
	l, err := net.Listen("unix", u.socket)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeCodec(jsonrpc.NewServerCodec(conn))
		}
	}()
	return u
}

// old has the build without the tag act. It gives what that prints.
func (u *upgrade) old(act string, more ...string) (string, error) {
	cmd := exec.Command(u.binary, "-test.run", "^TestActAsOtherBuild$")
	cmd.Env = append(append(os.Environ(), actEnv+"="+act, storeEnv+"="+u.socket, keysEnv+"="+u.dir), more...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (u *upgrade) directory() *subject.Directory {
	return subject.NewDirectory(subject.Options{Store: u.store, Keys: u.keys})
}

// formats gives the first byte of everybody's row.
func (u *upgrade) formats() map[subject.Key]byte {
	all := map[subject.Key]byte{}
	must(u.t, u.store.Scan(u.t.Context(), subject.People, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			all[rows[i].Key] = rows[i].Body[0]
		}
		return nil
	}))
	return all
}

// Two builds use one store, the newer goes on in its own format when told, and never leaves it.
func TestUpgradeBesideTheReleaseBefore(t *testing.T) {
	u := newUpgrade(t)
	d := u.directory()
	must(t, d.UseFormat(t.Context()))

	var said string
	var failed error
	done := make(chan struct{})
	go func() { defer close(done); said, failed = u.old("churn") }()
	for seed, beside := uint64(2), true; beside; seed++ {
		churn(t, d, u.keys, seed)
		select {
		case <-done:
			beside = false
		default:
		}
	}
	if failed != nil {
		t.Fatalf("the release before, beside this one: %v\n%s", failed, said)
	}

	// Rollback: the release before knows everybody as this one does.
	if n := len(u.formats()); n < churners {
		t.Fatalf("%d people are too few", n)
	}
	for k, format := range u.formats() {
		if format != 1 {
			t.Errorf("row %x has format %d before the upgrade is final", k[:2], format)
		}
	}
	want := list(t, d)
	got, err := u.old("list")
	if err != nil {
		t.Fatalf("rollback: %v\n%s", err, got)
	}
	for _, line := range want {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the release before knows somebody otherwise: want %s", line)
		}
	}
	if out, err := u.old("ready"); err != nil {
		t.Errorf("rollback: %v\n%s", err, out)
	}

	u.finalized(d)
}

// finalized takes the last step and holds what comes after it.
func (u *upgrade) finalized(d *subject.Directory) {
	t := u.t
	for i, want := range []int{1, subject.NewestFormat} { // again: it is so already
		if was, err := subject.Finalize(t.Context(), u.store); err != nil || was != want {
			t.Errorf("finalize, time %d: was %d, %v", i, was, err)
		}
	}
	before := list(t, d)
	late := u.directory() // an instance that has not heard of it yet
	must(t, d.UseFormat(t.Context()))
	if !slices.Equal(before, list(t, d)) {
		t.Error("finalizing has changed what is known")
	}
	churn(t, d, u.keys, 4)
	newer := u.formats()
	if !slices.Contains(valuesOf(newer), 2) {
		t.Error("no row has the next format")
	}
	churn(t, late, u.keys, 5)
	for k, format := range u.formats() {
		if format < newer[k] {
			t.Errorf("row %x was written back to format %d", k[:2], format)
		}
	}
	if out, err := u.old("ready"); err == nil || !strings.Contains(out, "the store has format 2 and this build reads formats up to 1") {
		t.Errorf("the release before starts: %v\n%s", err, out)
	}
	if out, err := u.old("list"); err == nil || !strings.Contains(out, subject.ErrFormat.Error()) {
		t.Errorf("the release before reads rows that it cannot: %v\n%s", err, out)
	}
	u.backedUp(d)
}

// backedUp brings a backup back into a new store, which has the format of the old one.
func (u *upgrade) backedUp(d *subject.Directory) {
	t := u.t
	var backup bytes.Buffer
	_, err := d.Backup(t.Context(), &backup)
	must(t, err)
	file := filepath.Join(t.TempDir(), "backup")
	must(t, os.WriteFile(file, backup.Bytes(), 0o600))
	if out, err := u.old("verify", fileEnv+"="+file); err == nil || !strings.Contains(out, subject.ErrBackupFormat.Error()) {
		t.Errorf("the release before takes the backup: %v\n%s", err, out)
	}
	fresh := storetest.Memory()
	_, err = subject.Restore(t.Context(), &backup, fresh, subject.RestoreOptions{Keys: u.keys, Stopped: true, Replay: nothing})
	must(t, err)
	if format, err := subject.StoreFormat(t.Context(), fresh); err != nil || format != 2 {
		t.Errorf("the restored store has format %d, %v", format, err)
	}
	again := subject.NewDirectory(subject.Options{Store: fresh, Keys: u.keys})
	if !slices.Equal(list(t, d), list(t, again)) {
		t.Error("the restored store knows people otherwise")
	}
}

// A store of a format that no build knows is refused, also while it is used.
func TestUpgradeBeyondThisBuild(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	put(t, h.store, subject.Meta, subject.MetaKey("format"), []byte{3})
	for what, err := range map[string]error{
		"start": subject.Ready(t.Context(), h.store), "use": h.UseFormat(t.Context()), "finalize": func() error { _, err := subject.Finalize(t.Context(), h.store); return err }(),
	} {
		if !errors.Is(err, subject.ErrFinalized) || !strings.Contains(fmt.Sprint(err), "format 3") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	put(t, h.store, subject.Meta, subject.MetaKey("format"), []byte{2, 0})
	if err := h.UseFormat(t.Context()); !errors.Is(err, subject.ErrDamaged) {
		t.Errorf("a damaged row: got %v", err)
	}
}

// What format 2 adds comes when a row is written in it, stays, and ends with the secret.
func TestUpgradeAddsToRows(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	before := len(bodyOf(t, h.store, subject.People, h.key("1")))
	_, err := subject.Finalize(t.Context(), h.store)
	must(t, err)
	must(t, h.UseFormat(t.Context()))
	h.say("1", allow(consent.Consent, "ads", 5))
	h.say("2", allow(consent.Consent, "ads", 5))
	written := bodyOf(t, h.store, subject.People, h.key("1"))
	other := bodyOf(t, h.store, subject.People, h.key("2"))
	if written[0] != 2 || other[0] != 2 || len(written) <= before {
		t.Errorf("formats %d and %d, %d bytes after %d", written[0], other[0], len(written), before)
	}
	must(t, h.Touch(t.Context(), []subject.Key{h.key("1")}, subject.Day(start.UnixMilli())+400))
	p := h.look("1")
	if p.LastSeen != subject.Day(start.UnixMilli())+400 || !p.HasSecret {
		t.Errorf("seen on day %d", p.LastSeen)
	}
}

func valuesOf(m map[subject.Key]byte) (all []byte) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
