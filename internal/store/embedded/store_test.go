// SPDX-License-Identifier: Apache-2.0

package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func open(t testing.TB, dir string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(dir, embedded.Options{Logger: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConform(t *testing.T) {
	storetest.Conform(t, func(t *testing.T) func() subject.Store {
		dir := t.TempDir()
		return func() subject.Store { return open(t, dir) }
	})
}

func TestOpenRefuses(t *testing.T) {
	taken := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	newer := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.Symlink(taken, link), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := open(t, taken)
	defer func() { _ = s.Close() }()
	writeLevel(t, newer, 2)
	for _, test := range []struct{ name, dir, want string }{
		{"a store that is open", taken, "the store is in use by another process"},
		{"a store that is open by another name", link, "the store is in use by another process"},
		{"a newer format", newer, "newer release; update nymstream"},
		{"a file", file, "make the store's folder"},
	} {
		other, err := embedded.Open(test.dir, embedded.Options{})
		if err == nil {
			_ = other.Close()
		}
		if !errors.Is(err, event.ErrFatal) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want a fatal error with %q", test.name, err, test.want)
		}
	}
	writeLevel(t, newer, 1)
	if err := open(t, newer).Close(); err != nil {
		t.Error(err)
	}
}

// writeLevel pretends that a release has written the store.
func writeLevel(t *testing.T, dir string, level byte) {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatWALSyncChunks})
	if err == nil {
		err = errors.Join(db.Set([]byte{0, 'l'}, []byte{level}, pebble.Sync), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	s := open(t, dir)
	defer func() { _ = s.Close() }()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v, want 0700", info.Mode().Perm(), err)
	}
}
